"""What a user gives as numbers, as an array."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_array(values: Any, where: str, dtype: str | None = None) -> np.ndarray:
    """The values as an array, of which all rows are of one length.

    Args:
        values: An array, or nested sequences.
        where: What they are called in messages, such as "Argument `targets`".
        dtype: What the values are cast to. Defaults to `None`, nothing.

    Raises:
        ValueError: Rows are of several lengths.
    """
    try:
        return np.asarray(values, dtype)
    except ValueError as error:
        if "inhomogeneous" not in str(error):  # such as a word among numbers
            raise
        # NumPy's own message names no argument, and of several nobody knows which was meant.
        lengths = sorted({len(row) if hasattr(row, "__len__") else 1 for row in values})
        shown = " and ".join(map(str, lengths)) if len(lengths) > 1 else f"{lengths[0]}, whose own rows differ"
        raise ValueError(
            f"{where} must be one array. Received: a {type(values).__name__} of {len(values)} rows of length {shown}"
        ) from error
