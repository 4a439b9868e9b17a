"""Whether what was received is one of some names. Loads nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def is_one_of(value: Any, names: Collection[str]) -> bool:
    """Whether a value is one of some names, whatever it is.

    Args:
        value: What was received.
        names: The names.

    Example:

    >>> from keras_advxai._choice import is_one_of
    >>> is_one_of("l2", ("linf", "l2")), is_one_of(["l2"], ("linf", "l2"))
    (True, False)
    """
    # `in` asks each name for `==`, which of an array is an array, and of a tensor an error of TensorFlow's.
    return isinstance(value, str) and value in names
