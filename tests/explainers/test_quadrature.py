"""Nodes and weights of the integral over [0, 1]: what they are exact for, and by how much they miss the rest."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from keras_advxai._typing import Quadrature
from keras_advxai.explainers import IntegratedGradients
from keras_advxai.explainers.quadrature import check_method, quadrature

METHODS = get_args(Quadrature)
STEPS = (1, 2, 3, 8, 33)
CASES = [(method, steps) for method in METHODS for steps in STEPS if (method, steps) != ("riemann_trapezoid", 1)]


def integral(method: str, steps: int, function) -> float:
    nodes, weights = quadrature(method, steps)
    return float(np.sum(weights * function(nodes)))


@pytest.mark.parametrize(("method", "steps"), CASES)
def test_the_weights_are_a_mean_over_ordered_nodes_of_the_path(method, steps):
    nodes, weights = quadrature(method, steps)
    assert nodes.shape == weights.shape == (steps,)
    assert nodes.dtype == weights.dtype == np.float64
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (np.diff(nodes) > 0).all()
    assert nodes[0] >= 0
    assert nodes[-1] <= 1


def test_the_nodes_of_four_steps():
    assert quadrature("riemann_left", 4)[0].tolist() == [0, 0.25, 0.5, 0.75]
    assert quadrature("riemann_right", 4)[0].tolist() == [0.25, 0.5, 0.75, 1]
    assert quadrature("riemann_middle", 4)[0].tolist() == [0.125, 0.375, 0.625, 0.875]
    np.testing.assert_allclose(quadrature("riemann_trapezoid", 4)[0], [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(quadrature("riemann_trapezoid", 4)[1], [1 / 6, 1 / 3, 1 / 3, 1 / 6])
    two = np.sqrt(1 / 3) / 2
    np.testing.assert_allclose(quadrature("gausslegendre", 2)[0], [0.5 - two, 0.5 + two])


@pytest.mark.parametrize("method", ["gausslegendre", "riemann_middle", "riemann_trapezoid"])
@pytest.mark.parametrize("steps", [2, 5, 8])
def test_symmetric_methods_treat_both_ends_alike(method, steps):
    nodes, weights = quadrature(method, steps)
    np.testing.assert_allclose(nodes + nodes[::-1], 1, atol=1e-14)
    np.testing.assert_allclose(weights, weights[::-1], atol=1e-14)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_gauss_legendre_is_exact_below_twice_the_steps_and_no_further(steps):
    for degree in range(2 * steps):
        assert integral("gausslegendre", steps, lambda t, d=degree: t**d) == pytest.approx(1 / (degree + 1), abs=1e-14)
    degree = 2 * steps
    assert abs(integral("gausslegendre", steps, lambda t: t**degree) - 1 / (degree + 1)) > 1e-7


@pytest.mark.parametrize("steps", [1, 2, 3, 12, 33, 64])
def test_gauss_legendre_is_that_of_numpy(steps):
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for found, expected in zip(quadrature("gausslegendre", steps), ((nodes + 1) / 2, weights / 2), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_many_gauss_legendre_nodes_are_found_at_once_and_exact():
    """NumPy's `leggauss` takes half a minute for as many."""
    for degree in (0, 1, 10, 100, 3999):
        assert integral("gausslegendre", 2000, lambda t, d=degree: t**d) == pytest.approx(1 / (degree + 1), rel=1e-10)


@pytest.mark.parametrize("steps", [2, 3, 8, 100])
def test_the_errors_of_the_riemann_sums_in_closed_form(steps):
    """Of t and of t squared, whose integrals are 1/2 and 1/3."""
    n, intervals = steps, steps - 1
    errors = {
        "riemann_left": (-1 / (2 * n), -1 / (2 * n) + 1 / (6 * n**2)),
        "riemann_right": (1 / (2 * n), 1 / (2 * n) + 1 / (6 * n**2)),
        "riemann_middle": (0, -1 / (12 * n**2)),
        "riemann_trapezoid": (0, 1 / (6 * intervals**2)),
    }
    for method, (of_line, of_square) in errors.items():
        assert integral(method, steps, lambda t: t) - 1 / 2 == pytest.approx(of_line, abs=1e-14)
        assert integral(method, steps, np.square) - 1 / 3 == pytest.approx(of_square, abs=1e-14)


@pytest.mark.parametrize(
    ("method", "order"),
    [("riemann_left", 1), ("riemann_right", 1), ("riemann_middle", 2), ("riemann_trapezoid", 2)],
)
def test_twice_the_intervals_divide_the_error_by_two_to_the_order(method, order):
    extra = int(method == "riemann_trapezoid")
    coarse, fine = (abs(integral(method, steps + extra, np.exp) - np.expm1(1)) for steps in (64, 128))
    assert coarse / fine == pytest.approx(2**order, rel=0.02)
    assert abs(integral("gausslegendre", 8, np.exp) - np.expm1(1)) < 1e-14 < fine


def test_the_trapezoid_is_numpys():
    nodes, _ = quadrature("riemann_trapezoid", 17)
    assert integral("riemann_trapezoid", 17, np.cos) == pytest.approx(np.trapezoid(np.cos(nodes), nodes), abs=1e-15)


@pytest.mark.parametrize("short", ["left", "right", "middle", "trapezoid"])
def test_short_names_mean_the_riemann_sums(short):
    assert check_method(short, 8) == check_method(f"riemann_{short}", 8) == f"riemann_{short}"
    assert IntegratedGradients(method=short) == IntegratedGradients(method=f"riemann_{short}")


def test_unknown_methods_are_refused_with_the_nearest_known_one():
    message = r"`method` must be one of gausslegendre.*Did you mean 'gausslegendre'\? Received: method='gausslegendr'"
    with pytest.raises(ValueError, match=message):
        IntegratedGradients(method="gausslegendr")
    with pytest.raises(ValueError, match=r"Did you mean 'riemann_middle'.* Received: method='riemann_mid'"):
        IntegratedGradients(method="riemann_mid")
    for wrong in (3, None, ["left"], "simpson"):
        with pytest.raises(ValueError, match=r"`method` must be one of gausslegendre, riemann"):
            IntegratedGradients(method=wrong)


@pytest.mark.parametrize(("wrong", "meant"), [("lefft", "left"), ("rigth", "right"), ("midle", "middle")])
def test_a_mistyped_short_name_is_told_the_right_one(wrong, meant):
    with pytest.raises(ValueError, match=rf"Did you mean .*{meant}'.* Received: method='{wrong}'"):
        IntegratedGradients(method=wrong)


@pytest.mark.parametrize("name", ["trapezoid", "riemann_trapezoid"])
def test_a_trapezoid_needs_two_ends(name):
    with pytest.raises(ValueError, match=r"needs both ends of the path: `steps` of 2 or more. Received: steps=1"):
        IntegratedGradients(method=name, steps=1)
    assert IntegratedGradients(method=name, steps=2).steps == 2
