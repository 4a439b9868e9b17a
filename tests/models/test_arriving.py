"""What arrives at the first layer with statistics, beside these: the sign of a wrong preprocessing."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.models.arriving import compared

L = keras.layers
MEAN, DEVIATION = np.array([10.0, -1.0, 0.5]), np.array([2.0, 0.1, 30.0])
SETTINGS = {"attacks": "fgsm", "explainers": (), "noise_control": False, "epsilons": [0.1], "progress": False}


def batch(mean, deviation, known_mean=MEAN, known_deviation=DEVIATION):
    found = {"mean": mean, "variance": deviation**2, "known_mean": known_mean, "known_variance": known_deviation**2}
    return {name: np.asarray(values, float) for name, values in found.items()}


def test_the_divergence_of_normal_distributions():
    """Twice the deviation: (4 - 1 - log 4) / 2; one deviation aside: 1 / 2."""
    same, wider, aside = (
        compared("norm", [item], [8])
        for item in (batch(MEAN, DEVIATION), batch(MEAN, 2 * DEVIATION), batch(MEAN + DEVIATION, DEVIATION))
    )
    assert same.distance == pytest.approx(0, abs=1e-9)
    assert wider.distance == pytest.approx((3 - np.log(4)) / 2, rel=1e-5)
    assert wider.ratio == pytest.approx(4, rel=1e-5)
    assert aside.distance == pytest.approx(0.5, rel=1e-5)


def test_batches_count_by_their_images_and_the_means_between_them_add_to_the_variance():
    parts = [batch(MEAN - DEVIATION, 0 * DEVIATION), batch(MEAN + DEVIATION, 0 * DEVIATION)]
    both = compared("norm", parts, [5, 5])
    assert (both.images, both.distance, both.ratio) == (10, pytest.approx(0, abs=1e-9), pytest.approx(1))
    assert compared("norm", parts, [9, 1]).ratio == pytest.approx(4 * 0.9 * 0.1)


def test_moving_averages_that_have_not_settled_are_known_by_their_mixture():
    mean, variance = MEAN, DEVIATION**2
    unsettled = compared("norm", [batch(mean, DEVIATION, 0.7 * mean, (0.3 + 0.7 * variance) ** 0.5)], [32])
    assert unsettled.distance > 0.25
    assert unsettled.unsettled == pytest.approx(0, abs=1e-6)
    assert not unsettled.initial
    assert compared("norm", [batch(mean, DEVIATION, 0 * MEAN, 0 * MEAN + 1)], [32]).initial


def normalized(kind="batch", preprocessing=(), known=True):
    """A model whose first statistics are those of images that are uniform in [-1, 1], behind a convolution that adds.

    Of 9 independent values with a variance of 1/3: a mean of 0, a variance of 3.
    """
    norm = {"batch": L.BatchNormalization(name="norm"), "adapted": L.Normalization(name="norm")}[kind]
    stack = [L.Conv2D(2, 3, use_bias=False, kernel_initializer="ones", name="add"), norm]
    stack = stack if kind == "batch" else stack[::-1]
    model = keras.Sequential([keras.Input((12, 12, 1)), *preprocessing, *stack, L.Flatten(), L.Dense(2)])
    if kind == "adapted":
        norm.adapt(np.random.default_rng(1).uniform(-1, 1, (64, 12, 12, 1)).astype("float32"))
    elif known:
        norm.set_weights([np.ones(2), np.zeros(2), np.zeros(2), np.full(2, 3.0)])
    return model


def unlike(model, x, **settings):
    report = kax.evaluate(model, x, **{**SETTINGS, **settings})
    return [finding for finding in report.warnings if finding.id == "unlike-training"]


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).uniform(0, 255, (40, 12, 12, 1)).astype("float32")


PREPROCESSED = {
    "right": (lambda x: x / 127.5 - 1, None),
    "nearly": (lambda x: (x - 127) / 128, None),
    "one": (lambda x: x / 255, r"its variance is 0\.2\d+ times"),
    "raw": (lambda x: x, r"its variance is 1\.\d+e\+04 times"),
}


@pytest.mark.parametrize("kind", ["batch", "adapted"])
@pytest.mark.parametrize("name", PREPROCESSED)
def test_a_wrong_preprocessing_is_told(name, kind, pixels):
    preprocess, words = PREPROCESSED[name]
    found = unlike(normalized(kind), pixels, preprocess=preprocess, bounds=(0, 255))
    assert len(found) == (words is not None)
    if words:
        assert found[0].severity == "warning"
        assert re.search("What arrives at layer 'norm' .*" + words, found[0]), found[0]


def test_it_is_of_the_clean_images_whatever_the_batches_and_the_attack(pixels):
    model = normalized()
    settings = {"preprocess": lambda x: x / 255, "bounds": (0, 255)}
    small, large = (unlike(model, pixels, batch_size=size, **settings) for size in (7, 40))
    assert small == large != []


@pytest.mark.slow
def test_few_images_may_be_anything(pixels):
    settings = {"preprocess": lambda x: x / 255 - 0.5, "bounds": (0, 255)}
    assert not unlike(normalized(), pixels[:4], **settings)
    assert unlike(normalized(), pixels[:12], **settings)
    assert unlike(normalized(), pixels[:4], bounds=(0, 255)), "but not ten thousand times as wide"


def test_where_nothing_can_be_said(pixels):
    settings = {"bounds": (0, 255)}
    assert not unlike(normalized(known=False), pixels, **settings), "never trained"
    given = [L.Normalization(mean=127.5, variance=127.5**2 * 4)]  # a range, and no statistics
    model = keras.Sequential([keras.Input((12, 12, 1)), *given, L.Flatten(), L.Dense(2)])
    assert kax.ImageClassifier(model, bounds=(0, 255)).topology().statistics is None
    assert not unlike(model, pixels, **settings)


def test_a_layer_that_is_not_between_images_and_classes_says_nothing():
    x = keras.Input((4, 4, 1))
    other = L.BatchNormalization(name="other")(L.Dense(3)(L.Flatten()(x)))
    model = keras.Model(x, {"classes": L.Dense(2, name="classes")(L.Flatten()(x)), "other": other})
    assert kax.ImageClassifier(model, output="classes").topology().statistics is None
    assert kax.ImageClassifier(model, output="other").topology().statistics == "other"
