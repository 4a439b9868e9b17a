"""Random signs of the attack's norm and budget."""

from __future__ import annotations

import helpers
import numpy as np
import pytest

from keras_advxai.attacks import SignNoise

X = np.random.default_rng(0).uniform(0.3, 0.7, (8, *helpers.SHAPE)).astype("float32")


def noise(model, x=X, epsilon=0.1, **options) -> np.ndarray:
    return SignNoise(**options)(model, x, epsilon=epsilon) - x


def test_every_pixel_moves_by_the_whole_budget_either_way(model):
    delta = noise(model)
    np.testing.assert_allclose(np.abs(delta), 0.1, atol=1e-6)
    assert 0.45 < (delta > 0).mean() < 0.55


def test_l2_noise_has_the_norm_of_the_budget_in_equal_parts(model):
    delta = noise(model, norm="l2", epsilon=1.0)
    np.testing.assert_allclose(np.abs(delta), 1 / 25, atol=1e-6)


def test_it_is_drawn_from_the_seed_and_the_image(model):
    np.testing.assert_array_equal(noise(model), noise(model, seed=0))
    for seed in (1, -1):
        assert 0.4 < (noise(model) * noise(model, seed=seed) < 0).mean() < 0.6
    np.testing.assert_array_equal(noise(model, X[::-1]), noise(model)[::-1])
    np.testing.assert_array_equal(noise(model, X[4:5])[0], noise(model)[4])
    signs = np.sign(noise(model)).reshape(len(X), -1)
    assert np.abs(np.corrcoef(signs) - np.eye(len(X))).max() < 0.2


def test_epsilon_0_and_the_bounds(model):
    np.testing.assert_array_equal(SignNoise()(model, X, epsilon=0), X)
    found = SignNoise()(model, X, epsilon=1.0)
    assert set(np.unique(found)) == {0.0, 1.0}


def test_bad_seeds_are_refused():
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        SignNoise(seed=0.5)
