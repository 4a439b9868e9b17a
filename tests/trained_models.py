"""Small models as users have them: trained, with all that a training leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helpers
import keras
import numpy as np

layers = keras.layers
SHAPE = (8, 8, 1)
X = helpers.random_images(8, SHAPE)
Y = np.array([0, 1] * 4)


def backbone(dtype: Any = None, gate: keras.layers.Layer | None = None, penalty: Any = "l2") -> keras.Model:
    """A convolution with a penalty on what it returns, a normalisation and dropout; perhaps with a gate between."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(
        6, 3, name="conv", dtype=dtype, kernel_initializer=_glorot(1), activity_regularizer=None if dtype else penalty
    )(inputs)  # Keras cannot add penalties in float16 to the loss
    if gate is not None:
        x = gate(x)
    x = layers.BatchNormalization(name="norm", dtype=dtype)(x)
    x = layers.ReLU(name="relu", dtype=dtype)(x)
    return keras.Model(inputs, layers.Dropout(0.2, seed=1, dtype=dtype)(x), name="backbone")


def head(dtype: Any = None) -> list[keras.layers.Layer]:
    return [
        layers.GlobalAveragePooling2D(name="mean", dtype=dtype),
        layers.Dropout(0.3, seed=2, dtype=dtype),
        layers.Dense(2, activation="softmax", name="head", dtype=dtype, kernel_initializer=_glorot(2)),
    ]


def functional(dtype: Any = None, gate: keras.layers.Layer | None = None) -> keras.Model:
    """Augmentation, a nested backbone and a head."""
    inputs = keras.Input(SHAPE)
    x = layers.RandomFlip(seed=3, dtype=dtype)(inputs)
    x = backbone(dtype, gate)(x)
    for layer in head(dtype):
        x = layer(x)
    return keras.Model(inputs, x, name="functional")


def tiny() -> keras.Model:
    """What compiles quickly, even with XLA."""
    conv = layers.Conv2D(2, 3, name="conv", kernel_initializer=_glorot(1), activation="relu")
    return keras.Sequential([keras.Input(SHAPE), conv, *head()], name="tiny")


def mixed() -> keras.Model:
    return functional("mixed_float16")


def frozen() -> keras.Model:
    model = functional()
    model.get_layer("backbone").trainable = False
    return model


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A nested backbone that Keras does not see into."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone = self.make_backbone()
        self.pool, self.drop, self.head = head()

    def make_backbone(self) -> keras.Model:
        return backbone()

    def call(self, x: Any, training: Any = None) -> Any:
        x = self.pool(self.backbone(x, training=training))
        return self.head(self.drop(x, training=training))


def subclassed() -> keras.Model:
    model = Subclassed(name="subclassed")
    model(X, training=False)
    return model


BUILDERS: dict[str, Callable[[], keras.Model]] = {
    "functional, nested, augmented": functional,
    "subclassed, nested": subclassed,
    "mixed_float16": mixed,
    "sequential, jit_compile": tiny,
    "frozen backbone": frozen,
}


def build(kind: str) -> keras.Model:
    """A model of this kind, trained for an epoch: with Adam's slots, the state of metrics, and compiled functions."""
    model = BUILDERS[kind]()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile="jit_compile" in kind)
    model.fit(X, Y, batch_size=4, verbose=0)
    return model


def states(model: keras.Model) -> list[np.ndarray]:
    """All that training changes: weights, statistics, seeds, the optimizer's and the metrics' variables."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [variable.numpy() for variable in variables]


def _glorot(seed: int) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)
