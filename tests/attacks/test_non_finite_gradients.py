"""Gradients that are NaN or infinite: zero to an attack where they are, and no pixel becomes NaN."""

from __future__ import annotations

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import FGSM, MIFGSM, PGD, GradientAttack, GradientSteps, Objective
from keras_advxai.contrib import CleverHans
from keras_advxai.ops import norms

L = keras.layers
KERNEL = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")


@pytest.fixture(scope="module")
def rooted() -> kax.ImageClassifier:
    """A square root in front: the gradient of a black pixel is infinite, or NaN where the rest of it is zero."""
    root = L.Lambda(keras.ops.sqrt)
    convolution = L.Conv2D(3, 3, padding="same", activation="softplus", kernel_initializer=keras.initializers.Ones())
    model = keras.Sequential([keras.Input((4, 4, 1)), root, convolution, L.Flatten(), L.Dense(3)])
    model.layers[-1].kernel.assign(np.random.default_rng(1).normal(size=(48, 3)))
    return kax.ImageClassifier(model)


def images() -> np.ndarray:
    """Ordinary ones, one with a black pixel, one with a half of such, a black one, and a white one."""
    x = np.random.default_rng(2).uniform(0.05, 0.95, (6, 4, 4, 1)).astype("float32")
    x[1, 0, 0] = x[2, :2] = x[3] = 0
    x[4] = 1
    return x


SWEEP = [item for item in contracts.ATTACKS if "dlr" not in item.name]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("attack", SWEEP, ids=lambda attack: attack.name)
def test_no_pixel_is_nan_or_out_of_bounds(attack, rooted):
    x = images()
    y = rooted.forward(x).predictions.numpy()
    y = (y + 1) % 3 if attack.targeted else y
    for epsilon in (0.1, 1.0):
        found = attack(rooted, x, y, epsilon)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("attack", [FGSM(), FGSM(norm="l2"), PGD(norm="l2", steps=3), MIFGSM(steps=3), CleverHans()])
def test_all_other_pixels_move_as_if_the_gradient_were_zero_there(attack):
    """A linear model behind a root: the direction at the other pixels is that of the weights."""
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Lambda(keras.ops.sqrt), L.Flatten(), L.Dense(2)])
    slope = KERNEL[:, 0]
    model.layers[-1].kernel.assign(np.stack([slope, 0 * slope], axis=1))
    x = np.full((1, 4, 4, 1), 0.25, "float32")  # where the root has the derivative 1
    x[0, 0, 0] = 0
    epsilon = 0.01
    moved = (attack(model, x, [0], epsilon) - x).ravel()
    rest = slope[1:]
    direction = np.sign(rest) if attack.norm == "linf" else rest / np.linalg.norm(rest)
    assert moved[0] == 0
    np.testing.assert_allclose(moved[1:], -epsilon * direction, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_gradient_at_all_is_no_step(norm):
    assert not norms.steepest(norms.finite(tf.constant([[np.nan, np.inf, -np.inf]])), norm).numpy().any()


def test_an_objective_of_ones_own_is_safe_too(rooted):
    class Own(GradientAttack):
        def perturb(self, model, x, y, epsilon, forward):
            infinite = Objective(
                value=lambda here, y: tf.zeros_like(y, tf.float32),
                gradient=lambda here, y: tf.where(here.images < 0.5, np.inf, 1.0),
                succeeds=lambda here, y: tf.zeros_like(y, tf.bool),
            )
            direction, project = kax.attacks.steepest("l2"), kax.attacks.bounds_ball_bounds("l2")
            steps = GradientSteps(infinite, direction, project, kax.attacks.step_sizes("constant", 2))
            return steps.run(model, forward, y, epsilon)

    x = images()
    found = Own(norm="l2")(rooted, x, [0] * 6, epsilon=0.1)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[x < 0.5], x[x < 0.5])


class Root(kax.attacks.Attack):
    """A user's own attack that takes a root of what may be negative."""

    def perturb(self, model, x, y, epsilon, forward):
        return tf.sqrt(x - 0.5) + 0.5


def test_pixels_that_an_attack_of_ones_own_makes_nan_are_left_and_told_of(rooted):
    x = np.full((3, 4, 4, 1), 0.51, "float32")
    x[1, 0, 0] = 0.2
    for epsilon in (0.2, [0.1, 0.2]):
        with pytest.warns(
            UserWarning, match=r"Root.perturb made pixels of 1 of 3 images NaN \(image 1 the first\)"
        ) as told:
            found = Root()(rooted, x, [0, 0, 0], epsilon)
        assert told[0].filename == __file__
        assert (found[..., 1, 0, 0, 0] == x[1, 0, 0, 0]).all()
        np.testing.assert_allclose(found[..., 1, 1, 1, 0], 0.6, atol=1e-5)


def test_an_evaluation_does_not_take_such_nan_for_a_success():
    model = keras.Sequential([keras.Input((2, 2, 1)), L.Flatten(), L.Dense(2, kernel_initializer="zeros")])
    model.layers[-1].bias.assign([1.0, 0.0])
    settings = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}
    report = kax.evaluate(model, (np.full((3, 2, 2, 1), 0.2, "float32"), [0, 0, 0]), attacks=Root(), **settings)
    assert report.accuracy("root", 0.1) == 1
    said = {item.id: item for item in report.warnings}
    assert "3 beyond the bounds or to NaN" in said["budget-exceeded"]


@pytest.mark.slow
def test_a_report_counts_and_names_them(rooted):
    x = images()
    settings = {"explainers": (), "epsilons": (0.1,), "progress": False}
    report = kax.evaluate(rooted, (x, [0] * 6), attacks=[FGSM(), PGD(steps=2), "deep_fool", "square"], **settings)
    counts = report.measurements.at("non_finite_gradient", attack="fgsm")
    np.testing.assert_array_equal(counts, [0, 1, 8, 16, 0, 0])
    for name in ("pgd_steps2", "deep_fool"):
        np.testing.assert_array_equal(report.measurements.at("non_finite_gradient", attack=name), counts)
    assert (report.measurements.at("non_finite_gradient", attack="square") == -1).all()
    (said,) = (item for item in report.warnings if item.id == "non-finite-gradients")
    assert "on 3 of 6 clean images, at 25 values in all" in said
    assert "fgsm, pgd_steps2 and deep_fool" in said
    # The black image has no gradient that an attack could follow, and that is the reason.
    assert not report.measurements.at("zero_gradient").any()
    again = type(report).from_json(report.to_json())
    np.testing.assert_array_equal(again.measurements.at("non_finite_gradient", attack="fgsm"), counts)


@pytest.mark.slow
def test_sound_gradients_are_not_named():
    model = keras.Sequential([keras.Input((2, 2, 1)), L.Flatten(), L.Dense(2)])
    settings = {"explainers": (), "epsilons": (0.1,), "progress": False}
    report = kax.evaluate(model, np.zeros((3, 2, 2, 1), "float32"), **settings)
    assert "non-finite-gradients" not in {item.id for item in report.warnings}
    assert (report.measurements.at("non_finite_gradient", attack="fgsm") == 0).all()
