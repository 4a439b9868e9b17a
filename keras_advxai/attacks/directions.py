"""The direction of the steps of an iterative attack, with its state from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Norm, Tensor
from keras_advxai.ops import norms


class Direction(NamedTuple):
    """How gradients become directions: two functions, as an optimizer of optax.

    Args:
        init: From the images, `(batch, ...)`, the state before the first step: a nested structure of tensors
            with one row for each image, because images leave the batch and take their rows with them.
        update: From a gradient and the state, the direction of the step, of norm 1, and the state after it.

    Example:

    Steps along the gradient without its first channel:

    >>> import keras_advxai as kax
    >>> plain = kax.attacks.steepest("linf")
    >>> masked = kax.attacks.Direction(plain.init, lambda gradient, memory: plain.update(gradient * [0, 1, 1], memory))
    """

    init: Callable[[Tensor], Any]
    update: Callable[[Tensor, Any], tuple[Tensor, Any]]


def steepest(norm: Norm) -> Direction:
    """The direction in which the objective rises fastest, without a state: that of PGD.

    Args:
        norm: `"linf"`, for the signs of the gradient, or `"l2"`, for the gradient divided by its norm.

    Example:

    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> direction, _ = kax.attacks.steepest("linf").update(tf.constant([[3.0, -4.0]]), ())
    >>> direction.numpy().tolist()
    [[1.0, -1.0]]
    """
    # An empty memory, and no tensor of zeros, so that the loop carries none.
    return Direction(lambda x: (), lambda gradient, memory: (norms.steepest(gradient, norm), memory))


def momentum(norm: Norm, decay: float) -> Direction:
    """The steepest direction of all gradients so far, each divided by its mean absolute value: that of MI-FGSM.

    Args:
        norm: `"linf"` or `"l2"`.
        decay: The fraction of the accumulated gradients that is kept at each step.

    Example:

    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> rule = kax.attacks.momentum("linf", decay=1.0)
    >>> _, memory = rule.update(tf.constant([[4.0, -2.0]]), tf.zeros([1, 2]))
    >>> direction, _ = rule.update(tf.constant([[-1.0, -1.0]]), memory)
    >>> direction.numpy().tolist()
    [[1.0, -1.0]]
    """

    def update(gradient: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        # Divided by the largest entry first: the mean of entries of 1e-40 would underflow, and the direction with it,
        # on models that are as confident as that.
        scaled = ops.divide_no_nan(gradient, norms.vector_norm(gradient, "linf"))
        mean = ops.mean(ops.abs(scaled), axis=tuple(range(1, gradient.shape.rank)), keepdims=True)
        gathered = decay * memory + ops.divide_no_nan(scaled, mean)
        return norms.steepest(gathered, norm), gathered

    return Direction(tf.zeros_like, update)
