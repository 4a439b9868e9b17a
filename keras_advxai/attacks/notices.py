"""What attacks warn of."""

from __future__ import annotations


class NonFinitePixelWarning(UserWarning):
    """An attack of a user's own made pixels NaN, which are left as they were."""
