"""Projections of perturbed images onto the budget and the bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from keras_advxai._typing import Bounds, Norm, Tensor
from keras_advxai.ops import norms

Projection: TypeAlias = Callable[[Tensor, Tensor, Tensor, Bounds], Tensor]
"""From images, what they were moved to, epsilon in the images' own units, and the bounds: images near by that fit."""


def ball_then_bounds(norm: Norm) -> Projection:
    """The projection on the ball of a norm, clipped to the bounds.

    As the images lie within the bounds, clipping moves every pixel closer to the clean one, so the budget still holds.

    Args:
        norm: The norm of epsilon, `"linf"` or `"l2"`.

    Example:

    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> project = kax.attacks.ball_then_bounds("l2")
    >>> project(tf.constant([[0.0, 0.5]]), tf.constant([[-3.0, 4.5]]), 0.3125, (0, 1)).numpy().tolist()
    [[0.0, 0.75]]
    """

    def project(x: Tensor, moved: Tensor, epsilon: Tensor, bounds: Bounds) -> Tensor:
        return tf.clip_by_value(x + norms.project(moved - x, epsilon, norm), *bounds)

    return project


def bounds_ball_bounds(norm: Norm) -> Projection:
    """The projection on the bounds, on the ball of a norm, and, for what rounding adds, on the bounds again.

    Under `"l2"`, what a step spends on pixels that are at a bound already would count towards the norm and shrink the
    perturbation of all others; clipped first, it does not. Under `"linf"` both orders are the same. cleverhans clips
    first in its PGD, but not in its momentum method, and ours equal both.

    Args:
        norm: The norm of epsilon, `"linf"` or `"l2"`.

    Example:

    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> project = kax.attacks.bounds_ball_bounds("l2")
    >>> project(tf.constant([[0.0, 0.5]]), tf.constant([[-3.0, 4.5]]), 0.3125, (0, 1)).numpy().tolist()
    [[0.0, 0.8125]]
    """
    ball = ball_then_bounds(norm)

    def project(x: Tensor, moved: Tensor, epsilon: Tensor, bounds: Bounds) -> Tensor:
        return ball(x, tf.clip_by_value(moved, *bounds), epsilon, bounds)

    return project
