"""The models and images that are measured."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import keras
import numpy as np

from benchmarks.processes import ROOT

CLASSES = 10


def helpers() -> ModuleType:
    """The models and images of the tests."""
    return _of_tests("helpers")


def digits() -> ModuleType:
    """The images of digits, and the CNNs that are trained on them, of the tests."""
    return _of_tests("digits")


def _of_tests(name: str) -> ModuleType:
    folder = str(ROOT / "tests")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def cnn(side: int) -> keras.Model:
    """Three convolutions, poolings between them, a mean over positions and a dense layer."""
    layers = keras.layers
    x = inputs = keras.Input((side, side, 3))
    for number, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    x = layers.Conv2D(128, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def normalized_cnn(side: int) -> keras.Model:
    """The same three convolutions, each with a BatchNormalization before its ReLU."""
    layers = keras.layers
    x = inputs = keras.Input((side, side, 3))
    for number, filters in enumerate((32, 64, 128), start=1):
        x = x if number == 1 else layers.MaxPooling2D(name=f"pool{number}")(x)
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(layers.BatchNormalization(name=f"norm{number}")(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(x)))


def mobilenet_v2(side: int) -> keras.Model:
    """MobileNetV2 for images of this size."""
    shape = (side, side, 3)
    return keras.applications.MobileNetV2(input_shape=shape, weights=None, classes=CLASSES, classifier_activation=None)


def resnet50(side: int) -> keras.Model:
    """ResNet50 for images of this size."""
    shape = (side, side, 3)
    return keras.applications.ResNet50(input_shape=shape, weights=None, classes=CLASSES, classifier_activation=None)


def vgg16(side: int) -> keras.Model:
    """VGG16 for images of this size."""
    shape = (side, side, 3)
    return keras.applications.VGG16(input_shape=shape, weights=None, classes=CLASSES, classifier_activation=None)


BUILDERS = {
    "cnn": cnn,
    "normalized_cnn": normalized_cnn,
    "mobilenet_v2": mobilenet_v2,
    "resnet50": resnet50,
    "vgg16": vgg16,
}


def subject(name: str, side: int, dtype: str = "float32") -> keras.Model:
    """A model that returns logits of images in [0, 1] and behaves like a trained one, the same at every call.

    Nothing is downloaded: the weights are drawn, and set so that the logits tell images apart (`usable` in
    `tests/helpers.py`). How long a pass takes does not depend on what the weights are.

    Args:
        name: A key of `BUILDERS`.
        side: Height and width of the images.
        dtype: The precision of the weights and of all that is computed.
    """
    keras.utils.set_random_seed(0)
    model = helpers().usable(BUILDERS[name](side))
    if dtype == "float32":
        return model
    with precision(dtype):
        precise = BUILDERS[name](side)
    precise.set_weights(model.get_weights())
    return precise


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Models that are built inside have inputs, weights and computations of this precision."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def images(count: int, side: int) -> np.ndarray:
    """Images in [0, 1], `(count, side, side, 3)` float32."""
    return helpers().photos(count, side, seed=1) / np.float32(255)


def predictions(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The class that the model predicts for each image."""
    return model.predict(x, batch_size=16, verbose=0).argmax(axis=-1).astype("int32")
