"""SPSA of cleverhans: what it reaches, its optimizer by hand, and where it stops."""

from __future__ import annotations

import logging

import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import FGSM, UniformNoise
from keras_advxai.contrib import CleverHans
from keras_advxai.contrib.clever_hans_spsa import _Optimizer

FEW = {"nb_iter": 3, "spsa_samples": 8}


def predicted(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bounds", [(0, 1), (0, 255)])
def test_it_gets_near_the_optimum_in_any_bounds(bounds):
    """Not to it: its steps do not shorten, and pixels that matter little drown in those that matter much."""
    x, y, weights = linear.images(), np.arange(12) % 2, linear.weights(2)
    width = bounds[1] - bounds[0]
    classifier = kax.ImageClassifier(linear.model(weights / width), bounds=bounds)
    found = CleverHans("spsa", nb_iter=40)(classifier, (bounds[0] + width * x).astype("float32"), y, 0.1)
    optimum = linear.optimum(x, y, weights, 0.1, "linf")
    assert np.abs((found - bounds[0]) / width - optimum).mean() < 0.025


@pytest.mark.slow
def test_it_beats_noise_without_a_gradient(build, test_faces):
    x, y = test_faces[0][:16], test_faces[1][:16]
    classifier = kax.ImageClassifier(build(), preprocess=lambda images: tf.round(images * 255) / 255)
    with pytest.raises(ValueError, match="gradient"):
        FGSM()(classifier, x, y, 0.1)
    with pytest.raises(ValueError, match="through the preprocessing"):
        CleverHans()(classifier, x, y, 0.1)
    right = predicted(classifier.model, x) == y
    found = CleverHans("spsa", nb_iter=30, spsa_samples=32)(classifier, x, y, 0.1)
    noisy = UniformNoise()(classifier, x, y, 0.1)
    assert right.mean() > 0.9
    attacked, disturbed = (predicted(classifier.model, images) == y for images in (found, noisy))
    assert attacked.mean() < disturbed.mean() - 0.15


@pytest.mark.slow
def test_it_in_an_evaluation(build, few):
    report = kax.evaluate(
        build(),
        few,
        attacks=[CleverHans("spsa", **FEW), CleverHans("madry_et_al", nb_iter=3)],
        epsilons=(0.05, 0.15),
        noise_control=False,
        progress=False,
    )
    assert report.accuracy("clever_hans_madry_et_al_nb_iter3", 0.15) < 1
    assert 0 <= report.accuracy("clever_hans_spsa_nb_iter3_spsa_samples8", 0.15) <= 1


@pytest.mark.slow
def test_it_stops_early_where_it_succeeded(build, test_faces):
    x, y = test_faces[0][:12], test_faces[1][:12]
    model = build()
    until, on = (CleverHans("spsa", nb_iter=20, spsa_samples=16, early_stop_loss_threshold=t) for t in (0.0, None))
    found, expected = (attack(model, x, y, 0.15) for attack in (until, on))
    hit = predicted(model, found) != y
    assert hit.any()
    # Its steps are those of Adam, which makes much of rounding where a slope is nearly zero.
    moved = np.mean(np.abs(found - expected) > 1e-3, axis=(1, 2, 3)) > 0.05
    assert not moved[~hit].any()
    assert moved[hit].any()


def test_it_takes_the_mean_of_its_points():
    """A loss that is a plane: the estimate of its slope, summed over the times, and one step of Adam along it."""
    image = tf.constant(linear.images()[:1])
    slope = np.random.default_rng(5).normal(size=image.shape).astype("float32")

    def loss(images):
        return tf.reduce_sum(images * slope, axis=(1, 2, 3))

    many, few_ = (_Optimizer(image, 0, 0.1, 0.01, count, 2) for count in (8192, 2))
    many._first = few_._first = tf.constant(1)
    (gradient,) = many._compute_gradients(loss, [image])
    np.testing.assert_allclose(gradient, 2 * 0.01 * slope, atol=0.01 * 0.4)
    (noisy,) = few_._compute_gradients(loss, [image])
    assert np.abs(noisy - gradient).max() > 0.01
    (stepped,), state = many.minimize(loss, [image], many.init_state([image]))
    np.testing.assert_allclose(np.abs(stepped - image), 0.1, rtol=1e-2)
    assert state["t"] == 1
    (again,), _ = many.minimize(loss, [image], many.init_state([image]))
    np.testing.assert_array_equal(stepped, again)


@pytest.mark.slow
def test_it_says_nothing_about_what_cleverhans_uses(build, few, caplog):
    with caplog.at_level(logging.WARNING):
        CleverHans("spsa", **FEW, seed=77)(build(), *few, 0.1)
    assert "back_prop" not in caplog.text
    assert not tf.get_logger().filters
