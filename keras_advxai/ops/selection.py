"""One tensor where a condition holds and another one elsewhere, for tensors as large as batches of images."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Tensor


def select(chosen: Tensor, first: Tensor, second: Tensor) -> tf.Tensor:
    """The elements, or the rows, of one tensor where they are chosen, and those of another elsewhere.

    What is not chosen does not matter: it may be NaN.

    Args:
        chosen: Booleans, of the shape of the tensors, or `(batch,)` for whole rows.
        first: A tensor, `(batch, ...)`.
        second: Another one, of the same shape and dtype.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import selection
    >>> first, second = np.ones((2, 2), "float32"), np.zeros((2, 2), "float32")
    >>> selection.select([True, False], first, second).numpy().tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    # The operation that does not broadcast. `tf.where` broadcasts even where all shapes are equal, unless they are
    # known while it is traced, which a batch's are not, and takes four times as long on a batch of images.
    return tf.compat.v1.where(chosen, first, second)
