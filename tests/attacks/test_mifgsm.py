"""MI-FGSM by hand, against cleverhans, and its options."""

from __future__ import annotations

import helpers
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method

import keras_advxai as kax
from keras_advxai.attacks import BIM, MIFGSM

pytestmark = pytest.mark.sampled(3)

NORMS = ("linf", "l2")


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("epsilon", "step_size", "decay"), [(0.03, 0.3, 1.0), (0.2, 0.15, 0.5)])
@pytest.mark.parametrize("norm", NORMS)
def test_it_equals_cleverhans(norm, epsilon, step_size, decay, targeted, build, test_faces):
    model = helpers.scaled_logits(build("linear"), 0.05)  # unsure, as cleverhans wants it: see `test_fgsm.py`
    x, y = test_faces[0][:8], test_faces[1][:8].astype("int64")
    y = 1 - y if targeted else y
    epsilon *= 1 if norm == "linf" else 5
    attack = MIFGSM(
        norm=norm, loss="cross_entropy", targeted=targeted, steps=6, step_size=step_size, decay=decay, keep="last"
    )
    expected = momentum_iterative_method(
        model,
        x,
        epsilon,
        step_size * epsilon,
        6,
        np.inf if norm == "linf" else 2,
        clip_min=0.0,
        clip_max=1.0,
        y=tf.constant(y),
        targeted=targeted,
        decay_factor=decay,
        sanity_checks=False,
    ).numpy()
    found = attack(model, x, y, epsilon)
    assert helpers.same_attack(found, expected, norm, epsilon)
    assert np.abs(found - x).max() > 0.01


@pytest.mark.parametrize("scale", [1.0, 1e-30])
@pytest.mark.parametrize("norm", NORMS)
def test_of_two_linear_classes_it_reaches_the_optimum_however_small_the_gradients(norm, scale):
    x, y, kernel = linear.images(), np.arange(12) % 2, linear.weights(2)
    found = MIFGSM(norm=norm, keep="last", loss="margin")(linear.model(scale * kernel), x, y, 0.1)
    np.testing.assert_allclose(found, linear.optimum(x, y, kernel, 0.1, norm), atol=1e-5)


@pytest.mark.slow
def test_without_momentum_it_is_bim(model, few):
    for norm in NORMS:
        found, expected = (attack(model, *few, 0.1) for attack in (MIFGSM(norm=norm, decay=0), BIM(norm=norm)))
        assert np.mean(np.abs(found - expected) > 1e-5) < 0.005


@pytest.mark.parametrize(
    "changed",
    [
        {"norm": "l2"},
        {"loss": "margin"},
        {"targeted": True},
        {"steps": 3},
        {"step_size": 0.3},
        {"decay": 0.1},
        {"keep": "first_hit"},
    ],
    ids=str,
)
def test_every_option_changes_the_result(changed):
    x, y = linear.images(20), np.arange(20) % 6
    kernel = linear.weights(6)
    before, after = (
        MIFGSM(**{"keep": "last", "step_size": 0.2, **more})(linear.model(kernel), x, y, 0.2) for more in ({}, changed)
    )
    assert np.abs(after - before).max() > 1e-3


def test_the_first_hit_is_kept_with_the_momentum_of_each_image_alone(model, test_faces):
    x, y = test_faces
    whole = MIFGSM()(model, x, y, 0.08)
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_allclose(MIFGSM()(model, x[order], y[order], 0.08), whole[order], atol=0.04)
    predictions = [
        kax.ImageClassifier(model).forward(images).predictions.numpy()
        for images in (whole, MIFGSM(keep="best")(model, x, y, 0.08))
    ]
    assert np.sum(predictions[0] != predictions[1]) <= 1  # of 50: steps of another batch round otherwise


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match=r"`decay` must be a number of at least 0. Received: decay=-1"):
        MIFGSM(decay=-1)
    with pytest.raises(ValueError, match="`steps` must be"):
        MIFGSM(steps=0)


@pytest.mark.slow
def test_epsilon_0_returns_the_images(model, few):
    np.testing.assert_array_equal(MIFGSM()(model, *few, 0.0), few[0])
