"""Losses on logits, one value for each image, larger where the model is more wrong."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from keras_advxai._registry import nearest
from keras_advxai._typing import Tensor


def log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """Negative log-odds of the label: `logsumexp over k != y of z_k - z_y`.

    Its gradient is that of cross-entropy divided by `1 - p_y`: the same direction, which does not
    underflow to zero where the model is confident.

    Args:
        logits: `(batch, classes)`, float32, two classes or more.
        labels: Class indices, `(batch,)`.

    Returns:
        Losses, `(batch,)`. Positive where the other classes together outweigh the label.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import losses
    >>> losses.log_odds(np.array([[40.0, 0.0]], "float32"), np.array([0])).numpy().tolist()
    [-40.0]
    """
    hit = ops.cast(ops.one_hot(labels, logits.shape[-1]), "bool")
    others = ops.where(hit, ops.cast(-float("inf"), logits.dtype), logits)
    return ops.logsumexp(others, axis=-1) - pick(logits, labels)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the label: `logsumexp over k of z_k - z_y`.

    Args:
        logits: `(batch, classes)`, float32.
        labels: Class indices, `(batch,)`.

    Returns:
        Losses, `(batch,)`. The gradient is `softmax(z) - onehot(y)`, which is exactly zero in float32
        where the label leads by a gap of about 17.
    """
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"log_odds": log_odds, "cross_entropy": cross_entropy}


def check_loss(loss: str) -> str:
    """Return `loss` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    if loss not in LOSSES:
        raise ValueError(
            f"Argument `loss` must be one of {', '.join(LOSSES)}.{nearest(str(loss), LOSSES)} Received: loss={loss!r}"
        )
    return loss


def pick(values: Tensor, indices: Tensor) -> Tensor:
    """One value of each row, `(batch,)`.

    `tf.gather_nd` and its gradient are quicker to trace than a gather with batch dimensions.

    Args:
        values: `(batch, classes)`.
        indices: Class indices, `(batch,)`.
    """
    rows = tf.range(tf.shape(values)[0])
    return tf.gather_nd(values, tf.stack([rows, tf.cast(indices, tf.int32)], axis=-1))
