"""Where on a path from 0 to 1 a gradient is taken, and how much each one counts."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np

from keras_advxai._choice import is_one_of, nearest
from keras_advxai._typing import Quadrature

_SHORT = {name: f"riemann_{name}" for name in ("left", "right", "middle", "trapezoid")}


def check_method(method: str, steps: int) -> Quadrature:
    """The full name of a method, `"riemann_left"` for `"left"`.

    Raises:
        ValueError: The name is unknown, or the trapezoid has a single step.
    """
    known = [*get_args(Quadrature), *_SHORT]
    found = _SHORT.get(method, method) if isinstance(method, str) else method
    if not is_one_of(found, get_args(Quadrature)):
        raise ValueError(
            f"Argument `method` must be one of {', '.join(known)}.{nearest(str(method), known)} "
            f"Received: method={method!r}"
        )
    if found == "riemann_trapezoid" and steps < 2:
        raise ValueError("The trapezoidal rule needs both ends of the path: `steps` of 2 or more. Received: steps=1")
    return cast(Quadrature, found)


def quadrature(method: Quadrature, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes and weights of an integral over [0, 1], both `(steps,)` float64; the weights sum to 1.

    Args:
        method: `"gausslegendre"`, which is exact for polynomials of a degree below `2 * steps`; the Riemann sums
            `"riemann_left"`, `"riemann_right"` and `"riemann_middle"`; or `"riemann_trapezoid"`, with both ends.
        steps: How many nodes there are.

    Example:

    >>> from keras_advxai.explainers.quadrature import quadrature
    >>> nodes, weights = quadrature("riemann_trapezoid", 3)
    >>> nodes.tolist(), weights.tolist()
    ([0.0, 0.5, 1.0], [0.25, 0.5, 0.25])
    """
    if method == "gausslegendre":
        return _gauss_legendre(steps)
    # Riemann's sums and the trapezoid are here because other packages and papers have them, for comparison.
    if method == "riemann_trapezoid":
        weights = np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, steps), weights
    start = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
    return (np.arange(steps) + start) / steps, np.full(steps, 1 / steps)


def _gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The roots of the Legendre polynomial, by Newton's method on its recurrence, scaled to [0, 1].

    NumPy's `leggauss` solves an eigenvalue problem, which takes half a minute for 2000 steps.
    """
    # Tricomi's approximation, from which Newton's method converges to every root, and doubles its digits at each step.
    roots = np.cos(np.pi * (np.arange(steps, 0, -1) - 0.25) / (steps + 0.5))
    for _ in range(6):
        before, value = np.ones(steps), roots
        for degree in range(2, steps + 1):
            before, value = value, ((2 * degree - 1) * roots * value - (degree - 1) * before) / degree
        slope = steps * (before - roots * value) / (1 - roots**2)
        roots = roots - value / slope
    return (1 + roots) / 2, 1 / ((1 - roots**2) * slope**2)
