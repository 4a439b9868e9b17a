"""What a user gives as numbers, as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor


def as_array(values: Any, where: str, dtype: str | None = None) -> np.ndarray:
    """The values as an array, of which all rows are of one length.

    Args:
        values: An array, or nested sequences.
        where: What they are called in messages, such as "Argument `targets`".
        dtype: What the values are cast to. Defaults to `None`, nothing.

    Raises:
        ValueError: Rows are of several lengths.
        TypeError: They are no array.
    """
    try:
        return np.asarray(values, dtype)
    except Exception as error:
        if not (isinstance(error, ValueError) and "inhomogeneous" in str(error)):
            # A symbolic or sparse tensor, a ragged one, a word among numbers: each has an error of its own.
            said = str(error)[:200]
            raise TypeError(f"{where} must be an array. Received: {type(values).__name__}: {said}") from error
        # NumPy's own message names no argument, and of several nobody knows which was meant.
        lengths = sorted({len(row) if hasattr(row, "__len__") else 1 for row in values})
        shown = " and ".join(map(str, lengths)) if len(lengths) > 1 else f"{lengths[0]}, whose own rows differ"
        raise ValueError(
            f"{where} must be one array. Received: a {type(values).__name__} of {len(values)} rows of length {shown}"
        ) from error


def is_real(values: np.ndarray) -> bool:
    """Whether an array holds real numbers, or `False` and `True`: neither words nor dates, spans of time or complex."""
    return values.dtype.kind in "biuf"  # to NumPy, a span of time is an integer


def as_tensor(values: Any) -> Tensor:
    """The values as a tensor, those of more than 64 bits, which TensorFlow has not, among them.

    Args:
        values: An array or a tensor.

    Raises:
        TypeError: It is neither.
    """
    # A long double is what NumPy calculates with where it is asked for the most, and on some machines a float64 itself.
    if getattr(values, "dtype", None) == np.longdouble:
        values = np.asarray(values, "float64")
    try:
        return tf.convert_to_tensor(values)
    except Exception as error:  # objects, nothing, rows of several lengths: each has an error of its own
        raise TypeError(f"The inputs must be arrays. Received: {type(values).__name__}: {str(error)[:200]}") from error
