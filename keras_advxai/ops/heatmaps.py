"""From a raw map of evidence to a heatmap: resizing, normalising, detecting blank ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf
from keras import ops

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Tensor


def resize(maps: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """Maps at the inputs' size: linear in each dimension with half-pixel centres, as `tf.image.resize`.

    Args:
        maps: `(batch, *positions, channels)` with 1 to 3 dimensions of positions; maps of images:
            `(batch, height, width, 1)`.
        size: The inputs' size, a number for each dimension of positions, as `(height, width)` of images in
            pixels. Numbers or an int32 tensor.

    Returns:
        Maps, `(batch, *size, channels)`.

    Raises:
        ValueError: The maps have no dimension of positions or more than three, or `size` is not one number
            for each.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import heatmaps
    >>> step = np.array([0, 1], "float32").reshape(1, 2, 1)
    >>> heatmaps.resize(step, [4]).numpy().ravel().tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    maps = ops.convert_to_tensor(maps)
    dimensions = len(maps.shape) - 2
    if dimensions not in _RESIZE:
        raise ValueError(
            "Argument `maps` must have the shape (batch, *positions, channels) with 1 to 3 dimensions of "
            f"positions. Received: maps.shape={maps.shape}"
        )
    entries = tuple(size.shape) if hasattr(size, "shape") else (len(size),)
    if entries not in ((dimensions,), (None,)):
        raise ValueError(
            f"Argument `size` must hold a number for each dimension of positions, {dimensions}. "
            f"Received: size={size} for maps.shape={maps.shape}"
        )
    return ops.cast(_RESIZE[dimensions](maps, size), maps.dtype)  # `tf.image.resize` returns float32


def resize_corners(maps: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """Maps at another size, linear in each dimension, with the corners of both on one another.

    As `scipy.ndimage.zoom` of order 1, and `align_corners=True` elsewhere; `resize` puts the edges on one another.

    Args:
        maps: `(batch, *positions, channels)` float32, with any number of dimensions of positions.
        size: The size, a number for each dimension of positions. Numbers or an int32 tensor.

    Returns:
        Maps, `(batch, *size, channels)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import heatmaps
    >>> step = np.array([0, 1], "float32").reshape(1, 2, 1)
    >>> heatmaps.resize_corners(step, [5]).numpy().ravel().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    maps = tf.convert_to_tensor(maps)
    for axis in range(1, maps.shape.rank - 1):
        before, after = tf.shape(maps)[axis], size[axis - 1]
        scale = tf.cast(before - 1, tf.float32) / tf.cast(tf.maximum(after - 1, 1), tf.float32)
        # Each new position is a mean of the two old ones around it, so a row of this matrix has two entries.
        places = tf.range(tf.cast(after, tf.float32))[:, None] * scale
        mix = tf.nn.relu(1 - tf.abs(places - tf.range(tf.cast(before, tf.float32))[None]))
        # `tensordot` brings the new dimension to the end.
        order = [*range(axis), maps.shape.rank - 1, *range(axis, maps.shape.rank - 1)]
        maps = tf.transpose(tf.tensordot(maps, mix, axes=[[axis], [1]]), order)
    return maps


def normalize(maps: Tensor, method: str = "max") -> Tensor:
    """Maps divided by each image's largest absolute value.

    Nothing is added to the divisor: a map of 1e-13 is a map. A map that is zero everywhere stays zero.

    Args:
        maps: `(batch, *positions, 1)`; maps of images: `(batch, height, width, 1)`.
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
    if not is_one_of(method, ("max", "min_max")):
        raise ValueError(f"Argument `method` must be max or min_max. Received: method={method!r}")
    if method == "min_max":
        # For comparison with tf-keras-vis alone: zero stops meaning "no evidence".
        maps = maps - ops.min(maps, axis=_but_batch(maps), keepdims=True)
    # Not `maps / (max + eps)`: gradients behind a saturated softmax are tiny, and their map would look blank.
    return ops.divide_no_nan(maps, ops.max(ops.abs(maps), axis=_but_batch(maps), keepdims=True))


def is_blank(maps: Tensor) -> Tensor:
    """Which maps show no evidence at all: zero everywhere.

    Args:
        maps: `(batch, *positions, 1)`; maps of images: `(batch, height, width, 1)`.

    Returns:
        Booleans, `(batch,)`.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> maps = np.stack([np.zeros((2, 2, 1)), np.ones((2, 2, 1))])
    >>> kax.explainers.is_blank(maps).numpy().tolist()
    [True, False]
    """
    # Exactly zero, and no threshold: a map of 1e-13 has evidence, which normalising makes visible.
    return ops.logical_not(ops.any(maps != 0, axis=_but_batch(maps)))


def _but_batch(maps: Tensor) -> tuple[int, ...]:
    return tuple(range(1, len(maps.shape)))


def _resize_steps(maps: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """As images one pixel wide."""
    return tf.image.resize(maps[:, :, None], [size[0], 1])[:, :, 0]


def _resize_frames(maps: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """Along the frames, with the pixels as channels, then frame by frame."""
    batch, frames, *frame = ops.shape(maps)
    # `tf.image.resize` knows two dimensions; linear interpolation is separable.
    maps = _resize_steps(ops.reshape(maps, (batch, frames, math.prod(frame))), size)
    maps = tf.image.resize(ops.reshape(maps, (-1, *frame)), size[1:])
    return ops.reshape(maps, (batch, size[0], size[1], size[2], frame[-1]))


_RESIZE: dict[int, Callable[[Tensor, Sequence[int] | Tensor], Tensor]] = {
    1: _resize_steps,
    2: tf.image.resize,
    3: _resize_frames,
}
