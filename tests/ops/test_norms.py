"""Norms, steepest directions and projections against float64 numpy, at every magnitude."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from keras_advxai.ops import norms

DELTA = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype("float32")
ARRAYS = st_numpy.arrays("float32", (3, 2, 2, 1), elements=st.floats(-10, 10, width=32))


def size(delta: np.ndarray, norm: str) -> np.ndarray:
    flat = np.asarray(delta, "float64").reshape(len(delta), -1)
    return np.abs(flat).max(1) if norm == "linf" else np.linalg.norm(flat, axis=1)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e15])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_length(norm, scale):
    delta = DELTA * np.float32(scale)
    found = norms.vector_norm(delta, norm)
    assert found.shape == (5, 1, 1, 1)
    np.testing.assert_allclose(np.ravel(found), size(delta, norm), rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_length_of_nothing_is_nothing(norm):
    np.testing.assert_array_equal(norms.vector_norm(np.zeros((2, 3), "float32"), norm), 0)


@pytest.mark.parametrize("scale", [1e-35, 1e-30, 1e-12, 1.0, 1e15, 1e30])
def test_the_steepest_direction_does_not_depend_on_the_gradients_size(scale):
    """A floor under the norm would shorten the step where the model is confident."""
    gradient = DELTA * np.float32(scale)
    np.testing.assert_array_equal(norms.steepest(gradient, "linf"), np.sign(DELTA))
    expected = DELTA / size(DELTA, "l2")[:, None, None, None]
    np.testing.assert_allclose(norms.steepest(gradient, "l2"), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_without_gradient_there_is_no_direction(norm):
    gradient = DELTA.copy()
    gradient[2] = 0
    found = np.asarray(norms.steepest(gradient, norm))
    assert (found[2] == 0).all()
    np.testing.assert_allclose(size(np.delete(found, 2, 0), norm), 1, rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_direction_of_unit_norm_is_steeper(norm):
    steepest = float(np.sum(DELTA[0] * np.asarray(norms.steepest(DELTA, norm))[0]))
    for other in np.random.default_rng(1).normal(size=(200, 1, 4, 3, 2)):
        other = other / size(other, norm)
        assert float(np.sum(DELTA[0] * other)) <= steepest + 1e-4


@settings(deadline=None, max_examples=60)
@given(delta=ARRAYS, epsilon=st.floats(0, 5, width=32), norm=st.sampled_from(["linf", "l2"]))
def test_projections_are_within_the_ball_and_idempotent_and_leave_what_is_inside(delta, epsilon, norm):
    found = np.asarray(norms.project(delta, np.float32(epsilon), norm))
    assert (size(found, norm) <= epsilon * (1 + 1e-5) + 1e-30).all()
    np.testing.assert_allclose(norms.project(found, np.float32(epsilon), norm), found, rtol=1e-5, atol=1e-30)
    inside = size(delta, norm) <= epsilon * (1 - 1e-5)
    np.testing.assert_allclose(
        found[inside], delta[inside], rtol=0, atol=1.2e-38
    )  # numbers below that may be flushed to 0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_projection_is_the_nearest_point(norm):
    found = np.asarray(norms.project(DELTA, 0.5, norm))
    distance = np.linalg.norm((DELTA - found).reshape(5, -1), axis=1)
    for other in np.random.default_rng(1).normal(size=(200, *DELTA.shape)):
        other = np.asarray(norms.project(other.astype("float32"), 0.5, norm))
        assert (np.linalg.norm((DELTA - other).reshape(5, -1), axis=1) >= distance - 1e-5).all()


def test_projection_by_hand():
    delta = np.array([[3.0, -4.0], [0.3, 0.4]], "float32")
    np.testing.assert_allclose(norms.project(delta, 1.0, "l2"), [[0.6, -0.8], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(norms.project(delta, 1.0, "linf"), [[1, -1], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_array_equal(norms.project(delta, 0.0, "l2"), 0)
    np.testing.assert_array_equal(norms.project(delta, 0.0, "linf"), 0)


def test_what_has_no_finite_length_is_not_let_through():
    delta = np.array([[np.inf, 1.0], [np.nan, 1.0], [0.1, 0.1]], "float32")
    found = np.asarray(norms.project(delta, 1.0, "l2"))
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2], delta[2])


def test_an_unknown_norm():
    assert norms.check_norm("l2") == "l2"
    with pytest.raises(ValueError, match=r"Argument `norm` must be one of linf, l2. Received: norm='L2'"):
        norms.check_norm("L2")
