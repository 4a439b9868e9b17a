"""Attacks on models that predict several labels: the sum of binary log-odds, worked out on linear models."""

from __future__ import annotations

import helpers
import keras
import linear_models
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai import attacks

SHAPE, LABELS = linear_models.SHAPE, 4
KERNEL = linear_models.weights(LABELS)
BIAS = np.array([9.0, 0, 0, 0], "float32")
"""The first label is predicted of all images, whatever an attack does: so there is always a label that is right yet."""
X = linear_models.images(10)
Z = X.reshape(10, -1) @ KERNEL + BIAS
TRUE = (np.random.default_rng(2).random((10, LABELS)) < 0.5).astype(int)
TRUE[:, 0] = 1
EPSILON = 0.1
ATTACKS = [
    attacks.FGSM(),
    attacks.FGSM(loss="cross_entropy"),
    attacks.FGSM(norm="l2"),
    attacks.PGD(steps=4),
    attacks.BIM(steps=4),
    attacks.MIFGSM(steps=4),
]


@pytest.fixture(scope="module")
def model():
    return several("sigmoid")


def several(activation: str | None) -> keras.Model:
    return helpers.linear_model(KERNEL, SHAPE, bias=BIAS, activation=activation)


def slope(y: np.ndarray, z: np.ndarray, loss: str) -> np.ndarray:
    """The gradient of the loss to the pixels: the sum of the labels' own, each weighted as its loss does."""
    signs = 1 - 2 * y
    weight = 1 / (1 + np.exp(-signs * z)) if loss == "cross_entropy" else 1
    return (signs * weight) @ KERNEL.T


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda item: item.name)
def test_the_sum_of_the_losses_rises_along_its_gradient(model, attack):
    found = attack(model, X, TRUE, epsilon=EPSILON)
    expected = X + EPSILON * linear_models.direction(slope(TRUE, Z, attack.loss), attack.norm).reshape(X.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_multi_hot_rows_are_enough_and_so_is_a_word(model):
    said = kax.ImageClassifier(model, labels="multi")
    logits = kax.ImageClassifier(several(None), labels="multi", from_logits=True)
    expected = attacks.FGSM()(model, X, TRUE)
    for other in (said, logits):
        np.testing.assert_allclose(attacks.FGSM()(other, X, TRUE), expected, atol=1e-6)
    # A batch in which each image has one label by chance needs the word.
    one_hot = np.eye(LABELS, dtype=int)[np.arange(10) % LABELS]
    away = np.sign(slope(one_hot, Z, "log_odds"))
    np.testing.assert_allclose(attacks.FGSM()(said, X, one_hot), X + 8 / 255 * away.reshape(X.shape), atol=1e-6)


def test_one_class_by_sigmoids_is_what_it_was(model):
    """Class indices and one-hot rows name one class for each image, as ever."""
    classes = np.arange(10) % LABELS
    single = attacks.FGSM()(kax.ImageClassifier(model, labels="single"), X, classes)
    softmax = attacks.FGSM()(several("softmax"), X, classes)
    for y in (classes, np.eye(LABELS)[classes]):
        np.testing.assert_array_equal(attacks.FGSM()(model, X, y), single)
    np.testing.assert_array_equal(single, softmax)


def test_without_labels_all_predicted_labels_count(model):
    found = attacks.FGSM()(model, X)
    np.testing.assert_array_equal(found, attacks.FGSM()(model, X, (Z > 0).astype(int)))


def test_a_pass_of_an_undecided_classifier_serves(model):
    classifier = kax.ImageClassifier(model, from_logits=None)
    forward = tf.function(lambda x: attacks.FGSM()(classifier, x, forward=classifier.forward(x)), autograph=False)
    np.testing.assert_allclose(forward(X), attacks.FGSM()(model, X), atol=1e-6)


@pytest.mark.parametrize("attack", [attacks.FGSM(targeted=True), attacks.PGD(targeted=True, steps=3, keep="best")])
def test_towards_one_label(model, attack):
    """The target's logit rises, and the others do not count."""
    targets = np.arange(10) % LABELS
    found = attack(kax.ImageClassifier(model, labels="multi"), X, targets, epsilon=EPSILON)
    np.testing.assert_allclose(found, X + EPSILON * np.sign(KERNEL.T[targets]).reshape(X.shape), atol=1e-5)


def test_steps_end_when_every_label_is_wrong():
    """One label is at its boundary, the other is not: the steps go on for the other."""
    kernel = np.zeros((16, 2), "float32")
    kernel[0, 0], kernel[1, 1] = 1, 1
    model = helpers.linear_model(kernel, SHAPE, bias=[-0.45, -0.27], activation="sigmoid")
    x = np.full((1, *SHAPE), 0.5, "float32")
    found = attacks.PGD(steps=10, step_size=0.1)(kax.ImageClassifier(model, labels="multi"), x, [[1, 1]], epsilon=0.5)
    np.testing.assert_allclose(found.ravel()[:2], 0.25, atol=1e-5)  # past 0.45 after two steps, past 0.27 after five


REFUSED = [
    attacks.DeepFool(),
    attacks.DDN(),
    attacks.MultiTargetPGD(),
    attacks.Square(),
    attacks.Ensemble.preset("quick"),
    attacks.ExplanationPGD(explainer="saliency"),
    kax.contrib.CleverHans(),
]


@pytest.mark.parametrize("attack", REFUSED, ids=lambda item: item.name)
def test_what_is_for_one_class_says_what_to_use(model, attack):
    message = "predicts several labels for each image. Use FGSM, PGD, BIM or MIFGSM"
    for call in (
        lambda: attack(model, X, TRUE),
        lambda: kax.evaluate(model, (X, TRUE), attacks=attack, explainers=(), progress=False),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_an_attack_of_one_s_own_says_that_it_may(model):
    class Brighten(attacks.Attack):
        def perturb(self, model, x, y, epsilon, forward):
            return x + epsilon

    class Any(Brighten):
        tasks = ("classification", "multi_label")

    with pytest.raises(ValueError, match="Use FGSM"):
        Brighten()(model, X, TRUE)
    np.testing.assert_allclose(Any()(model, X, TRUE, 0.1), X + 0.1, atol=1e-6)


BAD = {
    "dlr": (lambda model: attacks.FGSM(loss="dlr")(model, X, TRUE), "'dlr' compares the classes of a softmax"),
    "rows of two": (
        lambda model: attacks.FGSM()(kax.ImageClassifier(model, labels="multi"), X, TRUE[:, :2]),
        r"row of 0 and 1 for each of the 10 images, \(10, 4\).*shape=\(10, 2\)",
    ),
    "indices": (
        lambda model: attacks.FGSM()(kax.ImageClassifier(model, labels="multi"), X, TRUE[:, 0]),
        r"row of 0 and 1 .*shape=\(10,\)",
    ),
    "numbers": (
        lambda model: attacks.FGSM()(kax.ImageClassifier(model, labels="multi"), X, 2 * TRUE),
        "row of 0 and 1",
    ),
    "a softmax": (
        lambda model: attacks.FGSM()(kax.ImageClassifier(several("softmax"), labels="multi"), X, TRUE),
        "ends in a softmax, which predicts one class",
    ),
    "several behind a linear head": (
        lambda model: attacks.FGSM()(several(None), X, TRUE),
        r"not one-hot\. If the model predicts several labels, pass labels='multi'",
    ),
    "another word": (lambda model: kax.ImageClassifier(model, labels="many"), "`labels` must be one of single, multi"),
    "traced rows": (
        lambda model: tf.function(lambda x, y: attacks.FGSM()(model, x, y), autograph=False)(X, tf.constant(TRUE)),
        "in a tf.function the labels do not tell",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(model, kind):
    call, message = BAD[kind]
    with pytest.raises(ValueError, match=message):
        call(model)


def test_explanations_are_of_one_label():
    """By default the strongest; or any, by its index: the map of the same unit of a linear head."""
    model = helpers.small_cnn("linear")
    x = helpers.random_images(4)
    several, plain = kax.ImageClassifier(model, labels="multi"), kax.ImageClassifier(model)
    strongest = model(x).numpy().argmax(-1)
    explain = kax.explainers.GradCAM(relu=False)
    np.testing.assert_array_equal(explain(several, x), explain(plain, x, strongest))
    np.testing.assert_array_equal(explain(several, x, 1), explain(plain, x, 1))


def test_a_single_label():
    """One sigmoid as one label has no second class."""
    kernel = KERNEL[:, :1]
    classifier = kax.ImageClassifier(linear_models.model(kernel, "sigmoid"), labels="multi")
    assert (classifier.classes, classifier.binary) == (1, False)
    y = (X.reshape(10, -1) @ kernel > 0).astype(int)
    expected = X + 0.05 * (1 - 2 * y[:, :, None, None]) * np.sign(kernel).reshape(1, *SHAPE)
    for labels in (y, y[:, 0]):
        np.testing.assert_allclose(attacks.FGSM()(classifier, X, labels, epsilon=0.05), expected, atol=1e-6)


def test_probabilities_behind_an_unknown_end():
    """A sigmoid written by hand: logits are recovered, and labels said from 1/2 on."""
    inputs = keras.Input(SHAPE)
    dense = keras.layers.Dense(LABELS, use_bias=False)
    model = keras.Model(inputs, 1 / (1 + keras.ops.exp(-dense(keras.layers.Flatten()(inputs)))))
    dense.set_weights([KERNEL])
    classifier = kax.ImageClassifier(model, labels="multi", from_logits=False)
    forward = tf.function(lambda x: classifier.forward(x).logits, autograph=False)(X)
    np.testing.assert_allclose(forward, Z - BIAS, atol=1e-4)
