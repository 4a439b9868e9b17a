"""The same network, run in other ways: subclassed, compiled, rematerialised, in half precision, at an open size."""

from __future__ import annotations

from typing import Any

import helpers
import keras
import tensorflow as tf

from kinds import network
from kinds.kind import Kind
from kinds.network import backbone, body, functional, head, sequential, stack

layers = keras.layers


class Subclassed(keras.Model):
    """A model that Keras cannot see into."""

    def __init__(self, *inner: Any) -> None:
        super().__init__(name="net")
        self.inner = inner or stack()
        self.classes = head()

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.classes(x)


class Averaging(Subclassed):
    """One that averages over positions without a layer, and takes `training`."""

    def call(self, x, training=False):
        for layer in self.inner:
            x = layer(x, training=training)
        return self.classes(tf.reduce_mean(x, axis=(1, 2)))


class Decorated(Subclassed):
    """One whose call is a graph of its own."""

    @tf.function
    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.classes(x)


def called(model: keras.Model) -> keras.Model:
    """The model, built by a call."""
    model(network.IMAGES[:1])
    return model


def compiled_with_xla() -> keras.Model:
    """A model whose steps are compiled with XLA, after one such step."""
    model = functional([*stack(), head()])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    model.predict(network.IMAGES[:2], verbose=0)
    return model


def rematerialised() -> keras.Model:
    """Layers that compute their activations a second time on the way back."""
    with keras.RematScope(mode="full"):
        return sequential(*stack(), head())


def mixed(policy: str) -> keras.Model:
    """Half the precision up to the softmax."""
    if policy == "mixed_bfloat16":
        helpers.needs_bfloat16()
    end = layers.Activation("softmax", dtype="float32")
    return sequential(*stack(dtype=policy), head(activation=None, dtype=policy), end)


EXECUTED = {
    "subclassed": Kind(lambda: called(Subclassed())),
    "subclassed_without_pooling_layer": Kind(lambda: called(Averaging(*body()))),
    "subclassed_with_backbone": Kind(lambda: called(Averaging(backbone())), "backbone/last"),
    "call_is_a_tf_function": Kind(lambda: called(Decorated())),
    "jit_compiled": Kind(compiled_with_xla),
    "rematerialised": Kind(rematerialised),
    "mixed_float16": Kind(lambda: mixed("mixed_float16"), tolerance=0.01, straying=0.02),
    "mixed_bfloat16": Kind(lambda: mixed("mixed_bfloat16"), tolerance=0.05, straying=0.1),
    "open_size": Kind(lambda: sequential(*stack(), head(), shape=(None, None, 3))),
}
