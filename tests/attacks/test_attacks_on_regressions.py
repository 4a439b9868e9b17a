"""Attacks on models that predict numbers: the largest change of a linear model is known."""

from __future__ import annotations

import functools

import helpers
import keras
import linear_models
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai import attacks

SHAPE = linear_models.SHAPE
KERNEL = linear_models.weights(3)
X = linear_models.images(6)
EPSILON = 0.1
ATTACKS = [
    attacks.FGSM(),
    attacks.FGSM(norm="l2"),
    attacks.PGD(steps=4),
    attacks.PGD(steps=4, norm="l2", keep="best"),
    attacks.PGD(steps=4, start="uniform", restarts=2),
    attacks.BIM(steps=4),
    attacks.MIFGSM(steps=4),
]


def regression(kernel: np.ndarray, **options: object) -> kax.ImageClassifier:
    return kax.ImageClassifier(linear_models.model(kernel), task="regression", **options)


def change(found: np.ndarray, kernel: np.ndarray, x: np.ndarray = X) -> np.ndarray:
    return (found - x).reshape(len(x), -1).astype("float64") @ kernel


@pytest.fixture(scope="module")
def one():
    return regression(KERNEL[:, :1])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda item: item.name)
def test_the_largest_change_of_a_linear_model(one, attack):
    """`max |w * d|` is epsilon times the 1-norm of `w`, or in L2 its 2-norm; at the image the gradient is zero."""
    weights = KERNEL[:, 0].astype("float64")
    largest = EPSILON * (np.abs(weights).sum() if attack.norm == "linf" else np.linalg.norm(weights))
    found = attack(one, X, epsilon=EPSILON)
    np.testing.assert_allclose(np.abs(change(found, KERNEL[:, 0])), largest, rtol=1e-4)


@pytest.mark.parametrize("attack", [attacks.FGSM(), attacks.PGD(steps=4)], ids=lambda item: item.name)
def test_both_ways_are_tried(attack):
    """Where the bounds leave more room downwards, the output goes down, image by image."""
    weights = np.ones((16, 1), "float32")
    x = np.stack([np.full(SHAPE, value, "float32") for value in (0.97, 0.02, 0.5)])
    found = attack(regression(weights), x, epsilon=EPSILON)
    np.testing.assert_allclose(found[0], 0.87, atol=1e-5)
    np.testing.assert_allclose(found[1], 0.12, atol=1e-5)
    np.testing.assert_allclose(np.abs(found[2] - 0.5), EPSILON, atol=1e-5)


def test_several_epsilons_and_none(one):
    found = attacks.FGSM()(one, X, epsilon=(0.0, 0.05, 0.1))
    np.testing.assert_array_equal(found[0], X)
    changes = [np.abs(change(part, KERNEL[:, 0])) for part in found]
    np.testing.assert_allclose(changes[2], 2 * changes[1], rtol=1e-4)


def test_values_to_leave(one):
    """With `y`, the output is led away from these values: up, where it lies above them."""
    outputs = X.reshape(6, -1) @ KERNEL[:, 0]
    side = np.array([1, -1, 1, -1, 1, -1])
    found = attacks.FGSM()(one, X, outputs - side, epsilon=EPSILON)
    np.testing.assert_array_equal(np.sign(change(found, KERNEL[:, 0])), side)
    # The output itself, as `predict` rounds it, is no side.
    own = one.model.predict(X, verbose=0)
    np.testing.assert_array_equal(attacks.FGSM()(one, X, own), attacks.FGSM()(one, X))


def test_several_outputs():
    """The first step changes the output furthest from 0 as far as can be; further ones follow all that has changed."""
    kernel = np.stack([KERNEL[:, 0], -KERNEL[:, 0] + 0.2 * KERNEL[:, 1]], axis=1)
    classifier = regression(kernel)
    furthest = np.abs(X.reshape(6, -1) @ kernel).argmax(-1)
    one, many = (change(item(classifier, X, epsilon=EPSILON), kernel) for item in (attacks.FGSM(), attacks.PGD()))
    largest = EPSILON * np.abs(kernel.astype("float64")).sum(axis=0)
    np.testing.assert_allclose(np.abs(one)[np.arange(6), furthest], largest[furthest], rtol=1e-4)
    # Of two outputs that are nearly opposite, the best of all corners is known: that along their difference.
    best = EPSILON * np.sign(kernel[:, 0] - kernel[:, 1]) @ kernel
    np.testing.assert_allclose((many**2).sum(axis=1), (best**2).sum(), rtol=0.02)


def test_an_activation_at_the_end_is_a_part_of_the_model():
    """The value of the unit is explained and attacked, and not what is before a sigmoid."""
    weights = KERNEL[:, :1]
    model = linear_models.model(weights, "sigmoid")
    classifier = kax.ImageClassifier(model, task="regression")
    steep = kax.explainers.Saliency().attributions(classifier, X)
    value = model(X).numpy()
    np.testing.assert_allclose(
        steep.reshape(6, -1), value * (1 - value) * weights[:, 0], atol=1e-6,
    )  # fmt: skip


def test_explained_is_the_value_furthest_from_zero():
    classifier = regression(KERNEL)
    furthest = np.abs(X.reshape(6, -1) @ KERNEL).argmax(-1)
    found = kax.explainers.Saliency().attributions(classifier, X)
    np.testing.assert_allclose(found.reshape(6, -1), KERNEL.T[furthest], atol=1e-6)
    named = kax.explainers.Saliency().attributions(classifier, X, 2)
    np.testing.assert_allclose(named.reshape(6, -1), np.tile(KERNEL[:, 2], (6, 1)), atol=1e-6)
    gaps = kax.explainers.IntegratedGradients(steps=2).completeness_gap(classifier, X)
    np.testing.assert_allclose(gaps, 0, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda one: attacks.FGSM(targeted=True)(one, X, [0] * 6), "no classes to reach: pass targeted=False"),
        (lambda one: attacks.PGD(loss="margin")(one, X), "leave `loss` out. Received: loss='margin'"),
        (lambda one: attacks.DeepFool()(one, X), "is a regression. Use FGSM, PGD, BIM or MIFGSM"),
        (lambda one: attacks.FGSM()(one, X, np.zeros((6, 2))), r"finite numbers, \(6, 1\).*shape=\(6, 2\)"),
        (lambda one: attacks.FGSM()(one, X, [np.nan] * 6), "finite numbers"),
        (lambda one: kax.explainers.GradCAM(score="probability")(one, X), "(`score` must be 'logit'|no layer)"),
        (lambda one: kax.explainers.Saliency(score="probability")(one, X), "`score` must be 'logit' .* regression"),
        (lambda one: kax.explainers.Saliency()(one, X, 1), r"must lie in 0\.\.0"),
        (lambda one: regression(KERNEL, from_logits=True), "`from_logits` is about classes"),
        (lambda one: regression(KERNEL, labels="multi"), "`labels` is about classes"),
        (lambda one: kax.ImageClassifier(one.model, task="rank"), "`task` must be one of classification, regression"),
    ],
)  # fmt: skip
def test_what_is_refused(one, call, message):
    with pytest.raises(ValueError, match=message):
        call(one)


def huber(y, z):
    return keras.ops.mean(abs(y - z), axis=-1)


class Doubled(keras.losses.MeanSquaredError):
    def call(self, y, z):
        return 2 * super().call(y, z)


@functools.wraps(keras.losses.mean_squared_error)
def doubled(y, z):
    return 2 * keras.losses.mean_squared_error(y, z)


LOSSES = {
    "a name": ("mse", "mean_squared_error"),
    "a long name": ("mean_absolute_error", "mean_absolute_error"),
    "a class": (keras.losses.Huber(), "Huber"),
    "a class by its name": ("log_cosh", "log_cosh"),
    "a function": (keras.losses.mean_squared_logarithmic_error, "mean_squared_logarithmic_error"),
    "in a list": (["mae"], "mean_absolute_error"),
    "a function of that name": (huber, "huber"),
    "a class of one's own": (Doubled(), "MeanSquaredError"),
    "a function with a parameter": (functools.partial(keras.losses.huber, delta=2.0), "huber"),
    "a function around one of Keras'": (doubled, "mean_squared_error"),
}


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_compiled_loss_is_named(kind, outputs):
    loss, name = LOSSES[kind]
    model = linear_models.model(KERNEL[:, :outputs])
    model.compile("sgd", loss)
    message = f"compiled with the loss {name}, that of a regression. Pass task='regression'"
    calls = [
        lambda: attacks.FGSM()(model, X),
        lambda: attacks.FGSM()(kax.ImageClassifier(model), X),
        lambda: kax.explainers.Saliency()(model, X),
        lambda: kax.evaluate(model, X, explainers=(), progress=False),
        lambda: kax.ExplainableModel(model).explain(X, "saliency"),
    ]
    for call in calls if kind == "a name" else calls[:1]:
        with pytest.raises(ValueError, match=message):
            call()


def test_a_compiled_loss_of_the_wrapper_is_named():
    wrapper = kax.ExplainableModel(linear_models.model(KERNEL))
    wrapper.compile("sgd", "mse")
    for call in (
        lambda: wrapper.attack(X),
        lambda: wrapper.explain(X, "saliency"),
        lambda: wrapper.evaluate_robustness(X, explainers=(), progress=False),
    ):
        with pytest.raises(ValueError, match="the loss mean_squared_error"):
            call()


NO_REGRESSIONS = {
    "a softmax": (lambda: linear_models.model(KERNEL, "softmax"), "mse", {}),
    "several logits": (lambda: linear_models.model(KERNEL), "sparse_categorical_crossentropy", {}),
    "said to be logits": (lambda: linear_models.model(KERNEL), "mse", {"from_logits": True}),
    "said to be classes": (lambda: linear_models.model(KERNEL), "mse", {"task": "classification"}),
    "a loss of one's own": (lambda: linear_models.model(KERNEL), lambda y, z: keras.ops.mean(z, axis=-1), {}),
}


@pytest.mark.parametrize("kind", NO_REGRESSIONS)
def test_what_is_no_regression(kind):
    build, loss, said = NO_REGRESSIONS[kind]
    model = build()
    model.compile("sgd", loss)
    y = [0, 1, 2, 0, 1, 2]
    expected = attacks.FGSM()(linear_models.model(KERNEL), X, y)
    np.testing.assert_allclose(attacks.FGSM()(kax.ImageClassifier(model, **said), X, y), expected, atol=1e-6)


def test_one_linear_unit_says_both_ways_out():
    with pytest.raises(ValueError, match=r"Pass task='regression' or from_logits=True"):
        attacks.FGSM()(linear_models.model(KERNEL[:, :1]), X)


def test_losses_of_several_outputs():
    inputs = keras.Input(SHAPE)
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, {"age": keras.layers.Dense(1)(flat), "kind": keras.layers.Dense(2)(flat)})
    model.compile("sgd", {"age": "mae", "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    with pytest.raises(ValueError, match="mean_absolute_error"):
        attacks.FGSM()(kax.ImageClassifier(model, output="age"), X)
    assert attacks.FGSM()(kax.ImageClassifier(model, output="kind"), X).shape == X.shape


@pytest.mark.slow
def test_a_cnn_is_attacked_beyond_noise():
    model = helpers.small_cnn("linear")
    classifier = kax.ImageClassifier(model, task="regression")
    x = helpers.random_images(6)
    before = model(x).numpy()
    sizes = {
        attack.name: np.square(model(attack(classifier, x, epsilon=0.05)).numpy() - before).sum(1).mean()
        for attack in (attacks.PGD(), attacks.UniformNoise())
    }
    assert sizes["pgd"] > 4 * sizes["uniform_noise"]
