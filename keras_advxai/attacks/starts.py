"""Where the attempts of an iterative attack begin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias, cast, get_args

import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._typing import Norm, Tensor
from keras_advxai.ops import norms, random

StartName: TypeAlias = Literal["zero", "uniform"]
"""At the image itself, or anywhere in the budget around it."""

Start: TypeAlias = Callable[[Tensor, Tensor, int | Tensor], Tensor]
"""From images, epsilon in their own units, and the number of an attempt from 0: where the attempt begins."""


def check_start(start: str) -> StartName:
    """Return `start` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    check_one_of("start", start, get_args(StartName))
    return cast(StartName, start)


def at_images(x: Tensor, epsilon: Tensor, number: int | Tensor) -> Tensor:
    """The start at the images themselves.

    Args:
        x: The images, `(batch, height, width, channels)`.
        epsilon: Not used.
        number: Not used.

    Example:

    >>> import keras_advxai as kax
    >>> kax.attacks.at_images([0.5], 0.1, 0)
    [0.5]
    """
    return x


def uniform_start(norm: Norm, seed: int) -> Start:
    """Starts that are drawn uniformly from the budget, others for each attempt.

    Args:
        norm: `"linf"` or `"l2"`.
        seed: An integer of 32 bits.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> start = kax.attacks.uniform_start("linf", seed=0)
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> bool(0 < abs(start(x, 0.1, 0) - x).numpy().max() <= 0.1)
    True
    """

    def start(x: Tensor, epsilon: Tensor, number: int | Tensor) -> Tensor:
        return x + epsilon * uniform_in_ball(x, norm, seed, number)

    return start


def starts(name: StartName, norm: Norm, seed: int, *, attempts: int, first: int = 1) -> Start:
    """The starts that a name means: with `"zero"`, the first attempts begin at the images, and all others do not.

    A second attempt from the image would take the same steps as the first one, unless it has another target class.

    Args:
        name: `"zero"` or `"uniform"`.
        norm: `"linf"` or `"l2"`.
        seed: Seed of the uniform starts.
        attempts: How many attempts there are.
        first: How many of them are the first ones. Defaults to 1.
    """
    drawn = uniform_start(norm, seed)
    if name == "uniform":
        return drawn
    if attempts <= first:  # nothing is drawn, so that the graph holds no random numbers
        return at_images

    def start(x: Tensor, epsilon: Tensor, number: int | Tensor) -> Tensor:
        return tf.cond(number < first, lambda: tf.identity(x), lambda: drawn(x, epsilon, number))

    return start


def uniform_in_ball(images: Tensor, norm: Norm, seed: int, draw: int | Tensor) -> Tensor:
    """A perturbation drawn uniformly from the unit ball, for each image.

    It is drawn from the seed, the number of the draw and the image itself, so that it does not depend on the image's
    position in the batch. In `"l2"`, a direction from the normal distribution is scaled to the norm `u ** (1 / d)`,
    with `u` uniform in [0, 1) and `d` the number of pixels.

    Args:
        images: `(batch, height, width, channels)`, float32.
        norm: `"linf"` or `"l2"`.
        seed: An integer of 32 bits.
        draw: Another number gives another draw.

    Returns:
        Perturbations, shaped as the images.
    """
    # From the content, so that neither shuffling nor another batch size changes who is deceived.
    keys = random.image_keys(images, seed)
    shape = tf.shape(images)[1:]
    if norm == "linf":
        drawn = 2 * random.uniform(keys, draw, shape) - 1
        return tf.ensure_shape(drawn, images.shape)
    # Numbers 2 * draw and 2 * draw + 1, so that the direction and the length of no two draws share one.
    direction = norms.steepest(tf.ensure_shape(random.normal(keys, 2 * draw, shape), images.shape), "l2")
    pixels = math.prod(images.shape[1:]) if images.shape[1:].is_fully_defined() else tf.reduce_prod(shape)
    length = random.uniform(keys, 2 * draw + 1) ** (1 / tf.cast(pixels, tf.float32))
    return direction * tf.reshape(length, [-1] + [1] * (images.shape.rank - 1))
