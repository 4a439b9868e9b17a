"""DDN in closed form on linear models, targeted, and on networks."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from test_deep_fool import SHAPE, X, nearest, problem

import keras_advxai as kax
from keras_advxai.attacks import DDN, DeepFool

pytestmark = pytest.mark.sampled(2)


def test_a_linear_model_with_two_classes_has_an_exact_answer():
    model, y, leads, slopes = problem(2)
    np.testing.assert_allclose(DDN().distances(model, X, y), nearest(leads, slopes, "l2"), rtol=1e-3)


@pytest.mark.parametrize("classes", [3, 6])
def test_with_several_classes_the_margin_heads_for_the_nearest_and_log_odds_between_them(classes):
    model, y, leads, slopes = problem(classes)
    best = nearest(leads, slopes, "l2")
    margin, log_odds = (DDN(loss=loss).distances(model, X, y) for loss in ("margin", "log_odds"))
    for found in (margin, log_odds):
        assert (found >= best * (1 - 1e-3)).all()
    assert np.median(margin / best) < 1.05
    assert np.median(log_odds / best) < 1.25


def test_a_target_is_reached():
    model, y, leads, slopes = problem(3)
    target = (y + 1) % 3
    rows = np.arange(8)
    attack = DDN(targeted=True, steps=300)
    found = attack.distances(model, X, target)
    pairwise = leads[rows, target] / np.sqrt((slopes[rows, target] ** 2).sum(-1))
    assert (found >= pairwise * (1 - 1e-3)).all()  # another class may be in the way
    assert np.isfinite(found).all()
    adversarial = attack(model, X, target, epsilon=4.0)
    assert (kax.ImageClassifier(model).forward(adversarial).predictions.numpy() == target).all()
    assert (attack.distances(model, X, y) == 0).all()  # reached already


def test_a_targeted_attack_on_two_classes_is_the_untargeted_one():
    model, y, leads, slopes = problem(2)
    np.testing.assert_allclose(DDN(targeted=True).distances(model, X, 1 - y), nearest(leads, slopes, "l2"), rtol=1e-3)


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 255)])
def test_lengths_are_in_the_unit_image_scale(bounds):
    model, y, leads, slopes = problem(2)
    width = bounds[1] - bounds[0]
    classifier = kax.ImageClassifier(model, bounds=bounds, preprocess=lambda x: (x - bounds[0]) / width)
    x = (bounds[0] + width * X).astype("float32")
    np.testing.assert_allclose(DDN(steps=40).distances(classifier, x, y), nearest(leads, slopes, "l2"), rtol=5e-3)


@pytest.mark.slow
def test_it_is_not_farther_than_deep_fool_on_a_network(model, test_faces):
    x, y = test_faces
    ddn, deep_fool = (attack.distances(model, x, y) for attack in (DDN(), DeepFool()))
    assert np.isfinite(ddn).all()
    assert np.median(ddn) <= np.median(deep_fool) * 1.02


@pytest.mark.slow
def test_every_option_changes_the_result(model, few):
    plain = DDN(steps=20)(model, *few, 1.0)
    for other in (DDN(steps=5), DDN(steps=20, init_norm=0.2), DDN(steps=20, gamma=0.2), DDN(steps=20, targeted=True)):
        assert np.abs(other(model, *few, 1.0) - plain).max() > 1e-3, other


def test_the_sphere_grows_until_it_reaches_beyond_the_boundary_and_shrinks_behind_it():
    """Of two linear classes all directions are one, so the lengths that are looked at follow from the distance."""
    model, y, leads, slopes = problem(2)
    distance = nearest(leads, slopes, "l2").astype("float64")
    expected, radius, looked_at = np.full(8, np.inf), np.full(8, 0.01), np.zeros(8)
    for _ in range(80):
        reached = looked_at > distance
        expected = np.where(reached, np.minimum(expected, looked_at), expected)
        radius *= np.where(reached, 0.9, 1.1)
        looked_at = radius.copy()
    attack, given = DDN(gamma=0.1, steps=80), tuple(map(tf.constant, (X, y, 0.01)))
    assert np.isfinite(expected).all()
    least, found = attack._descend(kax.ImageClassifier(model), *given)
    np.testing.assert_allclose(least, expected, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm((found - X).numpy().reshape(8, -1), axis=1), expected, rtol=1e-4)


def test_the_sphere_grows_with_every_step_where_nothing_is_misclassified():
    robust = helpers.linear_model(np.random.default_rng(0).normal(size=(16, 2)), SHAPE, bias=[1e3, -1e3])
    given = tf.constant(X), tf.zeros(8, tf.int32), tf.constant(0.01)
    least, found = DDN(gamma=0.1, steps=20)._descend(kax.ImageClassifier(robust), *given)
    assert np.isinf(least).all()
    lengths = np.linalg.norm((found - X).numpy().reshape(8, -1), axis=1)
    np.testing.assert_allclose(lengths, 0.01 * 1.1**20, rtol=1e-4)


def test_step_sizes_fall_from_1_to_a_hundredth_on_a_cosine():
    attack = DDN(steps=50)
    found = [float(attack._size(tf.constant(step))) for step in (0, 25, 50)]
    np.testing.assert_allclose(found, [1, 0.505, 0.01], rtol=1e-5)
    between = np.array([float(attack._size(tf.constant(step))) for step in range(51)])
    assert (np.diff(between) < 0).all()


def test_wrong_arguments_say_what_to_pass():
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 1"):
        DDN(steps=0)
    for name in ("init_norm", "gamma"):
        with pytest.raises(ValueError, match=f"`{name}` must be above 0"):
            DDN(**{name: 0})
        with pytest.raises(ValueError, match=f"`{name}` must be a number of at least 0"):
            DDN(**{name: -1.0})
    with pytest.raises(ValueError, match="`gamma` must be below 1"):
        DDN(gamma=1.0)


def test_a_model_without_a_gradient_is_refused():
    layers = [keras.Input(SHAPE), keras.layers.Lambda(keras.ops.round, name="levels"), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"(?s)no gradient.*'levels'.*Square"):
        DDN().distances(model, X)


def test_what_lies_nearer_than_the_first_steps_is_found():
    """Misclassified is only what lies in a thin shell, where `2 exp(-((u - 0.1) / 0.04)^2) > 1` for a length `u`."""
    x = np.full((3, *SHAPE), 0.5, "float32")
    inputs = keras.Input(SHAPE)
    length = keras.ops.sum(inputs - 0.5, axis=(1, 2, 3)) / np.sqrt(np.prod(SHAPE))
    lead = 2 * keras.ops.exp(-keras.ops.square((length - 0.1) / 0.04)) - 1
    model = keras.Model(inputs, keras.ops.stack([0 * lead, lead], axis=1))
    found = DDN().distances(kax.ImageClassifier(model, from_logits=True), x, np.zeros(3, int))
    np.testing.assert_allclose(found, 0.1 - 0.04 * np.sqrt(np.log(2)), rtol=0.06)
