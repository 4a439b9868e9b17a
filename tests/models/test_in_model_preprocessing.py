"""Models that rescale by themselves, and the same models built with `include_preprocessing=False`."""

from __future__ import annotations

import functools

import application_checks
import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax

SIDE = 64
MEAN = np.array([0.485, 0.456, 0.406], "float32")
DEVIATION = np.array([0.229, 0.224, 0.225], "float32")
LABELS = [0, 1, 2]


def by_deviation(pixels):
    return (pixels / 255 - MEAN) / DEVIATION


def to_one(pixels):
    return pixels / 127.5 - 1


OUTSIDE = {"MobileNetV3Small": to_one, "EfficientNetV2B0": by_deviation}
"""What the layers do that `include_preprocessing=False` leaves out."""
FAMILIES = [pytest.param(name, marks=[] if name == "MobileNetV3Small" else [pytest.mark.slow]) for name in OUTSIDE]


@functools.cache
def with_and_without(name: str) -> tuple[keras.Model, keras.Model]:
    """One model that rescales and one that does not, of the same weights."""
    inside = helpers.usable(application_checks.build(name, SIDE), preprocess=application_checks.family(name))
    outside = application_checks.build(name, SIDE, include_preprocessing=False)
    own = [layer.name for layer in outside.layers if layer.weights]
    theirs = [layer for layer in inside.layers if layer.weights]
    for mine, layer in zip(own, theirs, strict=True):
        outside.get_layer(mine).set_weights(layer.get_weights())
    return inside, outside


@pytest.fixture(scope="module", autouse=True)
def _models_are_let_go():
    yield
    with_and_without.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_callable_stands_in_for_the_preprocessing_that_was_left_out(name):
    inside, outside = with_and_without(name)
    by_name = kax.ImageClassifier(inside, preprocess=application_checks.family(name))
    by_callable = kax.ImageClassifier(outside, preprocess=OUTSIDE[name], bounds=(0, 255))
    x = helpers.photos(3, SIDE, seed=1)
    expected = by_name.forward(x).logits.numpy()
    assert np.ptp(expected, axis=0).max() > 0.5
    np.testing.assert_allclose(by_callable.forward(x).logits, expected, atol=1e-3)
    found = [
        (
            kax.attacks.FGSM()(classifier, x, LABELS, epsilon=8 / 255),
            kax.explainers.GradCAM(relu=False)(classifier, x),
        )
        for classifier in (by_name, by_callable)
    ]
    (adversarial, heatmaps), (other_adversarial, other_heatmaps) = found
    np.testing.assert_allclose(heatmaps, other_heatmaps, atol=5e-3)
    assert np.mean(np.abs(adversarial - other_adversarial) < 1e-3) > 0.995
    np.testing.assert_allclose(np.abs(other_adversarial - x)[(x > 8) & (x < 247)], 8, atol=1e-3)


@pytest.mark.slow
def test_images_in_the_range_of_the_network_need_bounds_only():
    """For images in [-1, 1], 8/255 of the range is the same step as eight gray levels of their pixels."""
    inside, outside = with_and_without("MobileNetV3Small")
    by_name = kax.ImageClassifier(inside, preprocess="mobilenet_v3")
    scaled = kax.ImageClassifier(outside, bounds=(-1, 1))
    x = helpers.photos(3, SIDE, seed=1)
    np.testing.assert_allclose(scaled.forward(to_one(x)).logits, by_name.forward(x).logits, atol=1e-3)
    adversarial = kax.attacks.FGSM()(scaled, to_one(x), LABELS, epsilon=8 / 255)
    assert np.abs(adversarial - to_one(x)).max() == pytest.approx(16 / 255, rel=1e-4)
    expected = kax.attacks.FGSM()(by_name, x, LABELS, epsilon=8 / 255)
    assert np.mean(np.abs((adversarial + 1) * 127.5 - expected) < 1e-3) > 0.995


@pytest.mark.slow
def test_the_name_does_not_make_up_for_preprocessing_that_was_left_out():
    """`"mobilenet_v3"` means a model that rescales by itself; whether it does cannot be seen from outside."""
    inside, outside = with_and_without("MobileNetV3Small")
    x = helpers.photos(3, SIDE, seed=1)
    right, wrong = (
        kax.ImageClassifier(model, preprocess="mobilenet_v3").forward(x).logits.numpy() for model in (inside, outside)
    )
    assert np.abs(right - wrong).max() > 1
