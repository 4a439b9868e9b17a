"""How many images go through the model at once, where an explainer makes passes of its own."""

from __future__ import annotations

import math

import tensorflow as tf

from keras_advxai._typing import Tensor

_VALUES = 5_000_000
_MOST = 1024


def images_that_fit(images: Tensor) -> int | Tensor:
    """How many images of this size make a batch that is neither slow nor large: 5 million values, 1024 images at most.

    That is 33 images of 224x224x3, about as many as a CPU is quickest with, and a single one from 913x913x3 on: what
    a pass holds grows with it, by what the model makes of each value.

    Args:
        images: Images, `(batch, height, width, channels)`.

    Returns:
        The number; a scalar int32 tensor where a side is open while a graph is traced.

    Example:

    >>> import tensorflow as tf
    >>> from keras_advxai.explainers.sizes import images_that_fit
    >>> [images_that_fit(tf.zeros((1, side, side, 3))) for side in (28, 224, 1000, 2000)]
    [1024, 33, 1, 1]
    """
    shape = images.shape[1:]
    if None in shape:  # of a fully convolutional model: known when the graph runs
        values = tf.reduce_prod(tf.shape(images, tf.int64)[1:])
        return tf.cast(tf.clip_by_value(_VALUES // tf.maximum(values, 1), 1, _MOST), tf.int32)
    return min(max(_VALUES // max(math.prod(shape), 1), 1), _MOST)
