"""Rules of which each has the nodes of the one before: their sizes, and nodes and weights in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.explainers.quadrature import nested

RULES = nested(200)
SIZES = (7, 15, 19, 23, 31, 47, 63, 95, 127, 191)


def rule(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The angles of the nodes in ascending order, and their weights."""
    size = RULES.sizes[number]
    order = np.argsort(RULES.nodes[:size])
    return np.arccos(1 - 2 * RULES.nodes[order]), RULES.weights[number, order]


@pytest.mark.parametrize("most", [7, 8, 14, 15, 16, 18, 19, 22, 23, 31, 62, 63, 64, 127, 128, 200])
def test_all_rules_that_are_small_enough_are_there_whatever_the_most(most):
    rules = nested(most)
    assert rules.sizes == tuple(size for size in SIZES if size <= most)
    assert rules.weights.shape == (len(rules.sizes), rules.sizes[-1])
    np.testing.assert_allclose(rules.nodes, RULES.nodes[: rules.sizes[-1]], rtol=1e-13)
    np.testing.assert_allclose(rules.weights, RULES.weights[: len(rules.sizes), : rules.sizes[-1]], rtol=1e-12)


@pytest.mark.parametrize("number", [0, 1])
def test_the_first_two_are_those_of_fejer(number):
    angles, weights = rule(number)
    count = len(angles)
    expected = np.arange(1, count + 1) * np.pi / (count + 1)
    np.testing.assert_allclose(angles, expected, rtol=1e-12)
    sums = sum(np.sin((2 * j - 1) * expected) / (2 * j - 1) for j in range(1, (count + 1) // 2 + 1))
    np.testing.assert_allclose(weights, 2 * np.sin(expected) / (count + 1) * sums, rtol=1e-12)


@pytest.mark.parametrize("number", range(2, len(SIZES)))
def test_the_others_are_trapezoids_in_the_angle_that_are_dense_where_all_is_dark(number):
    angles, weights = rule(number)
    ends = [0, *angles, np.pi]
    for power in (0, 1, 2, 5):
        values = np.sin(angles) * ((1 - np.cos(angles)) / 2) ** power
        whole = np.trapezoid([0, *np.sin(angles), 0], ends)  # the weights of all rules are made to sum to 1
        assert weights @ RULES.nodes[np.argsort(RULES.nodes[: len(angles)])] ** power == pytest.approx(
            np.trapezoid([0, *values, 0], ends) / whole, rel=1e-12
        )
    steps = np.diff(ends)
    assert (np.diff(steps) > -1e-12).all()  # from black on they grow, or stay
    assert steps[-1] > 1.9 * steps[0]
    assert np.mean(RULES.nodes[: len(angles)] < 0.5) > 0.5
