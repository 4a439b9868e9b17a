"""Models and measurements that several test files need."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SHAPE = (25, 25, 1)
HEADS = ("softmax", "sigmoid", "linear")
KINDS = ("functional", "sequential")


def small_cnn(head: str = "softmax", kind: str = "functional", name: str | None = None) -> keras.Model:
    """Three convolutions, a mean over positions, and a dense layer: 2 units, or one for `"sigmoid"`."""
    layers = keras.layers
    stack = [
        layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1", kernel_initializer=_glorot(1)),
        layers.MaxPooling2D(name="pool1"),
        layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2", kernel_initializer=_glorot(2)),
        layers.MaxPooling2D(name="pool2"),
        layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3", kernel_initializer=_glorot(3)),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(1 if head == "sigmoid" else 2, name="head", kernel_initializer=_glorot(4)),
    ]
    stack[-1].activation = keras.activations.get(None if head == "linear" else head)
    if kind == "sequential":
        return keras.Sequential([keras.Input(SHAPE), *stack], name=name)
    inputs = outputs = keras.Input(SHAPE)
    for layer in stack:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


def set_weights(model: keras.Model, weights: list[np.ndarray]) -> keras.Model:
    """The weights of the trained two-class CNN in a model of any head: one unit gets the difference."""
    *body, kernel, bias = weights
    if model.get_layer("head").units == 1:
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    model.set_weights([*body, kernel, bias])
    return model


def linear_model(weights: Any, shape: tuple[int, ...], bias: Any = 0.0, activation: Any = None) -> keras.Model:
    """Logits that are linear in the pixels: `weights` has one column for each class."""
    weights = np.asarray(weights, "float32")
    head = keras.layers.Dense(weights.shape[1], activation=activation, name="head")
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), head])
    head.set_weights([weights, np.broadcast_to(np.asarray(bias, "float32"), weights.shape[1:])])
    return model


def random_images(count: int = 4, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


class Executions(keras.layers.Layer):
    """Passes its input on, and counts how often it is really computed and how often it is traced."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = SimpleNamespace(traced=0, computed=0)

    def call(self, inputs: Any) -> Any:
        seen = self.seen
        seen.traced += 1

        def count() -> np.ndarray:
            seen.computed += 1
            return np.float32(1.0)

        computed = tf.numpy_function(count, [], tf.float32)
        with tf.control_dependencies([computed]):
            return tf.identity(inputs)


def counted_operations(function: Any, *specs: tf.TensorSpec, inside: bool = True) -> Counter[str]:
    """How often each operation occurs in what a `tf.function` really computes.

    Traced graphs hold operations that nothing depends on (the gradients of filters, for one), and TensorFlow
    prunes them. So operations are counted only where an output or a side effect of the function depends on
    them, in the function itself and, unless `inside` is False, in the functions that it calls and in the bodies of
    its loops and branches. A loop's body counts once.
    """
    graph = function.get_concrete_function(*specs).graph
    definition = graph.as_graph_def()
    library = {item.signature.name: item for item in definition.library.function} if inside else {}
    roots = [tensor.op.name for tensor in graph.outputs] + [op.name for op in graph.control_outputs]
    return _reachable({node.name: node for node in definition.node}, roots, library)


def _reachable(nodes: dict[str, Any], queue: list[str], library: dict[str, Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    seen = set()
    while queue:
        name = queue.pop().lstrip("^").split(":")[0]
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        node = nodes[name]
        counts[node.op] += 1
        queue.extend(node.input)
        for attribute in node.attr.values():
            for called in filter(None, [attribute.func.name, *(item.name for item in attribute.list.func)]):
                body = library.get(called)
                if body is None:
                    continue
                roots = [*body.ret.values(), *body.control_ret.values()]
                counts += _reachable({inner.name: inner for inner in body.node_def}, roots, library)
    return counts


def _glorot(seed: int) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)
