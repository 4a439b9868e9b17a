"""Models that hide their gradients, or seem to: the faces' model with something before or after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helpers
import keras
import numpy as np
import tensorflow as tf

layers = keras.layers


class Applied(layers.Layer):
    """Any function of a tensor as a layer."""

    def __init__(self, function: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


class Hidden(keras.Model):
    """A model whose own `call` hides a part of it from the gradient, in no layer."""

    def __init__(self, inner: keras.Model) -> None:
        super().__init__()
        self.inner = inner
        self.features = layers.Conv2D(4, 3, name="features")
        self.mean = layers.GlobalAveragePooling2D(name="mean")
        self.extra = layers.Dense(2, name="extra")

    def call(self, x: Any) -> Any:
        return self.inner(x) + 1e-3 * self.extra(tf.stop_gradient(self.mean(self.features(x))))


def in_front(function: Callable[[Any], Any], model: keras.Model) -> keras.Model:
    return keras.Sequential([keras.Input(helpers.SHAPE), Applied(function, name="front"), model])


def behind(function: Callable[[Any], Any], model: keras.Model) -> keras.Model:
    return keras.Sequential([keras.Input(helpers.SHAPE), model, Applied(function, name="behind")])


def two_ways(model: keras.Model) -> keras.Model:
    """The mean of what the model says of the image, and of what it says after a layer that stops the gradient."""
    images = keras.Input(helpers.SHAPE)
    return keras.Model(images, 0.5 * model(images) + 0.5 * model(Applied(tf.stop_gradient, name="stop")(images)))


def hidden(model: keras.Model) -> keras.Model:
    found = Hidden(model)
    found(np.zeros((1, *helpers.SHAPE)))
    return found


def quantised(x: Any) -> Any:
    """Eight levels."""
    return tf.round(7 * x) / 7


def straight_through(x: Any) -> Any:
    return x + tf.stop_gradient(quantised(x) - x)


def misleading(x: Any) -> Any:
    """Something smooth, with a gradient that is not its own."""

    @tf.custom_gradient
    def function(x: Any) -> Any:
        return tf.tanh(2 * x), lambda upstream: -upstream

    return function(x)


def noisy(x: Any) -> Any:
    return x + tf.random.normal(tf.shape(x), stddev=0.2)
