"""Small models of every kind that a wrapper may hold, each with what a wrapper could get wrong."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

SHAPE = (8, 8, 1)


def data(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).random((count, *SHAPE), dtype="float32")
    return x, np.arange(count) % 3


def body(x: Any) -> Any:
    x = layers.Conv2D(4, 3, activation="relu", name="conv", kernel_regularizer="l2", activity_regularizer="l2")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(5, 3, name="conv2", activity_regularizer="l1")(x)
    x = layers.Activation("relu", activity_regularizer="l2", name="relu")(x)
    return layers.Dropout(0.4, name="dropout")(layers.GlobalAveragePooling2D(name="mean")(x))


def short_body(x: Any) -> Any:
    return layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(4, 3, activation="relu", name="conv")(x))


def functional() -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(body(inputs)), name="functional")


def nested() -> keras.Model:
    inner = keras.Input(SHAPE)
    backbone = keras.Model(inner, short_body(inner), name="backbone")
    inputs = keras.Input(SHAPE)
    hidden = Measured(name="measured")(backbone(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(Measured(name="again")(hidden)), name="nested")


def unbuilt() -> keras.Model:
    stack = [layers.Conv2D(4, 3, name="conv"), layers.GlobalMaxPooling2D(), layers.Dropout(0.3), layers.Dense(3)]
    return keras.Sequential([*stack, layers.Softmax()], name="unbuilt")


def two_heads() -> keras.Model:
    inputs = {"image": keras.Input(SHAPE, name="image"), "offset": keras.Input((3,), name="offset")}
    hidden = short_body(inputs["image"])
    coarse = layers.Dense(2, name="coarse")(hidden)
    fine = layers.Add(name="fine")([layers.Dense(3)(hidden), inputs["offset"]])
    return keras.Model(inputs, [coarse, fine], name="two_heads")


@keras.saving.register_keras_serializable(package="tests")
class Measured(layers.Layer):
    """A layer with a metric and a loss of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.level = keras.metrics.Mean(name=f"{self.name}_level")

    def call(self, inputs: Any) -> Any:
        self.level.update_state(inputs)
        self.add_loss(0.1 * keras.ops.mean(inputs))
        return inputs


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """Its `call` takes no `training`, so that Keras' training leaves its dropout off; it has a metric and a loss."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, activation="relu")
        self.dropout = layers.Dropout(0.5)
        self.mean = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(3, activation="softmax")
        self.level = keras.metrics.Mean(name="level")

    def build(self, input_shape: Any) -> None:
        self.conv.build(input_shape)
        self.head.build((None, 4))

    def call(self, inputs: Any) -> Any:
        hidden = self.dropout(self.mean(self.conv(inputs)))
        self.level.update_state(hidden)
        self.add_loss(keras.ops.mean(hidden))
        return self.head(hidden)


@keras.saving.register_keras_serializable(package="tests")
class TrainsTheHead(Subclassed):
    """Takes `training`, and trains only a part."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.head(self.dropout(self.mean(self.conv(inputs)), training=training))

    @property
    def trainable_weights(self) -> list[Any]:
        return self.head.trainable_weights

    @property
    def trainable_variables(self) -> list[Any]:
        return self.head.trainable_variables


class Plain(keras.Model):
    """Without a `build` of its own."""

    def __init__(self) -> None:
        super().__init__(name="plain")
        self.stack = [layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(3)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for layer in self.stack:
            inputs = layer(inputs)
        return keras.ops.softmax(inputs)


def mixed() -> keras.Model:
    """In `mixed_float16`, made while that was the global policy. (Keras fails at activity regularizers there.)"""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        stack = [layers.Conv2D(4, 3, activation="relu"), layers.Dropout(0.3), layers.GlobalAveragePooling2D()]
        return keras.Sequential([keras.Input(SHAPE), *stack, layers.Dense(3, activation="softmax", dtype="float32")])
    finally:
        keras.config.set_dtype_policy(before)


KINDS = {
    "functional": functional,
    "nested": nested,
    "unbuilt": unbuilt,
    "two_heads": two_heads,
    "subclassed": Subclassed,
    "trains_the_head": TrainsTheHead,
    "plain": Plain,
    "mixed": mixed,
}


def fitting(kind: str) -> tuple[Any, Any]:
    """Inputs and targets for a model of the kind."""
    x, y = data()
    if kind != "two_heads":
        return x, y
    return {"image": x, "offset": x[:, 0, :3, 0]}, {"coarse": y % 2, "fine": y}


def compiled(model: keras.Model) -> keras.Model:
    loss = "sparse_categorical_crossentropy"
    if model.name == "two_heads" or "two_heads" in [layer.name for layer in model.layers]:
        loss = {
            name: keras.losses.SparseCategoricalCrossentropy(from_logits=True, name=name) for name in ("coarse", "fine")
        }
        model.compile(keras.optimizers.Adam(0.01), loss, metrics={"fine": ["accuracy"], "coarse": []})
    else:
        model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model
