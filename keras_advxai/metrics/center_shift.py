"""How far the centre of a heatmap moves."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai.metrics.maps import with_blank
from keras_advxai.metrics.registry import register


@register(upper=1)
def center_shift(heatmaps: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """The distance between the centres of mass of the two heatmaps of every pair, as a share of the diagonal.

    The diagonal is the distance between the centres of two opposite corner pixels, so that 1 is the way from one
    corner to the other. 0 means that the centres are the same, which those of two quite different maps may be. A
    dimension of size 1 adds nothing.

    The centre of a constant map is the middle of the image. Two blank heatmaps (all zeros) are at 0; a blank one, which
    has no centre, and any other at 1. Two maps of a single position, neither of them blank, are at 0.

    Args:
        heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)`, such as `(batch, height, width, 1)`.
        others: Heatmaps to compare with, of the same shape.

    Returns:
        float64 values in [0, 1], shape `(batch,)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.metrics import center_shift
    >>> corner, edge = np.zeros((1, 5, 4, 1)), np.zeros((1, 5, 4, 1))
    >>> corner[:, 0, 0], edge[:, 0, 3] = 1.0, 1.0
    >>> center_shift(corner, edge)  # 3 pixels of a diagonal of 5
    array([0.6])

    References:
        - [Ghorbani et al. 2019, Interpretation of neural networks is fragile](https://arxiv.org/abs/1710.10547)
    """
    (a, blank), (b, other_blank) = _center(heatmaps), _center(others)
    sides = tf.cast(tf.shape(heatmaps)[1:-1], tf.float64)
    diagonal = tf.sqrt(tf.reduce_sum(tf.square(sides - 1)))  # 0 for a single position, which nothing can leave
    distances = tf.math.divide_no_nan(tf.sqrt(tf.reduce_sum(tf.square(a - b), axis=1)), diagonal)
    return with_blank(tf.minimum(distances, 1), blank, other_blank)


def _center(maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each map's centre of mass in pixels, `(batch, dimensions)`, and whether the map is blank, `(batch,)`."""
    masses = tf.maximum(tf.cast(maps, tf.float64), 0)  # below 0 is rounding, and no mass
    axes = range(1, len(maps.shape) - 1)
    total = tf.reduce_sum(masses, axis=(*axes, len(axes) + 1))
    centers = []
    for axis in axes:
        along = tf.reduce_sum(masses, axis=[other for other in range(1, len(maps.shape)) if other != axis])
        positions = tf.range(tf.cast(tf.shape(maps)[axis], tf.float64), dtype=tf.float64)
        centers.append(tf.math.divide_no_nan(tf.linalg.matvec(along, positions), total))
    return tf.stack(centers, axis=1), tf.equal(total, 0)
