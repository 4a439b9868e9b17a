"""The families of `keras.applications`: the table of preprocessing, pixels, and the default layers."""

from __future__ import annotations

import pathlib

import application_checks
import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models import applications

pytestmark = pytest.mark.sampled(3)

layers = keras.layers
NAMES = tuple(applications.MODES)
ONE_OF_EACH_MODE = ("resnet50", "mobilenet_v2", "densenet", "convnext")
EIGHT_LEVELS = 8 / 255


def small_model() -> keras.Model:
    """An untrained convolution over 8x8 pixels, with two classes."""
    stack = [layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((8, 8, 3)), *stack])


def pixels() -> np.ndarray:
    """Whole gray levels in [0, 255], the darkest and the brightest among them."""
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    x[0, 0, 0], x[0, 0, 1] = 0, 255
    return x


def preprocessed(name: str) -> np.ndarray:
    return getattr(keras.applications, name).preprocess_input(pixels())


def test_every_module_of_keras_applications_that_preprocesses_is_in_the_table():
    modules = {
        name for name in dir(keras.applications) if hasattr(getattr(keras.applications, name), "preprocess_input")
    }
    assert set(NAMES) == modules - {"imagenet_utils"}
    assert sorted(applications.MODES[name] for name in ONE_OF_EACH_MODE) == sorted(set(applications.MODES.values()))


def test_every_constructor_is_in_the_table_and_in_one_of_the_tests():
    constructors = application_checks.constructors()
    tables = [*application_checks.DEFAULT_LAYERS, *application_checks.POOLED_KINDS]
    assert sorted(tables) == sorted(constructors)
    tested = [name for group in application_checks.GROUPS for name in application_checks.members(group)]
    assert sorted(tested) == sorted(constructors)
    files = {path.name for path in pathlib.Path(__file__).parent.glob("test_applications_*.py")}
    assert files == {f"test_applications_{group}.py" for group in application_checks.GROUPS}
    families = {application_checks.family(name) for name in constructors}
    assert families <= set(NAMES)
    assert {application_checks.family(name) for name in application_checks.REPRESENTATIVES} == families - {"vgg19"}


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_model_gets_what_keras_would_give_it(name, dtype):
    model = small_model()
    classifier = kax.ImageClassifier(model, preprocess=name)
    assert classifier.bounds == (0, 255)
    logits = classifier.forward(pixels().astype(dtype)).logits
    np.testing.assert_allclose(logits, model(preprocessed(name)), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_eight_of_255_are_eight_gray_levels_of_the_pixels(name):
    classifier = kax.ImageClassifier(small_model(), preprocess=name)
    x = pixels()
    adversarial = kax.attacks.FGSM()(classifier, x, [0, 1], epsilon=EIGHT_LEVELS)
    assert adversarial.min() >= 0
    assert adversarial.max() <= 255
    change = np.abs(adversarial - x)
    free = (x >= 8) & (x <= 247)
    np.testing.assert_allclose(change[free], 8, atol=1e-4)
    assert change.max() <= 8.0001
    before, after = (kax.ops.losses.log_odds(classifier.forward(images).logits, [0, 1]) for images in (x, adversarial))
    assert np.all(after > before)


@pytest.mark.parametrize("name", ONE_OF_EACH_MODE)
def test_integer_pixels_give_the_same_as_float_pixels(name):
    classifier = kax.ImageClassifier(small_model(), preprocess=name)
    found = []
    for x in (pixels(), pixels().astype("uint8"), pixels().astype("int64")):
        adversarial = kax.attacks.FGSM()(classifier, x, [0, 1], epsilon=EIGHT_LEVELS)
        heatmaps = kax.explainers.GradCAM(relu=False)(classifier, x)
        report = kax.evaluate(classifier, (x, [0, 1]), epsilons=[0.01, 0.02], explainers=[], progress=False)
        assert adversarial.dtype == heatmaps.dtype == np.float32
        found.append(
            [
                adversarial,
                heatmaps,
                report.measurements.at("confidence"),
                report.measurements.at("prediction", attack="fgsm"),
            ]
        )
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_OF_EACH_MODE)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_pixels_of_the_user_are_never_changed(name, dtype):
    """Keras' own function changes an array of floats in place, wherever it does more than reverse the channels."""
    if applications.MODES[name] in ("tf", "torch") and dtype == "float32":
        spoilt = pixels()
        getattr(keras.applications, name).preprocess_input(spoilt)
        assert np.abs(spoilt - pixels()).max() > 100
    classifier = kax.ImageClassifier(small_model(), preprocess=name)
    x = pixels().astype(dtype)
    classifier.forward(x)
    kax.attacks.FGSM()(classifier, x)
    kax.explainers.GradCAM(relu=False)(classifier, x)
    kax.evaluate(classifier, x, epsilons=[0.01, 0.02], explainers=[], progress=False)
    np.testing.assert_array_equal(x, pixels().astype(dtype))
    x.flags.writeable = False
    kax.attacks.FGSM()(classifier, x)


@pytest.mark.parametrize(
    ("name", "scale"), [("resnet50", 1), ("mobilenet_v2", 1 / 127.5), ("densenet", 1 / 255), ("convnext", 1)]
)
def test_the_gradient_flows_through_the_preprocessing(name, scale):
    """A linear model's gradient is its weights, in the order of the channels, times the scale."""
    weights = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    classifier = kax.ImageClassifier(helpers.linear_model(weights, (2, 2, 3)), preprocess=name)
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"), [("MobileNetV3Small", "activation_17"), ("MobileNetV3Large", "activation_19")]
)
def test_the_default_layer_of_mobilenet_v3_is_its_last_activation_of_seven_by_seven(name, expected):
    """Behind it are the pooling, which keeps 1x1, and two 1x1 convolutions, the last with the logits."""
    model = application_checks.build(name, 224)
    of_seven = [layer for layer in model.layers if layer.output.shape[1:3] == (7, 7)]
    activations = [layer.name for layer in of_seven if isinstance(layer, layers.Activation)]
    assert kax.ImageClassifier(model).default_layer == activations[-1] == of_seven[-1].name == expected
    assert application_checks.expected_layer(model, name) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["VGG16", "MobileNet", "MobileNetV2", "ResNet50"])
def test_the_default_layer_of_a_nested_backbone(name):
    """Transfer learning: the backbone in a functional model and in a Sequential."""
    shape = (96, 96, 3)
    backbone = getattr(keras.applications, name)(weights=None, input_shape=shape, include_top=False)
    inputs = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.2)(backbone(inputs)))
    functional = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    head = [layers.GlobalMaxPooling2D(), layers.Dense(3)]
    sequential = keras.Sequential([keras.Input(shape), layers.RandomFlip(), backbone, *head])
    last = application_checks.DEFAULT_LAYERS[name]
    for model in (functional, sequential):
        classifier = kax.ImageClassifier(model)
        assert classifier.default_layer == f"{backbone.name}/{last}"
        assert classifier.layer_path(last) == f"{backbone.name}/{last}"
