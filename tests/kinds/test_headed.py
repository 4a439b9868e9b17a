"""The same network with other heads, more outputs, one channel, and layers that do nothing outside of training."""

from __future__ import annotations

from kinds import HEADED
from kinds.contract import Explained, each


@each(HEADED)
class TestHeaded(Explained):
    """Attacks, explanations and evaluations."""
