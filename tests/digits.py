"""CNNs on scikit-learn's digits: plain, over-confident, adversarially trained. The benchmarks use them, too."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_advxai as kax

Data = tuple[np.ndarray, np.ndarray]

SHAPE = (16, 16, 1)
EPSILONS = {"linf": 0.1, "l2": 1.0}
EPOCHS = {"plain": 20, "overconfident": 200, "adversarial": 40}
"""The kinds of models, and how long each is trained."""


def data() -> tuple[Data, Data]:
    """1,400 images to train with and 256 more, `(images, 16, 16, 1)` float32 in [0, 1], with their labels."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[:1656]
    images = tf.image.resize(digits.images[order, :, :, None] / 16, SHAPE[:2]).numpy()
    x, y = np.clip(images, 0, 1).astype("float32"), digits.target[order].astype("int32")
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def build(activation: str | None = None, dtype: str = "float32", base: type[keras.Sequential] = keras.Sequential):
    """Two convolutions with poolings and two dense layers, the same whenever it is called."""
    layers, seeded = keras.layers, keras.initializers.GlorotUniform

    def conv(filters: int, seed: int) -> keras.layers.Layer:
        options = {"padding": "same", "activation": "relu", "kernel_initializer": seeded(seed=seed), "dtype": dtype}
        return layers.Conv2D(filters, 3, **options)

    return base(
        [
            keras.Input(SHAPE),
            conv(16, 1),
            layers.MaxPooling2D(dtype=dtype),
            conv(32, 2),
            layers.MaxPooling2D(dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(64, activation="relu", kernel_initializer=seeded(seed=3), dtype=dtype),
            layers.Dense(10, activation=activation, kernel_initializer=seeded(seed=4), dtype=dtype),
        ]
    )


class Hardened(keras.Sequential):
    """Trained on attacked images instead of those it is given."""

    def train_step(self, data):
        x, y = data
        attack = kax.attacks.PGD(steps=3, loss="cross_entropy", keep="last")
        return super().train_step((attack(self, x, y, EPSILONS["linf"]), y))


def train(kind: str, seed: int = 1) -> list[np.ndarray]:
    """The weights of a model of one kind, trained now: much the same on every machine. Those of `weights.load` are."""
    keras.utils.set_random_seed(seed)
    model = build(base=Hardened if kind == "adversarial" else keras.Sequential)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*data()[0], epochs=EPOCHS[kind], batch_size=350, verbose=0)
    return model.get_weights()


def model(weights: list[np.ndarray], activation: str | None = None, factor: float = 1, dtype: str = "float32"):
    """A model with these weights, its logits multiplied by a factor."""
    *body, kernel, bias = weights
    found = build(activation, dtype)
    found.set_weights([*body, factor * kernel, factor * bias])
    return found


def predictions(network: keras.Model, x: np.ndarray) -> np.ndarray:
    """The class with the largest output for each image, whatever an attack says about it."""
    return network.predict(x, batch_size=len(x), verbose=0).argmax(-1)


def standing(network: keras.Model, x: np.ndarray, y: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Which images the model classifies correctly, and still does after an attack."""
    return (predictions(network, x) == y) & (predictions(network, found) == y)


def within(x: np.ndarray, found: np.ndarray, norm: str, epsilon: float) -> np.ndarray:
    """Which images are within the bounds and, up to rounding, the budget."""
    delta = (found.astype("float64") - x).reshape(len(x), -1)
    length = np.abs(delta).max(1) if norm == "linf" else np.linalg.norm(delta, axis=1)
    pixels = found.reshape(len(x), -1)
    return (length <= epsilon * (1 + 1e-5) + 1e-7) & (pixels.min(1) >= -1e-7) & (pixels.max(1) <= 1 + 1e-7)
