"""What is wrong with a journal."""

from __future__ import annotations


class JournalError(ValueError):
    """A journal is damaged, in use, or of another evaluation. What it holds is left as it is."""
