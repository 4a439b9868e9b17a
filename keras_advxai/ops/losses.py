"""Losses on logits, one value for each image, larger where the model is more wrong."""

from __future__ import annotations

from collections.abc import Callable

import keras
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
    return ops.logsumexp(others, axis=-1) - _pick(logits, labels)


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


def _pick(values: Tensor, indices: Tensor) -> Tensor:
    return ops.take_along_axis(values, ops.expand_dims(indices, -1), axis=-1)[:, 0]
