"""Models that hide their gradients: each raises its own warning, and sound models raise none."""

from __future__ import annotations

import helpers
import keras
import masked_models as masked
import numpy as np
import pytest
import tensorflow as tf
from helpers import SHAPE, linear_model, random_images
from masked_models import Applied, layers

import keras_advxai as kax
from keras_advxai.attacks import FGSM, PGD, Square
from keras_advxai.audit import CHECKS, AuditContext
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements

SETTINGS = {"explainers": (), "epsilons": (0.05, 0.1), "progress": False, "checks": "all"}
OWN = {
    "saturated-logits",
    "quantised-input",
    "blocked-gradient",
    "stopped-gradient",
    "misleading-gradients",
    "random-model",
}


def ids(report):
    return {finding.id for finding in report.warnings}


MASKED = {
    "logits times 20": (lambda model: masked.behind(lambda z: 20 * z, model), "fgsm", {"saturated-logits"}),
    "eight levels": (
        lambda model: masked.in_front(masked.quantised, model),
        Square(queries=20),
        {"quantised-input", "blocked-gradient"},
    ),
    "eight levels, straight through": (
        lambda model: masked.in_front(masked.straight_through, model),
        "fgsm",
        {"quantised-input"},
    ),
    "a gradient that is stopped on one of two ways": (masked.two_ways, "fgsm", {"stopped-gradient"}),
    "noise": (lambda model: masked.in_front(masked.noisy, model), "fgsm", {"random-model"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MASKED)
def test_each_masked_model_raises_its_own_warning(name, build, test_faces):
    mask, attack, expected = MASKED[name]
    model = mask(build("linear"))
    report = kax.evaluate(model, test_faces, attacks=attack, noise_control=False, **SETTINGS)
    assert ids(report) & OWN == expected
    assert {finding.severity for finding in report.warnings if finding.id in OWN} == {"warning"}
    again = EvaluationReport.from_json(report.to_json())
    assert [finding.to_dict() for finding in again.warnings] == [finding.to_dict() for finding in report.warnings]
    np.testing.assert_array_equal(again.measurements.at("saturated"), report.measurements.at("saturated"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "adversarially trained"])
def test_sound_models_raise_none(kind, load_weights, test_faces):
    weights = load_weights("faces" if kind == "plain" else "faces_adversarial")
    model = helpers.set_weights(helpers.small_cnn("softmax" if kind == "plain" else "linear"), weights)
    attacks = [PGD(steps=20, step_size=0.5, schedule="cosine"), Square(queries=50)]
    report = kax.evaluate(model, test_faces, attacks=attacks, **{**SETTINGS, "epsilons": (0.02, 0.05)})
    assert [finding for finding in report.warnings if finding.severity != "note"] == []
    assert report.clean_accuracy >= 0.9
    assert report.robust_accuracy(0.05) < report.robust_accuracy(0.02) <= report.clean_accuracy


def test_attacks_with_gradients_on_a_blocked_model_are_an_error_that_names_the_layer(build, test_faces):
    model = masked.in_front(masked.quantised, build())
    with pytest.raises(ValueError, match=r"No gradient flows through the layer 'front'\. .*black-box attack such"):
        kax.evaluate(model, test_faces, attacks=["fgsm", "square"], **SETTINGS)
    classifier = kax.ImageClassifier(build(), preprocess=masked.quantised)
    with pytest.raises(ValueError, match="No gradient flows through the preprocessing"):
        kax.evaluate(classifier, test_faces, attacks=["fgsm"], **SETTINGS)


def test_an_operation_without_any_gradient_is_said_so_too(build, few):
    model = masked.in_front(lambda x: tf.image.adjust_hue(tf.repeat(x, 3, axis=-1), 0.2)[..., :1], build())
    with pytest.raises(ValueError, match="No gradient flows through the layer 'front'"):
        FGSM()(model, *few)
    assert found(model, few[0]) == {"blocked-gradient"}


def gradient_findings(classifier, x):
    """What the checks of gradients say of some images."""
    coordinates = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classifier.classes)
    measurements = Measurements.of(coordinates, label=np.zeros(len(x)), prediction=np.zeros((1, len(x))))
    context = AuditContext.of(classifier, measurements, kax.EvaluationSettings(explainers=()), [(x, None)])
    ids = ("blocked-gradient", "stopped-gradient", "quantised-input", "misleading-gradients")
    return [finding for id in ids for finding in CHECKS.all[id].findings(context)]


def found(model, x):
    classifier = model if isinstance(model, kax.ImageClassifier) else kax.ImageClassifier(model)
    return {finding.id: finding for finding in gradient_findings(classifier, x)}.keys()


def sentence(model, x):
    (finding,) = gradient_findings(kax.ImageClassifier(model), x)
    return finding


@pytest.mark.slow
def test_where_the_gradient_stops_is_named(build, few):
    inner = build("linear")
    assert "through the layer 'stop'" in sentence(masked.two_ways(inner), few[0])
    assert "back to the layer 'mean'" in sentence(masked.hidden(inner), few[0])
    nested = keras.Sequential([keras.Input(SHAPE), masked.in_front(tf.stop_gradient, inner)])
    assert "through the layer 'sequential" in sentence(nested, few[0])
    assert "/front'" in sentence(nested, few[0])
    classifier = kax.ImageClassifier(inner, preprocess=tf.stop_gradient)
    (finding,) = gradient_findings(classifier, few[0])
    assert finding.id == "blocked-gradient"
    assert "through the preprocessing" in finding


@pytest.mark.slow
def test_pixels_without_a_gradient_are_found(build, test_faces):
    upper = np.zeros((1, *SHAPE), "float32")
    upper[:, :12] = 1
    model = masked.in_front(lambda x: upper * x + tf.stop_gradient((1 - upper) * x), build("linear"))
    finding = sentence(model, test_faces[0])
    assert finding.id == "stopped-gradient"
    assert "at 52.1 % of the pixels" in finding


@pytest.mark.slow
def test_one_image_is_enough_to_see_where_a_gradient_stops(build, few):
    assert "through the layer 'stop'" in sentence(masked.two_ways(build("linear")), few[0][:1])


@pytest.mark.slow
def test_folding_hides_no_gradient(few):
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([keras.Input(SHAPE), *stack])
    assert not gradient_findings(kax.ImageClassifier(model, fold_batch_norm=True), few[0])


@pytest.mark.slow
def test_a_model_that_has_learned_nothing_is_neither_another_nor_misleading(few):
    """Its probabilities differ by less than rounding."""
    first = layers.Conv2D(4, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-9, seed=1))
    head = layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(seed=2))
    model = keras.Sequential([keras.Input(SHAPE), first, layers.Flatten(), head])
    settings = {"attacks": "fgsm", "explainers": (), "epsilons": (0.1,), "progress": False, "checks": "all"}
    said = {finding.id for finding in kax.evaluate(model, few[0], **settings).warnings}
    assert not said & {"other-predictions", "misleading-gradients", "quantised-input"}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (masked.misleading, {"misleading-gradients"}),
        (lambda x: (tf.sign(x - 0.5) + 1) / 2, {"quantised-input"}),
        (lambda x: tf.cast(x > 0.5, tf.float32), {"quantised-input", "blocked-gradient"}),
        (lambda x: 0.8 * x + 0.2 * tf.stop_gradient(x), set()),  # nearly right, and the direction is
        (lambda x: 0.3 * x + 0.7 * tf.stop_gradient(x), {"misleading-gradients"}),
        (lambda x: tf.round(x * 255) / 255 + 0 * x, {"quantised-input"}),
    ],
)
def test_functions_that_mislead(function, expected, build, few):
    levels = np.round(few[0] * 255).astype("float32") / 255
    model = masked.in_front(function, build("linear"))
    assert found(model, levels) - {"stopped-gradient"} == expected


class Positions(layers.Layer):
    """Something of the size of the images and of nothing else in them."""

    def call(self, x):
        return tf.ones_like(x[:, :, :, :1]) * tf.cast(tf.range(tf.shape(x)[1]), x.dtype)[None, :, None, None]


def sound() -> keras.Model:
    """Layers that have no gradient for good reasons, or little."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Concatenate()([x, Positions()(x)])
    x = layers.Softmax()(x)
    x = layers.Dropout(0.5)(layers.MaxPooling2D()(x))
    x = layers.MultiHeadAttention(1, 4)(layers.Reshape((16, 5))(x), layers.Reshape((16, 5))(x))
    x = layers.LayerNormalization()(x)
    gate = keras.ops.where(x > 0, x, 0.1 * x)
    x = keras.Sequential([layers.Flatten(), layers.Dense(8, activation="gelu")])(gate)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


@pytest.mark.slow
def test_what_is_as_it_should_be_raises_nothing():
    x = random_images(16, (8, 8, 1))
    pixels = kax.ImageClassifier(sound(), bounds=(0, 255), preprocess=lambda images: images / 255)
    assert not found(pixels, 255 * x)
    linear = linear_model(np.array([[1.0, 0.0], [0.0, 1.0]]), (2, 1, 1), activation="softmax")
    assert not found(linear, random_images(16, (2, 1, 1)))


@pytest.mark.slow
def test_half_precision_is_no_quantisation():
    x = random_images(16, (8, 8, 1))
    stack = [layers.Conv2D(4, 3, dtype="mixed_float16"), layers.Flatten(), layers.Dense(2, dtype="float32")]
    assert not found(keras.Sequential([keras.Input((8, 8, 1)), *stack]), x)
    stopped = [keras.Input((8, 8, 1)), stack[0], Applied(tf.stop_gradient), *stack[1:]]
    assert found(keras.Sequential(stopped), x) == {"blocked-gradient"}
