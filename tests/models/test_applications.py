"""Preprocessing by name, and the default layer of each family of `keras.applications`."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models import applications

layers = keras.layers

DEFAULT_LAYERS = {
    "VGG16": "block5_conv3",
    "ResNet50": "conv5_block3_out",
    "InceptionV3": "mixed10",
    "Xception": "block14_sepconv2_act",
    "MobileNet": "conv_pw_13_relu",
    "MobileNetV2": "out_relu",
}
CHEAP = ("VGG16", "MobileNet")


def families(names) -> list:
    return [pytest.param(name, marks=[] if name in CHEAP else [pytest.mark.slow]) for name in names]


def small_model(activation: str | None = None) -> keras.Model:
    stack = [layers.Conv2D(2, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(2, activation=activation)]
    return keras.Sequential([keras.Input((8, 8, 3)), *stack])


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")


def test_every_module_of_keras_applications_that_preprocesses_is_in_the_table():
    modules = {
        name for name in dir(keras.applications) if hasattr(getattr(keras.applications, name), "preprocess_input")
    }
    assert set(applications.MODES) == modules - {"imagenet_utils"}


@pytest.mark.parametrize("name", applications.MODES)
def test_preprocessing_by_name_is_that_of_keras(name):
    classifier = kax.ImageClassifier(small_model(), preprocess=name)
    assert classifier.bounds == (0, 255)
    module = getattr(keras.applications, name)
    for x in (pixels(), pixels().astype("uint8")):
        before = x.copy()
        found = tf.function(lambda images: classifier.network_inputs(images, tf.cast(images, tf.float32)))(x)
        np.testing.assert_allclose(found, module.preprocess_input(pixels()), rtol=1e-6, atol=1e-4)
        kax.attacks.FGSM()(classifier, x)
        kax.explainers.GradCAM(relu=False)(classifier, x)
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", applications.MODES)
def test_the_mode_in_the_table_is_what_the_preprocessing_does(name):
    red = np.broadcast_to(np.array([255.0, 0.0, 0.0], "float32"), (1, 8, 8, 3)).copy()
    found = getattr(keras.applications, name).preprocess_input(red)[0, 0, 0]
    expected = {
        "caffe": [-103.939, -116.779, 255 - 123.68],
        "tf": [1, -1, -1],
        "torch": [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        "identity": [255, 0, 0],
    }[applications.MODES[name]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "scale"), [("resnet50", 1), ("mobilenet_v2", 1 / 127.5), ("densenet", 1 / 255), ("convnext", 1)]
)
def test_the_gradient_flows_through_the_preprocessing(name, scale):
    """A linear model's gradient is its weights, in the order of the channels, times the scale."""
    weights = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    head = layers.Dense(2)
    model = keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), head])
    head.set_weights([weights, np.zeros(2, "float32")])
    classifier = kax.ImageClassifier(model, preprocess=name)
    x = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype("float32")

    def gradient(images):
        forward = classifier.forward(images)
        return forward.gradient(lambda forward, labels: forward.score(labels), np.array([0]))

    expected = weights[:, 0].reshape(1, 2, 2, 3) * scale
    mode = applications.MODES[name]
    expected = expected[..., ::-1] if mode == "caffe" else expected
    expected = expected / [0.229, 0.224, 0.225] if mode == "torch" else expected
    np.testing.assert_allclose(tf.function(gradient)(x), expected, rtol=1e-4)


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(
        ValueError, match=r"keras.applications: .*vgg19.* Did you mean 'resnet50'.* Received: preprocess='resnet5'"
    ):
        kax.ImageClassifier(small_model(), preprocess="resnet5")


def test_other_bounds_than_those_of_pixels_are_refused_with_a_name():
    with pytest.raises(ValueError, match=r"takes pixels, so the bounds are \(0, 255\). Received: bounds=\(0, 1\)"):
        kax.ImageClassifier(small_model(), preprocess="vgg16", bounds=(0, 1))
    assert kax.ImageClassifier(small_model(), preprocess="vgg16", bounds=(0, 255)).bounds == (0, 255)


@pytest.mark.parametrize("name", families(DEFAULT_LAYERS))
def test_the_default_layer_ends_the_spatial_extent(name):
    side = 299 if name in ("InceptionV3", "Xception") else 64 if name == "VGG16" else 128
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=10)
    assert kax.ImageClassifier(model).default_layer == DEFAULT_LAYERS[name]


@pytest.mark.parametrize("name", families(["VGG16", "MobileNet", "MobileNetV2", "ResNet50"]))
def test_the_default_layer_of_a_nested_backbone(name):
    """Transfer learning: the backbone in a functional model and in a Sequential."""
    shape = (96, 96, 3)
    backbone = getattr(keras.applications, name)(weights=None, input_shape=shape, include_top=False)
    inputs = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.2)(backbone(inputs)))
    functional = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    head = [layers.GlobalMaxPooling2D(), layers.Dense(3)]
    sequential = keras.Sequential([keras.Input(shape), layers.RandomFlip(), backbone, *head])
    last = DEFAULT_LAYERS[name]
    for model in (functional, sequential):
        classifier = kax.ImageClassifier(model)
        assert classifier.default_layer == f"{backbone.name}/{last}"
        assert classifier.layer_path(last) == f"{backbone.name}/{last}"


@pytest.mark.slow
def test_a_whole_family_is_explained_and_attacked():
    model = keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3), classes=5)
    classifier = kax.ImageClassifier(model, preprocess="mobilenet_v2")
    x = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("uint8")
    assert kax.explainers.GradCAM(relu=False)(classifier, x).shape == (2, 64, 64, 1)
    assert kax.attacks.FGSM()(classifier, x, [0, 1], [0.01, 0.02]).shape == (2, 2, 64, 64, 3)
