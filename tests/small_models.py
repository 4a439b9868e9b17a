"""Small models, layers and data that several test files need, also those that run in a process of their own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

SHAPE = (8, 8, 1)


def labelled_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images for `normed_cnn`, and random labels."""
    rng = np.random.default_rng(0)
    return rng.random((count, *SHAPE), dtype="float32"), rng.integers(0, 3, count)


def normed_cnn(*first: keras.layers.Layer, size: int | None = 8, convolutions: int = 1) -> keras.Model:
    """Some layers, then a convolution, a BatchNormalization, further convolutions, and 3 classes."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    names = ("one", "two")[:convolutions]
    one, *others = (layers.Conv2D(4, 3, activation="relu", name=name) for name in names)
    stack = [
        one,
        layers.BatchNormalization(name="norm"),
        *others,
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(3, activation="softmax", name="head"),
    ]
    return keras.Sequential([keras.Input((size, size, 1)), *first, *stack], name="net")


class SeededNoise(keras.layers.Layer):
    """Noise that is always on, drawn from a generator of the layer's own."""

    def __init__(self) -> None:
        super().__init__(name="noise")
        self.generator = keras.random.SeedGenerator(3, name="draws_of_noise")

    def call(self, x: Any) -> Any:
        return x + 0.1 * keras.random.normal(keras.ops.shape(x), seed=self.generator)


class AlwaysDropout(keras.layers.Dropout):
    """MC dropout, as people write it."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs, training=True)
