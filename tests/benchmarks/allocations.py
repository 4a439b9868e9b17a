"""What `test_peak_memory.py` measures in a fresh process."""

from __future__ import annotations

from collections.abc import Callable


def allocation(before: int, during: int) -> Callable[[], bytes]:
    """Takes and gives back so many MB while it prepares, and so many in the call."""
    del [b"x" * (before * 10**6)][:]
    return lambda: b"x" * (during * 10**6)


def failure() -> Callable[[], None]:
    raise ArithmeticError("nothing to measure")
