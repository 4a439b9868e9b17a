"""The contract checks on models with several inputs, and on signals: what is right passes, what is wrong is found."""

from __future__ import annotations

from typing import Any

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import check_attack, check_explainer

layers = keras.layers
registered = keras.saving.register_keras_serializable(package="several_inputs")
AGES, IMAGES = helpers.random_images(4, (2,), seed=1), helpers.random_images(4, (8, 8, 1))
LABELS = np.array([0, 1, 1, 0])


@pytest.fixture(params=["list", "dict"])
def case(request: pytest.FixtureRequest) -> tuple[kax.ImageClassifier, Any]:
    """A classifier of an image and two numbers, and what it takes."""
    age, image = keras.Input((2,), name="age"), keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(3, 3, kernel_initializer="ones", name="conv")(image)
    outputs = layers.Dense(2)(layers.Concatenate()([layers.GlobalAveragePooling2D()(x), age]))
    named = {"age": age, "image": image}
    model = keras.Model(named if request.param == "dict" else list(named.values()), outputs)
    arrays = {"age": AGES.copy(), "image": IMAGES.copy()}
    inputs = arrays if request.param == "dict" else list(arrays.values())
    return kax.ImageClassifier(model, input="image"), inputs


@pytest.fixture
def signals() -> tuple[keras.Model, np.ndarray]:
    """A model of signals, and what it takes."""
    stack = [layers.Conv1D(3, 3, kernel_initializer="ones", name="conv"), layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((12, 2)), *stack, layers.Dense(2)])
    return model, helpers.random_images(3, (12, 2))


@registered
class Darken(kax.attacks.Attack):
    def perturb(self, model, x, y, radius, forward):
        return x - radius


@registered
class Everything(Darken):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return model.with_images(x, super().__call__(model, x, y, epsilon, forward=forward))


@registered
class OthersInPlace(Darken):
    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        found = super().__call__(model, x, y, epsilon, forward=forward)
        age = x["age"] if isinstance(x, dict) else x[0]
        if isinstance(age, np.ndarray) and age.flags.owndata:
            age[0] = 0.123
        return found


@registered
class TwoAtOnce(Darken):
    def perturb(self, model, x, y, radius, forward):
        return x - radius * tf.sign(forward.logits - tf.reduce_mean(forward.logits, axis=0))[:, :1, None, None]


@registered
class Brightness(kax.explainers.Explainer):
    def attribute(self, model, x, targets, forward):
        return x


@registered
class OfTheWholeBatch(Brightness):
    def attribute(self, model, x, targets, forward):
        return x + tf.abs(tf.reduce_mean(forward.logits, keepdims=True))[..., None, None]


@registered
class Flat(Brightness):
    def __call__(self, model, x, targets=None, *, forward=None):
        return super().__call__(model, x, targets, forward=forward)[..., 0]


@pytest.mark.slow
@pytest.mark.parametrize("attack", [Darken(), kax.attacks.FGSM(norm="l2")], ids=repr)
def test_an_attack_that_is_right_passes(attack, case):
    check_attack(attack, *case, LABELS)


@pytest.mark.parametrize("explainer", [Brightness(), kax.explainers.GradCAM()], ids=repr)
def test_an_explainer_that_is_right_passes(explainer, case):
    check_explainer(explainer, *case)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (Everything(), "returned (list|dict) for NumPy images"),
        (OthersInPlace(), "An array was changed in place"),
        (TwoAtOnce(), "treats an image differently beside other images"),
    ],
    ids=repr,
)
def test_a_broken_attack_is_found(attack, message, case):
    with pytest.raises(AssertionError, match=message):
        check_attack(attack, *case, LABELS)


@pytest.mark.parametrize(
    ("explainer", "message"),
    [
        (OfTheWholeBatch(), "treats an image differently beside other images"),
        (Flat(), r"returned the shape \(4, 8, 8\), not \(4, 8, 8, 1\)"),
    ],
    ids=repr,
)
def test_a_broken_explainer_is_found(explainer, message, case):
    with pytest.raises(AssertionError, match=message):
        check_explainer(explainer, *case)


@pytest.mark.slow
def test_signals(signals):
    model, x = signals
    check_attack(Darken(), model, x, np.array([0, 1, 0]))
    for explainer in (Brightness(), kax.explainers.GradCAM()):
        check_explainer(explainer, model, x)
    with pytest.raises(AssertionError, match=r"returned the shape \(3, 12\), not \(3, 12, 1\)"):
        check_explainer(Flat(), model, x)
