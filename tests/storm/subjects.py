"""The models of the storm: tiny, seeded, built once, one of each kind that the package tells apart."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import helpers
import keras
import numpy as np
from small_models import AlwaysDropout

import keras_advxai as kax

layers = keras.layers
SHAPE = (8, 8, 1)
COUNT = 4
UNIT = helpers.random_images(COUNT, SHAPE)
"""The images, in [0, 1]."""


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A model with what belongs to it.

    Attributes:
        name: What kind it is.
        model: The model.
        y: Right labels of its images.
        kind: `"classes"`, `"binary"`, `"multi"` or `"regression"`.
        classes: How many classes, labels or numbers it says.
        settings: What has to be said of it.
        layers: Names of layers that can be explained.
        unit: Its images in [0, 1].
        inputs: All its inputs, given the images among them.
        finite: Whether its outputs are numbers.
        spatial: Whether it has a layer that Grad-CAM explains by default.
        spy: Counts how often it is computed; `None` for some.
    """

    name: str
    model: Any
    y: np.ndarray
    kind: str = "classes"
    classes: int = 3
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    layers: tuple[str, ...] = ("conv",)
    unit: np.ndarray = dataclasses.field(default_factory=lambda: UNIT)
    inputs: Callable[[Any], Any] = lambda images: images
    finite: bool = True
    spatial: bool = True
    spy: helpers.Executions | None = None

    def __repr__(self) -> str:
        return self.name


def _init(seed: int) -> Any:
    return keras.initializers.RandomUniform(-1.0, 1.0, seed=seed)


def conv(name: str = "conv", **settings: Any) -> layers.Layer:
    return layers.Conv2D(4, 3, padding="same", activation="relu", name=name, kernel_initializer=_init(1), **settings)


def dense(units: int, activation: Any = None, name: str = "head") -> layers.Layer:
    return layers.Dense(units, activation=activation, name=name, kernel_initializer=_init(2))


def pool() -> layers.Layer:
    return layers.GlobalAveragePooling2D(name="mean")


def sequential(*stack: layers.Layer, name: str, shape: tuple[int | None, ...] = SHAPE) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *stack], name=name)


class Subclassed(keras.Model):
    """A model that Keras cannot see into, with a softmax of its own."""

    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.conv, self.mean, self.head = conv(), pool(), dense(3)

    def call(self, x):
        return keras.ops.softmax(self.head(self.mean(self.conv(x))))


def labels_of(model: keras.Model, x: Any) -> np.ndarray:
    """Half of them what the model says, so that accuracies are neither 0 nor 1."""
    found = np.argmax(np.asarray(model(x)), axis=-1)
    found[COUNT // 2 :] = (found[COUNT // 2 :] + 1) % 3
    return found


def softmax() -> Subject:
    spy = helpers.Executions()
    model = sequential(spy, conv(), pool(), dense(3, "softmax"), name="softmax")
    return Subject("softmax", model, labels_of(model, UNIT), spy=spy)


def logits() -> Subject:
    """Functional, with a backbone inside."""
    inputs, inner = keras.Input(SHAPE), keras.Input(SHAPE)
    backbone = keras.Model(inner, layers.MaxPooling2D(name="pool")(conv()(inner)), name="backbone")
    model = keras.Model(inputs, dense(3)(pool()(backbone(inputs))), name="logits")
    return Subject("logits", model, labels_of(model, UNIT), layers=("backbone/conv", "backbone/pool"))


def subclassed() -> Subject:
    model = Subclassed()
    return Subject("subclassed", model, labels_of(model, UNIT))


def sigmoid() -> Subject:
    spy = helpers.Executions()
    model = sequential(spy, conv(), pool(), dense(1, "sigmoid"), name="sigmoid")
    return Subject("sigmoid", model, np.array([0, 1, 0, 1]), "binary", 2, spy=spy)


def several_labels() -> Subject:
    model = sequential(conv(), pool(), dense(3, "sigmoid"), name="several_labels")
    rows = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    return Subject("several_labels", model, rows, "multi")


def regression() -> Subject:
    spy = helpers.Executions()
    model = sequential(spy, conv(), pool(), dense(2), name="regression")
    values = np.linspace(-1, 1, 2 * COUNT, dtype="float32").reshape(COUNT, 2)
    return Subject("regression", model, values, "regression", 2, {"task": "regression"}, spy=spy)


def two_inputs() -> Subject:
    image, age = keras.Input(SHAPE, name="image"), keras.Input((2,), name="age")
    joined = layers.Concatenate()([pool()(conv()(image)), age])
    model = keras.Model({"image": image, "age": age}, dense(3, "softmax")(joined), name="two_inputs")
    ages = np.linspace(0, 1, 2 * COUNT, dtype="float32").reshape(COUNT, 2)

    def inputs(images: Any) -> Any:
        return {"image": images, "age": ages}

    return Subject("two_inputs", model, np.array([0, 1, 2, 0]), settings={"input": "image"}, inputs=inputs)


def two_outputs() -> Subject:
    inputs = keras.Input(SHAPE)
    x = conv()(inputs)
    model = keras.Model(
        inputs, {"classes": dense(3, "softmax")(pool()(x)), "map": conv("other")(x)}, name="two_outputs"
    )
    return Subject("two_outputs", model, np.array([0, 1, 2, 0]), settings={"output": "classes"})


def segmentation() -> Subject:
    """Scores of each pixel, of which the mean over the left half is taken."""
    model = sequential(conv(), layers.Conv2D(3, 1, activation="softmax", name="head"), name="segmentation")
    return Subject("segmentation", model, np.array([0, 1, 2, 0]), settings={"reduce": left_half})


def left_half(scores: Any) -> Any:
    return keras.ops.mean(scores[:, :, :4], axis=(1, 2))


def right_half(scores: Any) -> Any:
    """By NumPy, which a graph refuses."""
    return np.mean(scores, axis=(1, 2))


def everything(scores: Any) -> Any:
    """One number for all images."""
    return keras.ops.mean(scores)


def not_a_number() -> Subject:
    """After a training that diverged."""
    model = sequential(conv(), pool(), dense(3, "softmax"), name="not_a_number")
    model.get_layer("head").bias.assign([0.0, np.nan, 0.0])
    return Subject("not_a_number", model, np.array([0, 1, 2, 0]), finite=False)


def blank() -> Subject:
    """All of whose units are dead."""
    model = sequential(conv(), pool(), dense(3, "softmax"), name="blank")
    model.get_layer("conv").kernel.assign(-np.ones((3, 3, 1, 4)))
    return Subject("blank", model, np.array([0, 1, 2, 0]))


def random() -> Subject:
    model = sequential(conv(), AlwaysDropout(0.3, seed=1), pool(), dense(3, "softmax"), name="random")
    return Subject("random", model, np.array([0, 1, 2, 0]))


def flat() -> Subject:
    model = sequential(layers.Flatten(), dense(4, "relu", "hidden"), dense(3, "softmax"), name="flat")
    return Subject("flat", model, labels_of(model, UNIT), layers=(), spatial=False)


def channels_first() -> Subject:
    stack = [conv(data_format="channels_first"), layers.GlobalAveragePooling2D(data_format="channels_first")]
    model = sequential(*stack, dense(3, "softmax"), name="channels_first", shape=(1, 8, 8))
    return Subject("channels_first", model, np.array([0, 1, 2, 0]), unit=np.moveaxis(UNIT, -1, 1))


def signal() -> Subject:
    stack = [layers.Conv1D(4, 3, padding="same", activation="relu", name="conv", kernel_initializer=_init(1))]
    stack += [layers.GlobalAveragePooling1D(), dense(3, "softmax")]
    model = sequential(*stack, name="signal", shape=(16, 2))
    return Subject("signal", model, np.array([0, 1, 2, 0]), unit=helpers.random_images(COUNT, (16, 2)))


def open_size() -> Subject:
    model = sequential(conv(), pool(), dense(3, "softmax"), name="open_size", shape=(None, None, 1))
    return Subject("open_size", model, labels_of(model, UNIT))


def wrapped() -> Subject:
    """With bounds and preprocessing of its own: pixels, as far as the storm is concerned in [0, 1] all the same."""
    inner = sequential(conv(), pool(), dense(3, "softmax"), name="inner")
    model = kax.ExplainableModel(inner, bounds=(0, 1), preprocess=twice, name="wrapped")
    return Subject("wrapped", model, np.array([0, 1, 2, 0]))


@keras.saving.register_keras_serializable(package="tests")
def twice(images: Any) -> Any:
    return 2 * images - 1


BUILDERS = (
    *(softmax, logits, subclassed, sigmoid, several_labels, regression, two_inputs, two_outputs, segmentation),
    *(not_a_number, blank, random, flat, channels_first, signal, open_size, wrapped),
)
NAMES = tuple(builder.__name__ for builder in BUILDERS)


@functools.cache
def subject(name: str) -> Subject:
    """The one of this name."""
    found = next(builder for builder in BUILDERS if builder.__name__ == name)()
    if found.spy is not None:
        found.spy.seen.computed = 0
    return found
