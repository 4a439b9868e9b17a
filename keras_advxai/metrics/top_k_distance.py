"""Whether two heatmaps agree on which pixels matter most."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai.metrics.maps import flat, with_blank
from keras_advxai.metrics.registry import register


@register(upper=1)
def top_k_distance(heatmaps: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """One minus the share of the hottest 10 % of pixels that the two heatmaps of every pair have in common.

    0 means that the same pixels are hottest in both, 1 that they have none in common. The number of pixels is rounded
    up, so that it is at least one. Of equal values those that come first in the order of reading count as hotter, in
    both maps alike. A pixel of value 0 is no evidence and never among the hottest: where a map has fewer pixels above
    0, there are fewer, and the share is of the larger of the two sets.

    So two blank heatmaps (all zeros) are at 0, and a blank one and any other at 1. In a constant map the first tenth
    of the pixels is hottest; two constant maps are at 0, and so are two maps of a single position.

    Args:
        heatmaps: Heatmaps with values in [0, 1], shape `(batch, *positions, 1)`, such as `(batch, height, width, 1)`.
        others: Heatmaps to compare with, of the same shape.

    Returns:
        float64 values in [0, 1], shape `(batch,)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.metrics import top_k_distance
    >>> ramp = np.linspace(0, 1, 20).reshape(1, 4, 5, 1)
    >>> turned = ramp.copy()
    >>> turned[0, 3, 3] = 0  # one of the two hottest
    >>> top_k_distance(ramp, turned)
    array([0.5])

    References:
        - [Ghorbani et al. 2019, Interpretation of neural networks is fragile](https://arxiv.org/abs/1710.10547)
    """
    first, second = flat(heatmaps), flat(others)
    shape = tf.shape(first)
    k = (shape[1] + 9) // 10  # one at least, and in whole numbers
    (a, a_hot), (b, b_hot) = _hottest(first, k), _hottest(second, k)
    # One of the two sets is drawn into a map of all positions, and the other one looked up there.
    starts = tf.range(shape[0])[:, None] * shape[1]
    drawn = tf.scatter_nd(tf.reshape(a + starts, [-1, 1]), tf.reshape(a_hot, [-1]), [shape[0] * shape[1]])
    shared = tf.reduce_sum(tf.gather(drawn, b + starts) * b_hot, axis=1)
    sizes = tf.reduce_sum(a_hot, axis=1), tf.reduce_sum(b_hot, axis=1)
    distances = 1 - tf.cast(shared, tf.float64) / tf.cast(tf.maximum(tf.maximum(*sizes), 1), tf.float64)
    return with_blank(distances, *(tf.equal(size, 0) for size in sizes))


def _hottest(rows: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The positions of the k largest values, `(batch, k)`, and 1 for each that is above 0, else 0."""
    # Of equal values it takes those with the lower index, in both maps alike, so that constant maps agree.
    values, positions = tf.math.top_k(rows, k, sorted=False)
    return positions, tf.cast(values > 0, tf.int32)
