"""FGSM in closed form, against cleverhans, and on confident models."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

import keras_advxai as kax
from keras_advxai.attacks import FGSM

pytestmark = pytest.mark.sampled(3)

SHAPE = (4, 4, 1)
WEIGHTS = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
X = np.random.default_rng(1).uniform(0.3, 0.7, (6, *SHAPE)).astype("float32")
Y = np.array([0, 1, 2, 0, 1, 2])


def gradient(x: np.ndarray, y: np.ndarray, loss: str) -> np.ndarray:
    """The gradient of the loss of a linear model, by hand, in float64."""
    logits = x.reshape(len(x), 16).astype("float64") @ WEIGHTS
    hot = np.eye(3)[y]
    if loss == "log_odds":
        logits = np.where(hot == 1, -np.inf, logits)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return ((p - hot) @ WEIGHTS.T).reshape(x.shape)


def step(x: np.ndarray, slope: np.ndarray, epsilon: float, norm: str) -> np.ndarray:
    if norm == "linf":
        return x + epsilon * np.sign(slope)
    return x + epsilon * slope / np.sqrt((slope**2).sum(axis=(1, 2, 3), keepdims=True))


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("loss", ["log_odds", "cross_entropy"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_linear_model_has_an_exact_answer(norm, loss, targeted, activation):
    model = helpers.linear_model(WEIGHTS, SHAPE, activation=activation)
    found = FGSM(norm=norm, loss=loss, targeted=targeted)(model, X, Y, epsilon=0.1)
    slope = gradient(X, Y, loss) * (-1 if targeted else 1)
    np.testing.assert_allclose(found, step(X, slope, 0.1, norm), atol=1e-6)


@pytest.mark.parametrize(("bounds", "epsilon"), [((-1, 1), 0.1), ((0, 255), 8 / 255), ((0.2, 0.8), 0.1)])
def test_epsilon_is_a_fraction_of_the_width_of_the_bounds(bounds, epsilon):
    classifier = kax.ImageClassifier(helpers.linear_model(WEIGHTS, SHAPE), bounds=bounds)
    width = bounds[1] - bounds[0]
    x = (bounds[0] + width * X).astype("float32")
    for norm in ("linf", "l2"):
        expected = step(x, gradient(x, Y, "log_odds"), epsilon * width, norm)
        np.testing.assert_allclose(FGSM(norm=norm)(classifier, x, Y, epsilon), expected, rtol=1e-4)


def test_eight_grey_levels_are_8_of_255():
    classifier = kax.ImageClassifier(helpers.linear_model(WEIGHTS, SHAPE), bounds=(0, 255))
    pixels = np.full((1, *SHAPE), 100, "uint8")
    found = FGSM()(classifier, pixels, [0])
    np.testing.assert_allclose(np.abs(found - pixels), 8, atol=1e-4)


def test_the_bounds_are_kept():
    x = np.zeros((1, *SHAPE), "float32")
    found = FGSM()(helpers.linear_model(WEIGHTS, SHAPE), x, [0], 0.3)
    expected = np.clip(step(x, gradient(x, np.array([0]), "log_odds"), 0.3, "linf"), 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found == 0).any()
    assert (found > 0.29).any()


@pytest.fixture(scope="module", params=helpers.KINDS)
def linear(request, build):
    """A trained CNN that ends in logits, which is what cleverhans wants.

    It is unsure: of a confident model, cleverhans' cross-entropy rounds the label's part of its gradient.
    """
    return helpers.scaled_logits(build("linear", request.param), 0.05)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("epsilon", [0.02, 0.3])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_equals_cleverhans(norm, epsilon, targeted, linear, test_faces):
    x, y = test_faces[0][:8], test_faces[1][:8].astype("int64")
    found = FGSM(norm=norm, loss="cross_entropy", targeted=targeted)(linear, x, y, epsilon)
    expected = fast_gradient_method(
        linear,
        x,
        epsilon,
        np.inf if norm == "linf" else 2,
        clip_min=0.0,
        clip_max=1.0,
        y=tf.constant(y),
        targeted=targeted,
        sanity_checks=False,
    ).numpy()
    # Up to the sign of a gradient that is zero but for rounding.
    differing = np.abs(found - expected) > 1e-4
    assert differing.mean() < 1e-3
    assert np.abs(found - x).max() > 0


def test_it_equals_cleverhans_without_labels(linear, test_faces):
    x = test_faces[0][:8]
    found = FGSM(loss="cross_entropy")(linear, x, epsilon=0.1)
    expected = fast_gradient_method(linear, x, 0.1, np.inf, clip_min=0.0, clip_max=1.0, sanity_checks=False)
    assert np.mean(np.abs(found - expected) > 1e-5) < 1e-3


def confident(activation: str | None) -> keras.Model:
    """A linear model whose logits are a thousand times those of another."""
    return helpers.linear_model(1000 * WEIGHTS, SHAPE, activation=activation)


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_log_odds_attacks_a_model_so_confident_that_cross_entropy_has_no_gradient_left(norm, activation):
    model = confident(activation)
    labels = kax.ImageClassifier(model).forward(X).predictions.numpy()
    silent = FGSM(norm=norm, loss="cross_entropy")(model, X, labels, 0.1)
    np.testing.assert_array_equal(silent, X)
    found = FGSM(norm=norm)(model, X, labels, 0.1)
    size = np.abs(found - X).max((1, 2, 3)) if norm == "linf" else np.sqrt(((found - X) ** 2).sum((1, 2, 3)))
    np.testing.assert_allclose(size, 0.1, rtol=1e-4)
    # The runner-up is what log-odds rises towards.
    logits = np.sort(X.reshape(6, 16) @ WEIGHTS, -1)
    assert (logits[:, -1] - logits[:, -2] > 0.1).all()
    order = np.argsort(X.reshape(6, 16) @ WEIGHTS, -1)
    slope = (WEIGHTS.T[order[:, -2]] - WEIGHTS.T[order[:, -1]]).reshape(X.shape)
    np.testing.assert_allclose(found, step(X, slope, 0.1, norm), atol=1e-5)


@pytest.mark.parametrize("gap", [0.0, 1.0, 9.3, 14.2, 16.1, 16.6, 30.0])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_cross_entropy_does_not_follow_what_both_logits_have_in_common(norm, gap):
    columns = np.repeat(WEIGHTS[:, :1], 2, axis=1)
    model = helpers.linear_model(columns, SHAPE, [gap, 0.0])  # nothing moves one class against the other
    for labels in (np.zeros(6, int), np.ones(6, int)):
        # The gradient of cross-entropy is that of the log-odds times a probability. Where that is not a power of two,
        # its products with one weight need not cancel: processors that multiply and add in one step round one of them.
        for loss in ("log_odds", "cross_entropy") if gap == 0 else ("log_odds",):
            np.testing.assert_array_equal(FGSM(norm=norm, loss=loss)(model, X, labels, 0.1), X)


def test_log_odds_leaves_fewer_images_of_a_confident_network_robust(build, test_faces):
    """The same network with its head's weights times 40: the same predictions, and no gradient for many."""
    x, y = test_faces
    model = helpers.scaled_logits(build(), 40)

    def accuracy(loss):
        adversarial = FGSM(loss=loss)(model, x, y, 0.15)
        return np.mean(kax.ImageClassifier(model).forward(adversarial).predictions == y)

    assert accuracy("log_odds") < accuracy("cross_entropy") - 0.1


def test_attacks_work_and_targeted_ones_reach_their_target(model, test_faces):
    x, y = test_faces
    classifier = kax.ImageClassifier(model)

    def predict(images):
        return classifier.forward(images).predictions.numpy()

    def log_odds(images):
        logits = classifier.forward(images).logits.numpy()
        return np.mean(logits[np.arange(len(y)), y] - logits[np.arange(len(y)), 1 - y])

    clean = np.mean(predict(x) == y)
    attacked = FGSM()(model, x, y, 0.15)
    assert clean > 0.9
    assert np.mean(predict(attacked) == y) < clean - 0.2
    reached = np.mean(predict(FGSM(targeted=True)(model, x, 1 - y, 0.15)) == 1 - y)
    assert reached > 0.3
    # By the log-odds and not by the accuracy, which noise may bring down as far: some networks call all that is not
    # smooth one class.
    assert log_odds(attacked) < log_odds(kax.attacks.UniformNoise()(model, x, y, 0.15)) < log_odds(x)


def test_one_sigmoid_unit_is_attacked_like_two_logits(build, few):
    one, two = (FGSM()(build(head), *few, 0.1) for head in ("sigmoid", "linear"))
    assert np.mean(np.abs(one - two) > 1e-5) < 0.01


def test_every_option_changes_the_result(model, few):
    plain = FGSM()(model, *few, 0.1)
    for other in (FGSM(norm="l2"), FGSM(targeted=True)):
        assert np.abs(other(model, *few, 0.1) - plain).max() > 0.01
    # Of two classes both losses have one direction; of three they have not.
    three = helpers.linear_model(WEIGHTS, SHAPE)
    l2 = [FGSM(norm="l2", loss=loss)(three, X, Y, 0.1) for loss in ("log_odds", "cross_entropy")]
    np.testing.assert_allclose(*l2, atol=1e-6)


def test_the_two_losses_have_one_direction(few, model):
    first, second = (FGSM(norm="l2", loss=loss)(model, *few, 0.5) for loss in ("log_odds", "cross_entropy"))
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_a_norm_above_1_is_an_epsilon_in_l2(model, few):
    x, y = few
    found = FGSM(norm="l2")(model, x, y, 3.0)
    length = np.sqrt(((found - x) ** 2).sum((1, 2, 3)))
    assert (length > 1).all()
    assert (length <= 3 + 1e-5).all()
