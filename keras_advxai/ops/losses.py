"""Losses on logits, one value for each image, larger where the model is more wrong."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from keras_advxai._choice import check_one_of
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
    # Not from the probabilities: from a gap of some 17 logits on, the label's is exactly 1 in float32.
    return ops.logsumexp(without(logits, labels), axis=-1) - pick(logits, labels)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the label: `logsumexp over k of z_k - z_y`, as `softplus(log_odds)`.

    Args:
        logits: `(batch, classes)`, float32, two classes or more.
        labels: Class indices, `(batch,)`.

    Returns:
        Losses, `(batch,)`. The gradient is `softmax(z) - onehot(y)`, and in float32 exactly zero where the label leads
        by a gap of 88 or more.
    """
    # Of `softmax - onehot`, as others compute it, the label's entry is lost in rounding from a gap of some 15 on. Then
    # the entries do not sum to zero, and an attack follows what all logits have in common. Here the entry of the label
    # is computed as that of the others.
    return ops.softplus(log_odds(logits, labels))


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The margin of the best other class over the label: `max over k != y of z_k - z_y`.

    Args:
        logits: `(batch, classes)`, float32, two classes or more.
        labels: Class indices, `(batch,)`.

    Returns:
        Losses, `(batch,)`. Positive exactly where the label is not predicted.

    References:
        Carlini and Wagner, "Towards evaluating the robustness of neural networks", 2017.
    """
    return ops.max(without(logits, labels), axis=-1) - pick(logits, labels)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """The margin as a fraction of that of the first class over the third, the difference of logits ratio.

    `(max over k != y of z_k - z_y) / (z_1st - z_3rd)`, which neither a factor on all logits nor a constant added to
    them changes.

    Args:
        logits: `(batch, classes)`, float32, three classes or more.
        labels: Class indices, `(batch,)`.

    Returns:
        Losses, `(batch,)`, from -1 on.

    Raises:
        ValueError: There are fewer than three classes.

    References:
        Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
        attacks", ICML 2020.
    """
    best = _best(logits, 3)
    # Logits that are all the same have no lead to divide by: 0, with the gradient 0 rather than NaN.
    return tf.math.divide_no_nan(margin(logits, labels), best[:, 0] - best[:, 2])


def targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The targeted `dlr`: `(z_t - z_y) / (z_1st - (z_3rd + z_4th) / 2)`, with three classes `z_3rd` instead of both.

    Args:
        logits: `(batch, classes)`, float32, three classes or more.
        labels: The true classes, `(batch,)`.
        targets: The target classes, `(batch,)`.

    Returns:
        The objective, `(batch,)`; larger is closer to the target.

    Raises:
        ValueError: There are fewer than three classes.
    """
    best = _best(logits, 4)
    return tf.math.divide_no_nan(_lead(logits, labels, targets), best[:, 0] - (best[:, 2] + best[:, -1]) / 2)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log_odds": log_odds,
    "cross_entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
}
"""By name, functions of logits and labels."""


def _lead(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The margin of one class over another: `z_t - z_y`."""
    return pick(logits, targets) - pick(logits, labels)


TARGETED_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "log_odds": lambda logits, labels, targets: -log_odds(logits, targets),  # leads the target over all others
    "cross_entropy": lambda logits, labels, targets: -cross_entropy(logits, targets),
    "margin": _lead,
    "dlr": targeted_dlr,
}
"""By name, functions of logits, the labels to leave and the target classes, to be raised."""


def runner_up(logits: Tensor, labels: Tensor) -> Tensor:
    """The best class other than the label, `(batch,)` int32.

    Args:
        logits: `(batch, classes)`, float32, two classes or more.
        labels: Class indices, `(batch,)`.
    """
    return tf.argmax(without(logits, labels), axis=-1, output_type=tf.int32)


def check_loss(loss: str) -> str:
    """Return `loss` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    check_one_of("loss", loss, LOSSES)
    return loss


def pick(values: Tensor, indices: Tensor) -> Tensor:
    """One value of each row, `(batch,)`.

    Args:
        values: `(batch, classes)`.
        indices: Class indices, `(batch,)`.
    """
    # `gather_nd` and its gradient are quicker to trace than a gather with batch dimensions.
    rows = tf.range(tf.shape(values)[0])
    return tf.gather_nd(values, tf.stack([rows, tf.cast(indices, tf.int32)], axis=-1))


def without(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits with minus infinity instead of the label's.

    Args:
        logits: `(batch, classes)`, float32.
        labels: Class indices, `(batch,)`.
    """
    # Not a large negative number: logits of any size have to stay below the label's replacement.
    hit = ops.cast(ops.one_hot(labels, logits.shape[-1]), "bool")
    return ops.where(hit, ops.cast(-float("inf"), logits.dtype), logits)


def _best(logits: Tensor, count: int) -> Tensor:
    """The largest logits of each row in falling order, `(batch, count)`, or all if there are no more than three."""
    classes = logits.shape[-1]
    if classes < 3:
        raise ValueError(
            f"The loss 'dlr' compares the first class with the third, and the model has {classes} classes. Pass "
            "loss='margin' or 'log_odds'. Received: loss='dlr'"
        )
    # Three classes have no fourth, which the targeted loss takes the mean with.
    return tf.math.top_k(logits, min(count, classes)).values
