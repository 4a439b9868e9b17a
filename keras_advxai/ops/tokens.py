"""The tokens of a vision transformer as a map of the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from keras import ops

from keras_advxai._typing import Tensor

_REGISTERS = 5
"""A class token and four registers are the most that transformers put in front."""


def token_map(tokens: Tensor, size: Sequence[int | None] | None = None) -> Tensor:
    """Tokens laid out as the grid of patches that they come from, without the class token before them.

    As few leading tokens are dropped as leaves such a grid: 197 tokens of a square image become 14x14, the first one
    dropped; 9 tokens of an image of 32x64 pixels become 2x4.

    Args:
        tokens: `(batch, tokens, channels)`, row by row, with class tokens (if any) in front.
        size: Height and width of the image. Defaults to `None`, a square.

    Returns:
        A map, `(batch, rows, columns, channels)`.

    Raises:
        ValueError: They have another rank, their number is not known, or no grid in the image's proportions has
            so many.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops.tokens import token_map
    >>> token_map(np.arange(5.0).reshape(1, 5, 1))[0, :, :, 0].numpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> token_map(np.arange(9.0).reshape(1, 9, 1), (32, 64))[0, :, :, 0].numpy().tolist()
    [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
    """
    tokens = ops.convert_to_tensor(tokens)
    if len(tokens.shape) != 3 or tokens.shape[1] is None:
        raise ValueError(
            "Tokens must have the shape (batch, tokens, channels), and their number must be known. "
            f"Received: shape={tuple(tokens.shape)}. Pass a layer that returns tokens, or a function as "
            "`reshape_transform`."
        )
    count = tokens.shape[1]
    rows, columns = _grid(count, size)
    return ops.reshape(tokens[:, count - rows * columns :], (-1, rows, columns, tokens.shape[2]))


def _grid(count: int, size: Sequence[int | None] | None) -> tuple[int, int]:
    """How many rows and columns of patches so many tokens are."""
    side = math.isqrt(count)
    if size is None or len(size) != 2 or None in size or size[0] == size[1]:
        return side, side
    height, width = (int(length) for length in size if length is not None)
    # Where patches do not divide the image, it was cut or filled, and many grids are nearly in its proportions.
    for grids, most in ((_whole(height, width), _REGISTERS), (_rounded(height, width), 1)):
        fitting = [(count - rows * columns, rows, columns) for rows, columns in grids]
        fitting = [item for item in fitting if 0 <= item[0] <= most]
        if fitting:
            _, rows, columns = min(fitting)
            return rows, columns
    if count - side * side <= 1:
        return side, side  # resized to a square in front of the patches
    raise ValueError(
        f"{count} tokens are no grid of patches of an image of {height}x{width} pixels, with a class token or without. "
        "Pass a function from (batch, tokens, channels) to (batch, height, width, channels) as `reshape_transform`."
    )


def _whole(height: int, width: int) -> Iterator[tuple[int, int]]:
    for patch in range(1, min(height, width) + 1):
        if height % patch == 0 and width % patch == 0:
            yield height // patch, width // patch


def _rounded(height: int, width: int) -> Iterator[tuple[int, int]]:
    for patch in range(1, min(height, width) + 1):
        yield height // patch, width // patch
        yield -(-height // patch), -(-width // patch)
