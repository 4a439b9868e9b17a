"""From a raw map of evidence to a heatmap: resizing, normalising, telling the blank ones."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor


def resize(maps: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """Maps at the images' size, bilinear with half-pixel centres, as `tf.image.resize`.

    Args:
        maps: `(batch, height, width, 1)`.
        size: `(height, width)` of the images, in pixels, as numbers or as a tensor.

    Returns:
        Maps, `(batch, *size, 1)`.
    """
    maps = ops.convert_to_tensor(maps)
    return ops.cast(tf.image.resize(maps, size), maps.dtype)


def normalize(maps: Tensor, method: str = "max") -> Tensor:
    """Maps divided by each image's largest absolute value.

    Nothing is added to the divisor: a map of 1e-13 is a map. A map that is zero everywhere stays zero.

    Args:
        maps: `(batch, height, width, 1)`.
        method: `"max"`, or `"min_max"` which subtracts each image's minimum first (as tf-keras-vis does;
            it erases a constant positive map). Defaults to `"max"`.

    Returns:
        Maps in [0, 1], or in [-1, 1] where `maps` has negative values and `method` is `"max"`.

    Raises:
        ValueError: The method is unknown.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import heatmaps
    >>> tiny = np.array([1e-13, 5e-14], "float32").reshape(1, 1, 2, 1)
    >>> heatmaps.normalize(tiny).numpy().ravel().tolist()
    [1.0, 0.5]
    """
    if method not in ("max", "min_max"):
        raise ValueError(f"Argument `method` must be max or min_max. Received: method={method!r}")
    if method == "min_max":
        maps = maps - ops.min(maps, axis=(1, 2, 3), keepdims=True)
    return ops.divide_no_nan(maps, ops.max(ops.abs(maps), axis=(1, 2, 3), keepdims=True))


def is_blank(maps: Tensor) -> Tensor:
    """Which maps show no evidence at all: zero everywhere.

    Args:
        maps: `(batch, height, width, 1)`.

    Returns:
        Booleans, `(batch,)`.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> maps = np.stack([np.zeros((2, 2, 1)), np.ones((2, 2, 1))])
    >>> kax.explainers.is_blank(maps).numpy().tolist()
    [True, False]
    """
    return ops.logical_not(ops.any(maps != 0, axis=(1, 2, 3)))
