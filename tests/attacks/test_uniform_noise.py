"""The control: noise of the attack's norm and budget, drawn from the seed and the image."""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import UniformNoise

X = np.random.default_rng(0).uniform(0.3, 0.7, (8, *helpers.SHAPE)).astype("float32")


def noise(model, x=X, epsilon=0.1, **options) -> np.ndarray:
    return UniformNoise(**options)(model, x, epsilon=epsilon) - x


def test_linf_noise_is_uniform_within_the_budget(model):
    delta = noise(model).ravel() / 0.1
    assert np.abs(delta).max() <= 1 + 1e-5
    quantiles = np.quantile(delta, [0.1, 0.25, 0.5, 0.75, 0.9])
    np.testing.assert_allclose(quantiles, [-0.8, -0.5, 0, 0.5, 0.8], atol=0.05)
    np.testing.assert_allclose(delta.std(), 1 / np.sqrt(3), rtol=0.03)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_l2_noise_has_the_norm_of_the_budget(model, epsilon):
    delta = noise(model, norm="l2", epsilon=epsilon).astype("float64")
    np.testing.assert_allclose(np.sqrt((delta**2).sum((1, 2, 3))), epsilon, rtol=1e-4)


def test_it_is_drawn_from_the_seed(model):
    np.testing.assert_array_equal(noise(model), noise(model, seed=0))
    assert np.abs(noise(model) - noise(model, seed=1)).mean() > 0.01
    assert np.abs(noise(model, seed=-5) - noise(model, seed=5)).mean() > 0.01


def test_it_differs_from_image_to_image(model):
    delta = noise(model).reshape(len(X), -1)
    correlation = np.corrcoef(delta) - np.eye(len(X))
    assert np.abs(correlation).max() < 0.2


def test_it_depends_on_the_image_and_not_on_its_place(model):
    order = np.array([3, 1, 0, 2, 7, 6, 5, 4])
    np.testing.assert_array_equal(noise(model, X[order]), noise(model)[order])
    np.testing.assert_array_equal(noise(model, X[4:5])[0], noise(model)[4])


def test_it_is_the_same_at_every_epsilon_but_for_its_scale(model):
    weak, strong = noise(model, epsilon=0.05), noise(model, epsilon=0.25)
    np.testing.assert_allclose(5 * weak, strong, atol=1e-6)


def test_it_does_not_disturb_the_users_random_numbers(model):
    tf.random.set_seed(1)
    expected = tf.random.uniform([3]).numpy()
    tf.random.set_seed(1)
    noise(model)
    np.testing.assert_array_equal(tf.random.uniform([3]), expected)


def test_whole_numbers_of_numpy_are_seeds_and_are_kept_as_plain_ones(model):
    attack = UniformNoise(seed=np.int64(3))
    assert attack == UniformNoise(seed=3)
    assert type(attack.seed) is int
    assert kax.attacks.deserialize(kax.attacks.serialize(attack)) == attack


def test_true_is_not_a_seed():
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        UniformNoise(seed=True)


def test_labels_do_not_matter(model):
    found = [UniformNoise()(model, X, y, 0.1) for y in (None, np.zeros(8, int), np.ones(8, int))]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
