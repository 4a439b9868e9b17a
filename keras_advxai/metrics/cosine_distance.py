"""The cosine distance of two heatmaps, as vectors of pixels."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai.metrics.maps import flat, with_blank
from keras_advxai.metrics.registry import register


@register(upper=1)
def cosine_distance(heatmaps: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """One minus the cosine of the angle between the two heatmaps of every pair, taken as vectors of pixels.

    0 means that the two are proportional, 1 that no pixel is above 0 in both. How bright a map is as a whole does not
    count. Two constant maps are at 0 (up to rounding, if their values differ), and so are two of a single position.
    Two blank heatmaps (all zeros) are at 0; a blank one and any other, with which it has nothing in common, at 1.

    Args:
        heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)`, such as `(batch, height, width, 1)`.
        others: Heatmaps to compare with, of the same shape.

    Returns:
        float64 values in [0, 1], shape `(batch,)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.metrics import cosine_distance
    >>> left, both = np.array([1.0, 0.0]).reshape(1, 1, 2, 1), np.ones((1, 1, 2, 1))
    >>> cosine_distance(left, both).round(3)  # 45 degrees
    array([0.293])
    """
    (a, blank), (b, other_blank) = _unit(heatmaps), _unit(others)
    # Half the squared difference of unit vectors is 1 - cos, exactly 0 for equal maps.
    distances = tf.reduce_sum(tf.square(a - b), axis=1) / 2
    return with_blank(tf.minimum(distances, 1), blank, other_blank)  # beyond 1 is rounding


def _unit(maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each map as a vector of length 1, `(batch, positions)`, and whether it is blank, `(batch,)`."""
    rows = tf.cast(flat(maps), tf.float64)
    peak = tf.reduce_max(rows, axis=1, keepdims=True)
    rows = tf.math.divide_no_nan(rows, peak)  # or the squares of a faint map would underflow
    length = tf.sqrt(tf.reduce_sum(tf.square(rows), axis=1, keepdims=True))
    return tf.math.divide_no_nan(rows, length), tf.equal(peak[:, 0], 0)
