"""Models and measurements that several test files need."""

from __future__ import annotations

import ctypes
import os
import pathlib
import resource
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from keras_advxai.evaluation import EvaluationSettings
from keras_advxai.execution import Evaluator

SHAPE = (25, 25, 1)
HEADS = ("softmax", "sigmoid", "linear")
KINDS = ("functional", "sequential")


def slow(*values: Any) -> Any:
    """Values of a parameter with which a test is slow."""
    return pytest.param(*values, marks=pytest.mark.slow)


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


def scaled_logits(model: keras.Model, scale: float) -> keras.Model:
    """The model itself, which ends in a dense layer, with logits that are so many times as large."""
    *body, kernel, bias = model.get_weights()
    model.set_weights([*body, scale * kernel, scale * bias])
    return model


def needs_channels_first() -> None:
    """Leave out a test of images with the channels first where TensorFlow has no convolution for them.

    On processors it is oneDNN that has one, which `TF_ENABLE_ONEDNN_OPTS=0` and some builds of TensorFlow leave out.
    """
    try:
        tf.nn.conv2d(tf.zeros((1, 1, 3, 3)), tf.zeros((1, 1, 1, 1)), 1, "SAME", data_format="NCHW")
    except tf.errors.UnimplementedError:
        pytest.skip("TensorFlow has no convolution of images with the channels first here: it needs oneDNN")


def same_attack(found: np.ndarray, expected: np.ndarray, norm: str, epsilon: float, share: float = 0.005) -> bool:
    """Whether two attacks went the same way, but for rounding, which may cross the kink of a ReLU.

    Where a step is a sign, that turns a few pixels. Where it has a length, the whole image moves a little with them.
    """
    apart = np.abs(np.asarray(found) - expected) / epsilon
    if norm == "linf":
        return bool(np.mean(apart > 1e-3) < share)
    lengths = np.linalg.norm(apart.reshape(len(apart), -1), axis=1)
    return bool(np.quantile(lengths, 0.75) < 1e-3 and lengths.max() < 0.1)


def needs_bfloat16() -> None:
    """Leave out a test in bfloat16 where TensorFlow aborts a convolution in it.

    It asks the processor whether there is one, and oneDNN, which runs it, heeds the cap of `ONEDNN_MAX_CPU_ISA`.
    """
    try:
        tf.nn.conv2d(tf.zeros((1, 3, 3, 1), tf.bfloat16), tf.zeros((1, 1, 1, 1), tf.bfloat16), 1, "SAME")
    except tf.errors.AbortedError:
        pytest.skip("TensorFlow aborts convolutions in bfloat16 here: the processor's instructions are capped")


def evaluator(model: Any, **settings: Any) -> Evaluator:
    """An evaluator of a model, with settings as `evaluate` takes them."""
    wanted = EvaluationSettings(**settings)
    return Evaluator(wanted.classifier(model), wanted)


def random_images(count: int = 4, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


def photos(count: int = 4, side: int = 64, seed: int = 0) -> np.ndarray:
    """Pixels in [0, 255], `(count, side, side, 3)` float32: smooth patches of colour with some noise on top."""
    rng = np.random.default_rng(seed)
    smooth = tf.image.resize(rng.uniform(0, 255, (count, 4, 4, 3)), (side, side), method="bicubic").numpy()
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype("float32")


def usable(model: keras.Model, seed: int = 0, preprocess: Any = None) -> keras.Model:
    """A randomly initialised application model, made to behave like a trained one.

    As Keras builds them, deep models are degenerate: their logits are the same for every image, or enormous. So
    biases are drawn, the scales of ConvNeXt's blocks too, which begin at 1e-6, and BatchNorm takes over the statistics
    of one batch. The head is drawn so that it looks at what differs between images, with logits up to about 4.

    Args:
        model: A functional model with square images and a dense or convolutional head.
        seed: Decides what is drawn.
        preprocess: Module of `keras.applications`, or a callable, that leads from pixels in [0, 255] to what the
            model will be given; `None` for a model that will be given images in [0, 1].
    """
    rng = np.random.default_rng(seed)
    images = photos(48, model.input_shape[1], seed)
    if isinstance(preprocess, str):
        preprocess = getattr(keras.applications, preprocess).preprocess_input
    images = images / 255 if preprocess is None else preprocess(images)
    for layer in model.layers:
        for weight in (getattr(layer, "bias", None), getattr(layer, "beta", None)):
            if weight is not None:
                weight.assign(rng.normal(0, 0.1, weight.shape))
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(rng.uniform(0.1, 1, layer.gamma.shape))
    _calibrate(model, images[:32])
    head = next(layer for layer in reversed(model.layers) if hasattr(layer, "kernel"))
    features = keras.Model(model.input, head.input)(images[32:]).numpy().reshape(16, -1)
    shared = features.mean(axis=0) / np.linalg.norm(features.mean(axis=0))
    kernel = rng.normal(size=(len(shared), head.bias.shape[0]))
    kernel -= np.outer(shared, shared @ kernel)
    kernel *= 4 / np.abs(features @ kernel).max()
    head.set_weights([kernel.reshape(head.kernel.shape), rng.normal(0, 0.1, head.bias.shape)])
    return model


def _calibrate(model: keras.Model, images: Any) -> None:
    """BatchNorm's statistics become those of these images, with nothing dropped on the way."""
    settings = [
        (layer, name, getattr(layer, name))
        for layer in model.layers
        for name in ("momentum", "rate", "drop_path_rate")
        if hasattr(layer, name)
    ]
    for layer, name, _ in settings:
        setattr(layer, name, 0)
    if any(name == "momentum" for _, name, _ in settings):
        model(images, training=True)
    for layer, name, value in settings:
        setattr(layer, name, value)


def give_back_memory() -> None:
    """Free the models that nothing refers to, with all that was traced for them.

    They are cycles, which Python by itself looks for too rarely, and what they leave is kept for the next allocation.
    TensorFlow never forgets a graph in which `tf.custom_gradient` was used, as in `tf.nn.silu`: it keeps the gradient
    by a name of its own. Ten EfficientNets are 4 GB.
    """
    gradients = gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]
    keras.backend.clear_session()  # it collects by itself
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> float:
    """The peak resident memory of this process so far, in MB.

    Linux starts `ru_maxrss` of a new process at what the process that started it had then; `VmHWM` begins anew.
    """
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_memory() -> float:
    """The resident memory of this process now, in MB; on Linux."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def same_but_for_a_kink(found: Any, expected: Any, tolerance: float, kink: float = 0.02) -> None:
    """Fail unless each image's map is the expected one within a part of its largest value.

    One map may be further off: rounding may have carried one unit of its image across the kink of a ReLU or a
    max-pooling, as it does with one processor and not with another.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    positions = tuple(range(1, expected.ndim))
    largest = np.abs(expected).max(axis=positions)
    scale = np.maximum(largest, 1e-6 * largest.max())  # a map may be blank
    *others, worst = np.sort(np.abs(found - expected).max(axis=positions) / scale)
    assert max(others, default=0) <= tolerance
    assert worst <= max(tolerance, kink)


class UndrawableNames(list):
    """Class names that are checked, and fail when they are drawn."""

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError("No name can be had.")


class Executions(keras.layers.Layer):
    """Passes its input on, and counts how often it is really computed and how often it is traced."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = SimpleNamespace(traced=0, computed=0)

    def call(self, inputs: Any) -> Any:
        seen = self.seen
        seen.traced += not tf.executing_eagerly()

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
