"""What an attack on an explanation raises, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks.explanation_objectives import (
    DEFAULT_K,
    center_distance,
    check_k,
    check_objective,
    displaced_mass,
    explanation_objective,
    nearness,
)
from keras_advxai.metrics import nissim


def maps(*rows) -> np.ndarray:
    return np.array(rows, "float32")[..., None]


CLEAN = maps([[1, 0.5, 0], [0.25, 0, 0]])
CHANGED = maps([[0, 0.5, 1], [0, 0.5, 0]])
BLANK = np.zeros_like(CLEAN)


def test_displaced_mass():
    for k, share in ((1, 1), (2, 0.75), (3, 0.75), (0.34, 0.75), (0.01, 1)):
        assert displaced_mass(CLEAN, CHANGED, k).numpy() == pytest.approx([share])
    assert displaced_mass(CLEAN, CLEAN, 2).numpy() == pytest.approx([0.25 / 1.75])
    assert displaced_mass(CLEAN, BLANK, 2).numpy() == [1]
    tied = maps([[1, 1, 1]])
    assert displaced_mass(tied, maps([[1, 0, 0]]), 1).numpy() == [0]  # the first of equals
    assert displaced_mass(tied, maps([[0, 0, 1]]), 1).numpy() == [1]


def test_center_distance():
    # Centres: row 0.25 / 1.75, column 0.5 / 1.75; then row 0.5 / 2, column (0.5 + 2 + 0.5) / 2.
    expected = np.hypot(0.25 - 0.25 / 1.75, 1.5 - 0.5 / 1.75)
    np.testing.assert_allclose(center_distance(CLEAN, CHANGED), [expected], rtol=1e-6)
    np.testing.assert_array_equal(center_distance(CLEAN, CLEAN), [0])
    np.testing.assert_array_equal(center_distance(CLEAN, BLANK), [0])
    np.testing.assert_array_equal(center_distance(BLANK, CHANGED), [0])
    signal, moved = np.eye(5, dtype="float32")[None, 1, :, None], np.eye(5, dtype="float32")[None, 4, :, None]
    np.testing.assert_allclose(center_distance(signal, moved), [3])


def test_nearness_to_a_target_of_any_scale():
    target = check_objective(10 * CHANGED[0])
    assert target.max() == 1
    np.testing.assert_allclose(nearness(CLEAN, target), [-(1 + 1 + 0.25**2 + 0.5**2) / 6], rtol=1e-6)
    np.testing.assert_array_equal(nearness(CHANGED, target), [0])
    np.testing.assert_array_equal(nearness(CHANGED, check_objective(CHANGED[0, :, :, 0])), [0])


@pytest.mark.parametrize("objective", [None, 3.0, np.float32(1), [], np.zeros((0, 4)), object(), [[1], [2, 3]]])
def test_what_is_neither_a_name_nor_a_map_is_refused(objective):
    with pytest.raises(TypeError, match=r"must be one of .*nissim.*, or a target map, \(height, width\). Received: "):
        check_objective(objective)


@pytest.mark.parametrize(
    ("objective", "received"),
    [(-CLEAN, "-1 to -0"), (BLANK, "0 to 0"), ([[1, np.inf]], "1 to inf"), ([[1, np.nan]], "nan to nan")],
)
def test_a_map_that_is_no_heatmap_is_refused(objective, received):
    with pytest.raises(
        ValueError, match=rf"finite, not negative, and not zero everywhere. Received: values from {received}"
    ):
        check_objective(objective)


@pytest.mark.parametrize("k", [1, 2, 7, 0.5, 0.99])
def test_how_many_positions_are_the_strongest_is_a_number_of_them_or_a_fraction(k):
    assert check_k(k, "top_k") == k


@pytest.mark.parametrize("k", [0, -1, 1.0, 0.0, 1.5, True, "2", None, np.nan])
def test_which_of_the_two_it_is_is_not_guessed(k):
    with pytest.raises(ValueError, match=r"1 or more, or a fraction of all of them, between 0 and 1. Received: k="):
        check_k(k, "top_k")


def test_positions_belong_to_the_objective_that_counts_them():
    for objective in ("nissim", "mass_center", CLEAN[0]):
        assert check_k(DEFAULT_K, objective) == DEFAULT_K
        with pytest.raises(ValueError, match=r"`k` belongs to objective='top_k'. Received: k=3 with another objective"):
            check_k(3, objective)


def test_nissim_is_the_metric():
    first, second = np.random.default_rng(0).random((2, 3, 12, 12, 1), dtype="float32")
    found = explanation_objective("nissim", 0.1)(first, second)
    np.testing.assert_allclose(found, nissim(first, second), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["nissim", "top_k", "mass_center", np.eye(5)], ids=str)
def test_gradients_are_those_of_finite_differences_and_never_nan(objective):
    rng = np.random.default_rng(1)
    clean, found, way = rng.random((3, 2, 5, 5, 1), dtype="float32") + 0.1
    function = explanation_objective(check_objective(objective), 0.2)

    @tf.function
    def gradient(clean, maps):
        return tf.gradients(function(clean, maps), maps)[0]

    expected = (function(clean, found + 1e-3 * way) - function(clean, found - 1e-3 * way)) / 2e-3
    np.testing.assert_allclose(np.sum(gradient(clean, found) * way, (1, 2, 3)), expected, rtol=5e-3, atol=1e-3)
    for first, second in ((clean, clean), (clean, 0 * clean), (0 * clean, clean), (0 * clean, 0 * clean)):
        assert np.isfinite(gradient(first, second)).all()
