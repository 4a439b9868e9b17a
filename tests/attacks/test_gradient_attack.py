"""What attacks along a gradient share."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import GradientAttack

WEIGHTS = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
X = np.random.default_rng(1).uniform(0.3, 0.7, (3, 4, 4, 1)).astype("float32")


class Gradient(GradientAttack):
    """The gradient itself, in place of an image."""

    def perturb(self, model, x, y, epsilon, forward):
        return x + 1e-3 * self.gradient(forward, y)


def test_the_defaults():
    attack = Gradient()
    assert attack.get_config() == {"norm": "linf", "loss": "log_odds", "targeted": False, "samples": 1}


@pytest.mark.parametrize("loss", ["log_odds", "cross_entropy"])
def test_a_targeted_attack_goes_the_other_way(loss):
    model = helpers.linear_model(WEIGHTS, (4, 4, 1))
    there = Gradient(loss=loss)(model, X, [0, 1, 2], 0.5) - X
    back = Gradient(loss=loss, targeted=True)(model, X, [0, 1, 2], 0.5) - X
    np.testing.assert_allclose(there, -back, atol=1e-7)
    assert np.abs(there).max() > 1e-4


def test_the_gradient_is_that_of_the_objective():
    model = helpers.linear_model(WEIGHTS, (4, 4, 1))
    found = (Gradient(loss="cross_entropy")(model, X, [0, 1, 2], 0.5) - X).reshape(3, 16) / 1e-3
    p = tf.nn.softmax(X.reshape(3, 16) @ WEIGHTS).numpy()
    np.testing.assert_allclose(found, (p - np.eye(3)) @ WEIGHTS.T, atol=1e-3)


@pytest.mark.parametrize(
    ("said", "has_other_way"),
    [({}, True), ({"labels": "multi"}, False), ({"task": "regression"}, False)],
    ids=["one class", "several labels", "numbers"],
)
def test_where_there_is_no_gradient_an_attack_without_is_advised_if_there_is_one_for_such_a_model(said, has_other_way):
    layers = [keras.layers.Lambda(keras.ops.round, name="levels"), keras.layers.Flatten(), keras.layers.Dense(2)]
    classifier = kax.ImageClassifier(keras.Sequential([keras.Input((4, 4, 1)), *layers]), **said)
    with pytest.raises(ValueError, match=r"(?s)no gradient.*'levels'") as found:
        kax.attacks.FGSM()(classifier, X, epsilon=0.1)
    advice = "Or attack it without gradients, by a black-box attack such as Square."
    assert (advice in str(found.value)) == has_other_way


@pytest.mark.slow
def test_a_loss_is_remembered_by_the_attack_that_asked_for_it(model, few):
    """Two attacks with other losses on one pass do not get one another's gradients."""
    classifier = kax.ImageClassifier(model)
    attacks = [
        Gradient(loss=loss, targeted=targeted) for loss in ("log_odds", "cross_entropy") for targeted in (False, True)
    ]

    @tf.function
    def together(x, y):
        forward = classifier.forward(x)
        return [attack(classifier, x, y, 0.5, forward=forward) for attack in attacks]

    for attack, found in zip(attacks, together(*few), strict=True):
        np.testing.assert_allclose(found, attack(classifier, *few, 0.5), atol=1e-6)
