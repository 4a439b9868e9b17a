"""Where an iterative attack begins."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, cast, get_args

import tensorflow as tf

from keras_advxai._registry import nearest
from keras_advxai._typing import Norm, Tensor
from keras_advxai.ops import norms, random

Start: TypeAlias = Literal["zero", "uniform"]
"""At the image itself, or anywhere in the budget around it."""


def check_start(start: str) -> Start:
    """Return `start` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    if start not in get_args(Start):
        raise ValueError(
            f"Argument `start` must be one of {', '.join(get_args(Start))}.{nearest(str(start), get_args(Start))} "
            f"Received: start={start!r}"
        )
    return cast(Start, start)


def uniform_in_ball(images: Tensor, norm: Norm, seed: int, draw: int | Tensor) -> Tensor:
    """A perturbation drawn evenly from the ball of radius 1 for each image.

    It is drawn from the seed, the number of the draw and the image itself, so that it does not depend on the image's
    place in the batch. In `"l2"`, a direction from the normal distribution gets the length `u ** (1 / d)`, with `u`
    even in [0, 1) and `d` the number of pixels.

    Args:
        images: `(batch, height, width, channels)`, float32.
        norm: `"linf"` or `"l2"`.
        seed: A whole number of 32 bits.
        draw: Another number gives another draw.

    Returns:
        Perturbations, shaped as the images.
    """
    keys = random.image_keys(images, seed)
    shape = tf.shape(images)[1:]
    if norm == "linf":
        drawn = 2 * random.uniform(keys, draw, shape) - 1
        return tf.ensure_shape(drawn, images.shape)
    direction = norms.steepest(tf.ensure_shape(random.normal(keys, 2 * draw, shape), images.shape), "l2")
    pixels = math.prod(images.shape[1:]) if images.shape[1:].is_fully_defined() else tf.reduce_prod(shape)
    length = random.uniform(keys, 2 * draw + 1) ** (1 / tf.cast(pixels, tf.float32))
    return direction * tf.reshape(length, [-1] + [1] * (images.shape.rank - 1))
