"""The same network, built in every way that Keras offers."""

from __future__ import annotations

from kinds import WRAPPED
from kinds.contract import Explained, each


@each(WRAPPED)
class TestWrapped(Explained):
    """Attacks, explanations and evaluations."""
