"""What every dissimilarity requires of the two batches of heatmaps that it compares."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from keras import ops

from keras_advxai._typing import Tensor

TOLERANCE = 1e-6  # resizing and dividing round
RANKS = (3, 4, 5)


def as_pair(heatmaps: Tensor, others: Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Both batches as tensors of one shape, `(batch, *positions, 1)`, float32 or float64.

    Args:
        heatmaps: Heatmaps, `(batch, *positions, 1)` with 1 to 3 dimensions of positions, or `(batch, height, width)`.
        others: Heatmaps of the same shape.

    Raises:
        ValueError: If a shape is not that of heatmaps, or the two differ. Where they are known also if a value
            is not finite or outside [0, 1] by more than 1e-6.
    """
    first, second = _as_maps("heatmaps", heatmaps), _as_maps("others", others)
    if not first.shape.is_compatible_with(second.shape):
        raise ValueError(
            "Arguments `heatmaps` and `others` must have the same shape, one pair per image. "
            f"Received: heatmaps.shape={first.shape}, others.shape={second.shape}"
        )
    if known(first, second):  # in a graph they are not
        for name, maps in (("heatmaps", first), ("others", second)):
            _check_range(name, np.asarray(maps))
    return first, second


def known(*maps: tf.Tensor) -> bool:
    """Whether the values are there to be looked at, rather than stand for what a graph will be given."""
    return not any(tf.is_symbolic_tensor(each) for each in maps)


def flat(maps: tf.Tensor) -> tf.Tensor:
    """One row of positions for each map, `(batch, positions)`, in the order of reading; negative values become 0."""
    shape = tf.shape(maps)
    # Not -1, which cannot be inferred of an empty batch. Values below 0 are rounding, but a sum of them in the place
    # of a blank map's 0 would pass for evidence.
    return tf.maximum(tf.reshape(maps, [shape[0], tf.reduce_prod(shape[1:])]), 0)


def with_blank(distances: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The distances with those of blank maps put in: 0 where both are blank, 1 where one is.

    A blank map has no direction, no hottest pixels and no centre, so that it has nothing in common with any other.

    Args:
        distances: What was found, of any value where a map is blank, `(batch,)`.
        first: Whether each of the maps is blank, bool, `(batch,)`.
        second: The same of the others.
    """
    one = tf.cast(tf.not_equal(first, second), distances.dtype)
    return tf.where(tf.logical_or(first, second), one, distances)


def _as_maps(name: str, maps: Tensor) -> tf.Tensor:
    try:
        maps = ops.convert_to_tensor(maps)
    except Exception as error:  # heatmaps of several sizes in a list, words, objects: each has an error of its own
        raise ValueError(
            f"Argument `{name}` must be one array of heatmaps of one size. Received: {str(error)[:200]}"
        ) from error
    if not isinstance(maps, tf.Tensor) or not (maps.dtype.is_floating or maps.dtype.is_integer or maps.dtype.is_bool):
        kind = maps.dtype.name if isinstance(maps, tf.Tensor) else type(maps).__name__
        raise ValueError(f"Argument `{name}` must be an array of numbers. Received: {kind}")
    if maps.shape.rank == 3 and maps.shape[-1] != 1:  # (batch, steps, 1) is a signal
        maps = maps[..., None]
    if maps.shape.rank not in RANKS or maps.shape[-1] != 1 or 0 in maps.shape[1:]:
        raise ValueError(
            f"Argument `{name}` must have the shape (batch, *positions, 1) with 1 to 3 dimensions of positions, "
            "such as (batch, height, width, 1), or be (batch, height, width): heatmaps, one channel per image, "
            "not pictures of heatmaps. "
            f"Received: {name}.shape={maps.shape}"
        )
    # Half precision and whole numbers are exact in float32, and neither NumPy nor SciPy takes all of them.
    return maps if maps.dtype in (tf.float32, tf.float64) else tf.cast(maps, tf.float32)


def _check_range(name: str, maps: np.ndarray) -> None:
    # Written so that NaN, which compares as False, fails too.
    if maps.size and not (maps.min() >= -TOLERANCE and maps.max() <= 1 + TOLERANCE):
        raise ValueError(
            f"Argument `{name}` must hold finite values in [0, 1]; normalise each heatmap first, "
            f"dividing it by its maximum. Received: {name} with values from {float(maps.min()):.4g} to "
            f"{float(maps.max()):.4g}"
        )
