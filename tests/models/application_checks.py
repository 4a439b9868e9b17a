"""What holds for every constructor of `keras.applications`, and the layer to explain in each of them."""

from __future__ import annotations

import inspect
import os
import weakref
from typing import Any

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.applications import MODES

CLASSES = 10
BARELY = 0.0003 / 255
"""So small a step that the loss of all but the most sensitive networks rises as its gradient says."""
EPSILONS = (BARELY, 8 / 255)

DEFAULT_LAYERS = {
    "DenseNet121": "relu",
    "DenseNet169": "relu",
    "DenseNet201": "relu",
    "EfficientNetB0": "top_activation",
    "EfficientNetB1": "top_activation",
    "EfficientNetB2": "top_activation",
    "EfficientNetB3": "top_activation",
    "EfficientNetB4": "top_activation",
    "EfficientNetB5": "top_activation",
    "EfficientNetB6": "top_activation",
    "EfficientNetB7": "top_activation",
    "EfficientNetV2B0": "top_activation",
    "EfficientNetV2B1": "top_activation",
    "EfficientNetV2B2": "top_activation",
    "EfficientNetV2B3": "top_activation",
    "EfficientNetV2L": "top_activation",
    "EfficientNetV2M": "top_activation",
    "EfficientNetV2S": "top_activation",
    "InceptionResNetV2": "conv_7b_ac",
    "InceptionV3": "mixed10",
    "MobileNet": "conv_pw_13_relu",
    "MobileNetV2": "out_relu",
    "ResNet101": "conv5_block3_out",
    "ResNet101V2": "post_relu",
    "ResNet152": "conv5_block3_out",
    "ResNet152V2": "post_relu",
    "ResNet50": "conv5_block3_out",
    "ResNet50V2": "post_relu",
    "VGG16": "block5_conv3",
    "VGG19": "block5_conv4",
    "Xception": "block14_sepconv2_act",
}

POOLED_KINDS = {
    "ConvNeXtBase": "Add",
    "ConvNeXtLarge": "Add",
    "ConvNeXtSmall": "Add",
    "ConvNeXtTiny": "Add",
    "ConvNeXtXLarge": "Add",
    "MobileNetV3Large": "Activation",
    "MobileNetV3Small": "Activation",
    "NASNetLarge": "Activation",
    "NASNetMobile": "Activation",
}
"""Where Keras numbers the layer by what was built before: the kind of the one that enters the global pooling."""

GROUPS = {
    "convnext": ("ConvNeXt", "Xception"),
    "efficientnet": ("EfficientNetB",),
    "inception": ("Inception", "NASNet"),
    "mobile": ("EfficientNetV2", "MobileNet"),
    "resnet": ("DenseNet", "ResNet", "VGG"),
}
"""Test file `test_applications_....py` to how the names of its constructors begin; all take about the same time."""

REPRESENTATIVES = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
)
"""One of each family, which is held against a gradient tape. Others have the same layers, only more and wider ones."""

EVERY_TIME = ("MobileNetV2",)
"""What is not slow: with residual sums, and BatchNormalization to fold."""


def constructors() -> set[str]:
    """Names of all functions that make a model in `keras.applications`."""
    return {name for name, value in vars(keras.applications).items() if inspect.isfunction(value)}


def members(group: str) -> list[str]:
    """The constructors of a group."""
    return sorted(name for name in constructors() if name.startswith(GROUPS[group]))


def cases(group: str) -> list[Any]:
    """The constructors of a group, with the side of their maps: 2 where it is quick or the convolutions are slow."""
    names = members(group)
    quick = [pytest.param(name, 2) for name in names if name in EVERY_TIME]
    return [*quick, *(helpers.slow(name, 2 if name.startswith("ConvNeXt") else 3) for name in names)]


def side(name: str, cells: int) -> int:
    """Height and width of images for which the layer to explain has about `cells` by `cells` positions."""
    if "Inception" in name:
        return 32 * cells + 43
    return max(32 * cells, 71) if name == "Xception" else 32 * cells


def family(name: str) -> str:
    """The module of `keras.applications` that a constructor is defined in, which is also the preprocessing's name."""
    return getattr(keras.applications, name).__module__.rsplit(".", 1)[-1]


def build(name: str, side: int, **kwargs: Any) -> keras.Model:
    """One of the applications with random weights, for ten classes."""
    keras.backend.clear_session()
    shape = (side, side, 3)
    return getattr(keras.applications, name)(weights=None, input_shape=shape, classes=CLASSES, **kwargs)


def expected_layer(model: keras.Model, name: str) -> str:
    """The name of the layer to explain, from the tables and from the model as Keras describes it."""
    if name in DEFAULT_LAYERS:
        return DEFAULT_LAYERS[name]
    pooling = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    pooled = pooling[-1].input._keras_history.operation
    assert type(pooled).__name__ == POOLED_KINDS[name]
    return pooled.name


def check(name: str, side: int) -> None:
    """Hold logits, default layer, Grad-CAM and FGSM of one application against Keras and a gradient tape.

    A gradient tape is taken of the representatives, and of all with `EVERY_APPLICATION=1` in the environment.

    Args:
        name: The constructor.
        side: Height and width of the images.
    """
    whole = name in REPRESENTATIVES or bool(os.environ.get("EVERY_APPLICATION"))
    alive = (_check if whole else _check_of_family)(name, side)
    helpers.give_back_memory()
    assert alive() is None, "something still refers to the model"


def _check(name: str, side: int) -> weakref.ref[keras.Model]:
    preprocess = family(name)
    model = helpers.usable(build(name, side), preprocess=preprocess)
    rescales = isinstance(model.layers[1], (keras.layers.Rescaling, keras.layers.Normalization))
    assert rescales == (MODES[preprocess] == "identity")
    classifier = kax.ImageClassifier(model, preprocess=preprocess)
    layer = classifier.layer_path(None, model.input_shape[1:])
    assert layer == expected_layer(model, name)
    reference = Reference(model, layer, getattr(keras.applications, preprocess).preprocess_input)
    x = helpers.photos(3, side, seed=1)
    labels = np.arange(3)
    found = _found(classifier, x, labels)
    logits, maps, gradient = reference.gradients(x, labels)
    _check_logits(found, logits)
    _check_heatmaps(found, maps)
    _check_attack(found, x, gradient)
    rise = reference.loss(found["adversarial"][0], labels) - _log_odds(logits, labels)
    linear = BARELY * 255 * np.abs(gradient).sum((1, 2, 3))
    assert np.all((0.3 * linear < rise) & (rise < 1.2 * linear))
    return weakref.ref(model)


def _check_of_family(name: str, side: int) -> weakref.ref[keras.Model]:
    preprocess = family(name)
    model = build(name, side)
    classifier = kax.ImageClassifier(model, preprocess=preprocess)
    assert classifier.layer_path(None, model.input_shape[1:]) == expected_layer(model, name)
    x = helpers.photos(2, side, seed=1)
    found = _found(classifier, x, np.arange(2))
    pixels = getattr(keras.applications, preprocess).preprocess_input(x.copy())
    np.testing.assert_allclose(found["output"], model.predict_on_batch(pixels), atol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(found["logits"]), found["output"], atol=1e-6)
    assert found["maps"].any(axis=(1, 2, 3)).all(), "no gradient reaches the layer"
    assert np.all((found["heatmaps"] >= 0) & (found["heatmaps"] <= 1))
    change = np.abs(found["adversarial"] - x)
    assert found["adversarial"].min() >= 0
    assert found["adversarial"].max() <= 255
    assert change[1].max() <= 8.0001
    assert change[1].max((1, 2, 3)).min() > 7.9, "an image without a gradient"
    return weakref.ref(model)


def _found(classifier: kax.ImageClassifier, x: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """What the public calls find on one pass, compiled together."""

    @tf.function(autograph=False)
    def look(x, labels):
        forward = classifier.forward(x)
        return {
            "logits": forward.logits,
            "predictions": forward.predictions,
            "output": forward.root.output,
            "maps": kax.explainers.GradCAM(relu=False).attributions(classifier, x, forward=forward),
            "heatmaps": kax.explainers.GradCAM()(classifier, x, forward=forward),
            "adversarial": kax.attacks.FGSM()(classifier, x, labels, EPSILONS, forward=forward),
        }

    found = look(tf.constant(x), tf.constant(labels, tf.int32))
    return {key: value.numpy() for key, value in found.items()}


def _check_logits(found: dict[str, np.ndarray], expected: np.ndarray) -> None:
    probabilities = tf.nn.softmax(found["logits"]).numpy()
    np.testing.assert_allclose(probabilities, found["output"], rtol=0, atol=1e-6)
    assert probabilities.max() < 0.999, "a saturated softmax says nothing about logits"
    np.testing.assert_allclose(found["logits"], expected, atol=5e-3)
    np.testing.assert_array_equal(found["predictions"], expected.argmax(-1))


def _check_heatmaps(found: dict[str, np.ndarray], expected: np.ndarray) -> None:
    maps, heatmaps = found["maps"], found["heatmaps"]
    scale = np.abs(expected).max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(maps / scale, expected / scale, atol=5e-3)
    assert np.all(np.ptp(maps / scale, axis=(1, 2, 3)) > 0.05), "a constant map, as behind MobileNet's 1x1 head"
    assert heatmaps.shape == (*found["adversarial"].shape[1:-1], 1)
    assert np.all((heatmaps >= 0) & (heatmaps <= 1))
    highest = heatmaps.max(axis=(1, 2, 3))
    np.testing.assert_allclose(highest, maps.max(axis=(1, 2, 3)) > 0, atol=1e-6)
    assert highest.any(), "every heatmap is blank"


def _check_attack(found: dict[str, np.ndarray], x: np.ndarray, gradient: np.ndarray) -> None:
    change = found["adversarial"] - x
    assert found["adversarial"].min() >= 0
    assert found["adversarial"].max() <= 255
    assert np.abs(change).max() <= 8.0001
    free = (x > 8) & (x < 247)
    assert np.mean(np.abs(np.abs(change[1][free & (gradient != 0)]) - 8) < 1e-4) > 0.999
    clear = free & (np.abs(gradient) > 0.03 * np.abs(gradient).max(axis=(1, 2, 3), keepdims=True))
    assert clear.mean() > 0.1
    assert np.mean(np.sign(change[1][clear]) == np.sign(gradient[clear])) > 0.995


class Reference:
    """The same figures from a `tf.GradientTape` and a model that was split by its layers' `output`.

    Args:
        model: The application; its last layer with a kernel makes the logits, which are worked out from its input.
        layer: The name of the layer to explain.
        preprocess: What leads from pixels to what the model takes.
    """

    def __init__(self, model: keras.Model, layer: str, preprocess: Any) -> None:
        self.preprocess = preprocess
        self.head = next(item for item in reversed(model.layers) if hasattr(item, "kernel"))
        explained = next(item for item in model.operations if item.name == layer)
        self.split = keras.Model(model.input, [explained.output, self.head.input])

    def gradients(self, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """Logits, Grad-CAM before its ReLU for the predicted class, and the gradient of the loss to the pixels."""
        pixels = tf.constant(x)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(pixels)
            activation, logits = self._logits(pixels)
            score = tf.reduce_max(logits, axis=-1)
            loss = _log_odds(logits, labels)
        weights = tf.reduce_mean(tape.gradient(score, activation), axis=(1, 2), keepdims=True)
        maps = tf.reduce_sum(weights * activation, axis=-1, keepdims=True)
        return logits.numpy(), maps.numpy(), tape.gradient(loss, pixels).numpy()

    def loss(self, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The log-odds against the labels."""
        return _log_odds(self._logits(tf.constant(x))[1], labels).numpy()

    def _logits(self, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        activation, features = self.split(self.preprocess(pixels), training=False)
        kernel = tf.reshape(self.head.kernel, (-1, self.head.kernel.shape[-1]))
        return activation, tf.reshape(features, (len(pixels), -1)) @ kernel + self.head.bias


def _log_odds(logits: tf.Tensor, labels: np.ndarray) -> tf.Tensor:
    own = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    others = tf.reshape(tf.boolean_mask(logits, ~own), (len(labels), -1))
    return tf.reduce_logsumexp(others, axis=-1) - tf.boolean_mask(logits, own)
