"""Where on a path from 0 to 1 a gradient is taken, and how much each one counts."""

from __future__ import annotations

import functools
from typing import NamedTuple, cast, get_args

import numpy as np

from keras_advxai._choice import is_one_of, nearest
from keras_advxai._typing import Quadrature

_SHORT = {name: f"riemann_{name}" for name in ("left", "right", "middle", "trapezoid")}

FEWEST = 7
"""The nodes of the first of the nested rules. With three, attributions that are far off may add up by chance."""


class Nested(NamedTuple):
    """Rules of which each has the nodes of the one before, and more.

    Attributes:
        nodes: Those of the first rule, then those that each further one adds, `(nodes,)` float64.
        weights: What each node counts by each rule, `(rules, nodes)` float64; 0 for the nodes that it does not have.
        sizes: How many nodes each rule has, `(rules,)`.
    """

    nodes: np.ndarray
    weights: np.ndarray
    sizes: tuple[int, ...]


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


def nested(most: int) -> Nested:
    """Rules with 7, 15, 19, 23, 31, 47, 63, 95, ... nodes in [0, 1], as far as they have at most so many.

    With `t = (1 - cos(angle)) / 2` the first two have equidistant angles and the weights of Fejér's second rule, which
    make a rule of `n` nodes exact for polynomials of a degree below `n`. The others are trapezoidal rules in the angle,
    with more nodes for small `t`: a network passes most of its kinks near a black image, where all is small, and with
    the weights of EfficientNet-Lite0 they need half as many nodes as rules that are twice as dense everywhere. None of
    the nodes is at an end, where a gradient may be infinite, as that of a root at a black pixel. All weights are
    positive.

    Args:
        most: How many nodes the last one may have, 7 at least.

    Example:

    >>> from keras_advxai.explainers.quadrature import nested
    >>> rules = nested(40)
    >>> rules.sizes, rules.weights.shape
    ((7, 15, 19, 23, 31), (5, 31))
    """
    halvings = [(3, 3, 3), (4, 4, 4)]
    for each in range(5, most.bit_length() + 2):
        halvings += [(each, each - 1, max(4, each - 2)), (each, each, each - 1)]
    grids = [places for places in map(functools.partial(_places, halvings[-1][0]), halvings) if len(places) <= most]
    sizes = [len(places) for places in grids]
    order = list(dict.fromkeys(place for places in grids for place in places.tolist()))
    number = {place: index for index, place in enumerate(order)}
    weights = np.zeros((len(grids), len(order)))
    for rule, places in enumerate(grids):
        own = _angular_weights(places * np.pi / 2 ** halvings[-1][0], fejer=rule < 2)
        weights[rule, [number[place] for place in places.tolist()]] = own
    angles = np.array(order) * np.pi / 2 ** halvings[-1][0]
    return Nested((1 - np.cos(angles)) / 2, weights, tuple(sizes))


def _places(finest: int, halvings: tuple[int, int, int]) -> np.ndarray:
    """The numbers of a rule's angles, of all `i * pi / 2**finest` between the ends.

    Args:
        finest: How often the half circle is halved.
        halvings: How often it is halved for the nodes of this rule in its first and second quarter, and behind these.
    """
    numbers = np.arange(1, 2**finest)
    zones = np.searchsorted([2 ** (finest - 2), 2 ** (finest - 1)], numbers)
    found: np.ndarray = numbers[numbers % 2 ** (finest - np.array(halvings))[zones] == 0]
    return found


def _angular_weights(angles: np.ndarray, fejer: bool) -> np.ndarray:
    """The weights of nodes `(1 - cos(angle)) / 2`, by Fejér or by the trapezoidal rule in the angle; they sum to 1."""
    if fejer:
        odd = np.arange(1, len(angles) + 1, 2)
        found: np.ndarray = np.sin(angles) * (np.sin(np.outer(angles, odd)) / odd).sum(axis=1)
    else:
        ends = np.concatenate([[0], angles, [np.pi]])
        found = np.sin(angles) * (ends[2:] - ends[:-2])
    found /= found.sum()
    return found


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
