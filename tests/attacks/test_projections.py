"""Back into the budget and the bounds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.attacks import ball_then_bounds, bounds_ball_bounds

X = np.array([[0.0, 0.5, 1.0]], "float32")
PROJECTIONS = (ball_then_bounds, bounds_ball_bounds)


@pytest.mark.parametrize("make", PROJECTIONS)
def test_what_fits_stays_as_it_is(make):
    moved = X + np.array([[0.1, -0.1, -0.1]], "float32")
    for norm in ("linf", "l2"):
        np.testing.assert_allclose(make(norm)(X, moved, 0.3, (0, 1)), moved, atol=1e-7)


@pytest.mark.parametrize("make", PROJECTIONS)
def test_in_linf_each_pixel_stops_at_epsilon_or_at_the_bounds(make):
    found = make("linf")(X, X + np.array([[-1.0, 1.0, -1.0]], "float32"), 0.25, (0, 1))
    np.testing.assert_allclose(found, [[0.0, 0.75, 0.75]])


def test_in_l2_what_the_bounds_cut_off_is_spent_elsewhere_only_if_they_come_first():
    moved = X + np.array([[-3.0, 4.0, 0.0]], "float32")
    first = ball_then_bounds("l2")(X, moved, 0.25, (0, 1))
    np.testing.assert_allclose(first, [[0.0, 0.5 + 0.25 * 4 / 5, 1.0]], rtol=1e-6)
    last = bounds_ball_bounds("l2")(X, moved, 0.25, (0, 1))
    np.testing.assert_allclose(last, [[0.0, 0.75, 1.0]], rtol=1e-6)
