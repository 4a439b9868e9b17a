"""One small network, once by hand and once as the layers that the kinds of models are made of.

Its weights are drawn once, from a seeded normal distribution. The columns of the head sum to zero, so that the class
with the largest score has a score above zero, and the heatmap of an image's own prediction is never blank.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers
SHAPE = (16, 16, 3)
CLASSES = 4


@dataclasses.dataclass(frozen=True)
class Pass:
    """One pass by hand.

    Attributes:
        scores: What is explained, `(batch, classes)`, before a softmax.
        activation: The output of the explained layer.
        as_map: Makes of the activation, or of the gradient to it, `(batch, *positions, channels)`.
    """

    scores: Any
    activation: Any
    as_map: Callable[[Any], Any] = tf.identity


def _draw(seed: int, *shape: int) -> np.ndarray:
    scale = np.sqrt(2 / np.prod(shape[:-1]))
    return np.random.default_rng(seed).normal(0, scale, shape).astype("float32")


def centred(kernel: np.ndarray) -> np.ndarray:
    """A head whose scores sum to zero."""
    return kernel - kernel.mean(axis=-1, keepdims=True)


FIRST = _draw(104, 3, 3, 3, 6), _draw(2, 6) / 10 - 0.1
LAST = _draw(205, 3, 3, 6, 10), _draw(4, 10) / 10 - 0.1
SHARED = _draw(50, 3, 3, 6, 6), _draw(6, 6) / 10 - 0.1
HEAD = 10 * centred(_draw(304, 10, CLASSES)), centred(_draw(8, 1, CLASSES))[0] / 100
NARROW_HEAD = 10 * centred(_draw(9, 6, CLASSES)), HEAD[1]
AGE_HEAD = centred(_draw(10, 2, CLASSES)) / 10
STEPS_FIRST = _draw(430, 3, 2, 6), FIRST[1]
STEPS_LAST = _draw(517, 3, 6, 10), LAST[1]


def _spots(seed: int, count: int, size: int, channels: int, dimensions: int) -> np.ndarray:
    """Noise with a bright spot of its own colour at its own place in each image, in [0, 1]."""
    generator = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.arange(size)] * dimensions, indexing="ij")
    images = generator.uniform(0.05, 0.15, (count, *[size] * dimensions, channels))
    for image in images:
        centre = generator.uniform(0.25 * size, 0.75 * size, dimensions)
        distance = sum((axis - at) ** 2 for axis, at in zip(axes, centre, strict=True))
        image += np.exp(-distance / (size / 5) ** 2)[..., None] * generator.uniform(0, 0.8, channels)
    return images.astype("float32")


IMAGES = _spots(0, 6, 16, 3, dimensions=2)
OTHERS = _spots(1, 6, 16, 3, dimensions=2)
AGES = np.random.default_rng(2).random((6, 2), dtype="float32")
SIGNALS = _spots(3, 6, 32, 2, dimensions=1)
LABELS = np.array([0, 1, 2, 3, 0, 1])


def features(images: Any) -> Any:
    """The output of the last convolution, `(batch, 8, 8, 10)`, by hand."""
    hidden = tf.nn.relu(tf.nn.conv2d(images, FIRST[0], 1, "SAME") + FIRST[1])
    hidden = tf.nn.max_pool2d(hidden, 2, 2, "VALID")
    return tf.nn.relu(tf.nn.conv2d(hidden, LAST[0], 1, "SAME") + LAST[1])


def mean(activation: Any) -> Any:
    """The mean over positions."""
    return tf.reduce_mean(activation, axis=tuple(range(1, len(activation.shape) - 1)))


def by_hand(model: keras.Model, images: Any) -> Pass:
    """The network by hand; the model is not looked at."""
    activation = features(images)
    return Pass(mean(activation) @ HEAD[0] + HEAD[1], activation)


def _with(cls: type[layers.Layer], weights: Any, *args: Any, **settings: Any) -> layers.Layer:
    kernel, bias = (keras.initializers.Constant(weight.tolist()) for weight in weights)
    return cls(*args, kernel_initializer=kernel, bias_initializer=bias, **settings)


def conv(weights: Any, name: str, **settings: Any) -> layers.Layer:
    """A convolution over one or two dimensions with a ReLU."""
    cls = {3: layers.Conv1D, 4: layers.Conv2D}[weights[0].ndim]
    settings = {"padding": "same", "activation": "relu", **settings}
    return _with(cls, weights, weights[0].shape[-1], 3, name=name, **settings)


def first(**settings: Any) -> layers.Layer:
    """The first convolution."""
    return conv(FIRST, **{"name": "first", **settings})


def last(**settings: Any) -> layers.Layer:
    """The last convolution, the layer to explain."""
    return conv(LAST, **{"name": "last", **settings})


def head(weights: Any = HEAD, activation: str | None = "softmax", **settings: Any) -> layers.Layer:
    """The head."""
    settings = {"name": "classes", **settings}
    return _with(layers.Dense, weights, weights[0].shape[-1], activation=activation, **settings)


def body(**settings: Any) -> list[layers.Layer]:
    """What stands before the pooling."""
    return [first(**settings), layers.MaxPooling2D(name="pool", **settings), last(**settings)]


def stack(**settings: Any) -> list[layers.Layer]:
    """All layers of the network but the head."""
    return [*body(**settings), layers.GlobalAveragePooling2D(name="mean", **settings)]


def functional(stack: list[layers.Layer], shape: tuple[int | None, ...] = SHAPE, name: str = "net") -> keras.Model:
    """A functional model of layers one after the other."""
    inputs = outputs = keras.Input(shape)
    for layer in stack:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


def backbone(pooling: bool = False, shape: tuple[int | None, ...] = SHAPE) -> keras.Model:
    """The body as a functional model, with the mean over positions at its end or without."""
    return functional(stack() if pooling else body(), shape, name="backbone")


def sequential(*stack: layers.Layer, shape: tuple[int | None, ...] = SHAPE) -> keras.Model:
    """A Sequential model that says what it takes."""
    return keras.Sequential([keras.Input(shape), *stack], name="net")
