"""Bad input to attacks and explainers: refused before anything is computed, with what was received and the remedy."""

from __future__ import annotations

import contextlib

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
SHAPE = (6, 6, 1)
X, Y = helpers.random_images(4, SHAPE), np.array([0, 1, 0, 1])


def spied(head: str | None = "softmax", units: int = 2) -> tuple[keras.Model, helpers.Executions]:
    spy = helpers.Executions()
    stack = [
        spy,
        layers.Conv2D(2, 3, name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(units, activation=head),
    ]
    return keras.Sequential([keras.Input(SHAPE), *stack], name="net"), spy


def changed(position: tuple[int, ...], value: float) -> np.ndarray:
    images = X.copy()
    images[position] = value
    return images


IMAGES = {
    "above the bounds": (
        changed((0, 0, 0, 0), 1.5),
        ValueError,
        r"`x` must lie within the bounds \(0, 1\). Received: .* 1.5",
    ),
    "below the bounds": (changed((0, 0, 0, 0), -0.5), ValueError, r"Received: values from -0.5 .*bounds=\(-1, 1\)"),
    "pixels": (X * 255, ValueError, r"These images fit bounds=\(0, 255\)"),
    "NaN": (
        changed((2, 0, 0, 0), np.nan),
        ValueError,
        "NaN or infinite pixels .in 1 of 4 images, the first at index 2.",
    ),
    "infinite": (changed((2, 0, 0, 0), np.inf), ValueError, "NaN or infinite pixels"),
    "integers": (
        (X > 0.5).astype("uint8"),
        ValueError,
        r"integers \(uint8\) while the bounds are \(0, 1\).*bounds=\(0, 255\)",
    ),
    "one image": (X[0], ValueError, r"\(batch, 6, 6, 1\). Received: shape=\(6, 6, 1\). For one image pass x\[None\]"),
    "without channels": (X[..., 0], ValueError, r"for grayscale images without channels x\[..., None\]"),
    "five dimensions": (X[None], ValueError, r"Received: shape=\(1, 4, 6, 6, 1\)"),
    "colours": (np.repeat(X, 3, -1), ValueError, r"\(batch, 6, 6, 1\). Received: shape=\(4, 6, 6, 3\)"),
    "another size": (X[:, :5], ValueError, r"\(batch, 6, 6, 1\). Received: shape=\(4, 5, 6, 1\)"),
    "none": (X[:0], ValueError, "must hold at least one image"),
    "a name": ("cat.png", TypeError, "must be an array of numbers. Received: str"),
    "nothing": (None, TypeError, "must be an array of numbers. Received: NoneType"),
}

LABELS = {
    "too large": (
        [0, 1, 2, 0],
        "must lie in 0..1, because the model has 2 classes. Received: labels from 0 to 2",
    ),
    "negative": ([0, -1, 0, 0], "must lie in 0..1"),
    "too few": ([0, 1], r"one label for each of the 4 images. Received: shape=\(2,\)"),
    "fractions": ([0.5, 0, 0, 0], "must be integers"),
    "words": (["a", "b", "a", "b"], "must be class indices"),
    "one-hot of another width": (np.eye(5)[Y], r"one-hot rows, \(batch, 2\). Received: shape=\(4, 5\)"),
    "probabilities": (np.full((4, 2), 0.5), "rows that are not one-hot"),
}

EPSILONS = {
    "negative": (-0.1, "Received: .*-0.1"),
    "above 1": (8, "eight grey levels are 8/255"),
    "none": ([], "at least one epsilon"),
    "twice the same": ([0.1, 0.1], "must not hold the same epsilon twice"),
    "one of them wrong": ([0.1, 2.0], r"Received: .*2\.0"),
    "not a number": (float("nan"), "Received: .*nan"),
    "a word": ("strong", "must be numbers"),
}


@contextlib.contextmanager
def refused(model: keras.Model, spy: helpers.Executions, error: type[Exception], message: str, *arrays: np.ndarray):
    """Raises the right error with the right message, computes nothing, and changes nothing."""
    with unchanged(model, *arrays), pytest.raises(error, match=message):
        yield
    assert spy.seen.computed == 0


@pytest.mark.parametrize("kind", IMAGES)
def test_images(kind):
    images, error, message = IMAGES[kind]
    arrays = [images] if isinstance(images, np.ndarray) and np.isfinite(images).all() else []
    model, spy = spied()
    for item in (
        kax.attacks.FGSM(),
        kax.attacks.UniformNoise(),
        kax.explainers.GradCAM(),
        kax.explainers.GradCAM().attributions,
    ):
        with refused(model, spy, error, message, *arrays):
            item(model, images)
    with refused(model, spy, error, message, *arrays):
        kax.ImageClassifier(model).forward(images)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_and_targets(kind):
    labels, message = LABELS[kind]
    model, spy = spied()
    with refused(model, spy, ValueError, f"`y` {message}|`y` must .*{message}"):
        kax.attacks.FGSM()(model, X, labels)
    with refused(model, spy, ValueError, f"`targets` {message}|`targets` must .*{message}"):
        kax.explainers.GradCAM()(model, X, labels)


@pytest.mark.parametrize("target", [2, -1, 0.5, "face"])
def test_one_target_for_all(target):
    model, spy = spied()
    with refused(model, spy, ValueError, "`targets` must"):
        kax.explainers.GradCAM()(model, X, target)


def test_one_hot_labels_of_one_sigmoid_unit():
    model, spy = spied("sigmoid", 1)
    for call in (kax.attacks.FGSM(), kax.explainers.GradCAM()):
        with refused(
            model, spy, ValueError, r"one sigmoid unit. Received: one-hot labels of shape \(4, 2\); pass y.argmax\(-1\)"
        ):
            call(model, X, np.eye(2)[Y])


@pytest.mark.parametrize("inside", [False, True], ids=["eager", "in a tf.function"])
@pytest.mark.parametrize("kind", EPSILONS)
def test_epsilons(kind, inside):
    epsilon, message = EPSILONS[kind]
    model, spy = spied()
    with refused(model, spy, ValueError, f"(?s)Argument `epsilons` .*{message}"):
        (tf.function if inside else lambda f: f)(lambda x: kax.attacks.FGSM()(model, x, Y, epsilon))(X)


@pytest.mark.parametrize("inside", [False, True], ids=["eager", "in a tf.function"])
def test_a_targeted_attack_without_targets(inside):
    model, spy = spied()
    with refused(model, spy, ValueError, "targeted attack needs the target classes: pass them as `y`"):
        (tf.function if inside else lambda f: f)(lambda x: kax.attacks.FGSM(targeted=True)(model, x))(X)


def test_an_unknown_layer():
    model, spy = spied()
    with refused(
        model, spy, ValueError, "The model 'net' has no layer 'cov' .*Did you mean 'conv'.*can be explained: .*conv"
    ):
        kax.explainers.GradCAM(layer="cov")(model, X)


def test_a_model_without_a_spatial_layer():
    spy = helpers.Executions()
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), spy, layers.Dense(2)], name="flat")
    with refused(model, spy, ValueError, "The model 'flat' has no layer with a spatial output"):
        kax.explainers.GradCAM()(model, X)


def test_one_linear_unit():
    model, spy = spied(None, 1)
    for call in (kax.attacks.FGSM(), kax.explainers.GradCAM()):
        with refused(model, spy, ValueError, "one linear unit.*from_logits=True"):
            call(model, X)


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (kax.attacks, "fgsn", "Unknown attack 'fgsn'. Did you mean 'fgsm'.*Known: .*fgsm"),
        (kax.attacks, "carlini", "Unknown attack 'carlini'.*Known: .*ddn"),
        (kax.explainers, "gradcan", "Unknown explainer 'gradcan'. Did you mean 'grad_cam'\\? Known: .*grad_cam"),
    ],
)
def test_unknown_names_list_the_known_and_the_nearest(module, name, message):
    with pytest.raises(ValueError, match=message):
        module.get(name)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: kax.attacks.FGSM(norm="l1"),
            ValueError,
            "Argument `norm` must be one of linf, l2. Received: norm='l1'",
        ),
        (
            lambda: kax.attacks.FGSM(loss="log_ods"),
            ValueError,
            "`loss` must be one of log_odds, cross_entropy, margin, dlr. Did you mean 'log_odds'",
        ),
        (lambda: kax.attacks.FGSM(loss=None), ValueError, "Received: loss=None"),
        (
            lambda: kax.attacks.UniformNoise(seed="a"),
            ValueError,
            "`seed` must be an integer of 32 bits. Received: seed='a'",
        ),
        (lambda: kax.attacks.UniformNoise(seed=2**40), ValueError, "Received: seed=1099511627776"),
        (lambda: kax.attacks.UniformNoise(seed=1.5), ValueError, "Received: seed=1.5"),
        (
            lambda: kax.explainers.GradCAM(score="logits"),
            ValueError,
            "`score` must be one of logit, probability, centered_logit. Received: score='logits'",
        ),
        (
            lambda: kax.explainers.GradCAM(layer=3),
            TypeError,
            "`layer` must be the name or path of a layer, or the layer. Received: layer=3",
        ),
    ],
)
def test_hyperparameters_are_checked_when_they_are_given(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_the_position_of_hyperparameters_does_not_matter_because_they_are_keywords():
    by_position = {
        kax.contrib.CleverHans,
        kax.attacks.Ensemble,
        kax.contrib.TFKerasVis,
    }  # one argument says what they are
    for cls in {*kax.attacks.ALL_OBJECTS, *kax.explainers.ALL_OBJECTS, *kax.contrib.ALL_OBJECTS} - by_position:
        with pytest.raises(TypeError, match="positional argument"):
            cls("linf")


def test_what_is_right_is_computed_after_all():
    """The spy does see computations: without this, the tests above would prove nothing."""
    model, spy = spied()
    kax.attacks.FGSM()(model, X, Y)
    assert spy.seen.computed == 1
    kax.explainers.GradCAM(relu=False)(model, X)
    assert spy.seen.computed == 2
