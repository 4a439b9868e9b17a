"""The tokens of a vision transformer as a map of the image."""

from __future__ import annotations

import math

from keras import ops

from keras_advxai._typing import Tensor


def token_map(tokens: Tensor) -> Tensor:
    """Tokens laid out as the square that they come from, without the class token before them.

    As few leading tokens are dropped as leaves a square: 197 tokens become 14x14, the first one dropped.

    Args:
        tokens: `(batch, tokens, channels)`, row by row, with class tokens (if any) in front.

    Returns:
        A map, `(batch, side, side, channels)`.

    Raises:
        ValueError: They have another rank, or their number is not known.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops.tokens import token_map
    >>> token_map(np.arange(5.0).reshape(1, 5, 1))[0, :, :, 0].numpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    tokens = ops.convert_to_tensor(tokens)
    if len(tokens.shape) != 3 or tokens.shape[1] is None:
        raise ValueError(
            "Tokens must have the shape (batch, tokens, channels), and their number must be known. "
            f"Received: shape={tuple(tokens.shape)}. Pass a layer that returns tokens, or a function as "
            "`reshape_transform`."
        )
    side = math.isqrt(tokens.shape[1])
    return ops.reshape(tokens[:, tokens.shape[1] - side * side :], (-1, side, side, tokens.shape[2]))
