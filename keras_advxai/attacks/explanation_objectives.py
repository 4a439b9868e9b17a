"""What an attack on an explanation maximises: the distance to the clean heatmap, or the similarity to a target."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import tensorflow as tf

from keras_advxai._choice import nearest
from keras_advxai._typing import Tensor
from keras_advxai.ops.ssim import dissimilarity, window_size

ObjectiveName: TypeAlias = Literal["nissim", "top_k", "mass_center"]
ExplanationObjective: TypeAlias = ObjectiveName | np.ndarray

DEFAULT_K = 0.1


def check_objective(objective: Any) -> ExplanationObjective:
    """An objective as an attack keeps it: a name, or a read-only target map whose largest value is 1.

    Raises:
        TypeError: It is something else.
        ValueError: The name is unknown, or the map is not a heatmap: not finite, negative, or blank.
    """
    known = get_args(ObjectiveName)
    if isinstance(objective, str):
        if objective not in known:
            raise ValueError(
                f"Argument `objective` must be one of {', '.join(known)}, or a target map."
                f"{nearest(objective, known)} Received: objective={objective!r}"
            )
        return cast(ObjectiveName, objective)
    try:
        array = np.array(objective, "float32")
        if not array.ndim or not array.size:
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(
            f"Argument `objective` must be one of {', '.join(known)}, or a target map, (height, width). "
            f"Received: {objective!r}"
        ) from None
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and 0 < high < np.inf):  # NaN fails, too
        raise ValueError(
            "Argument `objective` must be a heatmap if it is an array: finite, not negative, and not zero everywhere. "
            f"Received: values from {low:g} to {high:g}"
        )
    # As heatmaps are scaled, or else no heatmap could come near to it.
    array /= array.max()
    array.flags.writeable = False
    return array


def check_k(k: Any, objective: ExplanationObjective) -> int | float:
    """Return how many positions are the strongest: a number of them, or a fraction of all.

    Raises:
        ValueError: It is out of range, or belongs to no objective.
    """
    # True is a whole number to Python, and 1.0 may mean one position or all of them: the one is refused, and so is the
    # other.
    whole = isinstance(k, numbers.Integral) and not isinstance(k, bool)
    number = float(k) if isinstance(k, numbers.Real) and not isinstance(k, bool) else np.nan
    if not (number >= 1 if whole else 0 < number < 1):
        raise ValueError(
            "Argument `k` must be a number of positions, 1 or more, or a fraction of all of them, between 0 and 1. "
            f"Received: k={k!r}"
        )
    # Without an effect it would still be in the attack's name, and two attacks be compared that are one.
    if k != DEFAULT_K and not (isinstance(objective, str) and objective == "top_k"):
        raise ValueError(f"Argument `k` belongs to objective='top_k'. Received: k={k} with another objective")
    return int(k) if whole else float(k)


def check_fits(objective: ExplanationObjective, k: float, shape: tuple[int | None, ...]) -> None:
    """Raise if an objective does not fit the heatmaps.

    Args:
        objective: What `check_objective` returned.
        k: What `check_k` returned.
        shape: The shape of the heatmaps, `(batch, height, width, 1)`.

    Raises:
        ValueError: A target map has another shape, there are no more than `k` positions, or they are too few for SSIM.
    """
    sides = tuple(side for side in shape[1:] if side is not None)
    # An open side is known when the attack is called, which checks again.
    if len(sides) < len(shape) - 1:
        return
    if isinstance(objective, np.ndarray) and objective.shape not in (sides, sides[:-1]):
        raise ValueError(
            f"Argument `objective` must have the shape of one heatmap, {sides[:-1]}. Received: a target map of shape "
            f"{objective.shape}"
        )
    if isinstance(objective, str) and objective == "nissim":
        window_size(*sides[:-1])  # raises for maps that are too small, before a long trace
    positions = int(np.prod(sides))
    if isinstance(k, int) and k >= positions:
        raise ValueError(f"Argument `k` must be below the number of positions, {positions}. Received: k={k}")


def explanation_objective(objective: ExplanationObjective, k: float) -> Callable[[Tensor, Tensor], Tensor]:
    """What is raised, a differentiable function of clean and changed heatmaps, `(batch, height, width, 1)`.

    Args:
        objective: What `check_objective` returned.
        k: What `check_k` returned.

    Returns:
        A function with one value for each pair, `(batch,)` float32.
    """
    if isinstance(objective, np.ndarray):
        return lambda clean, maps: nearness(maps, objective)
    if objective == "top_k":
        return lambda clean, maps: displaced_mass(clean, maps, k)
    if objective == "mass_center":
        return center_distance
    # NISSIM is computed in float64, and its gradient meets float32 images.
    return lambda clean, maps: tf.cast(dissimilarity(clean, maps), tf.float32)


def nearness(maps: Tensor, target: np.ndarray) -> Tensor:
    """Minus the mean squared difference from one target map, which has the largest value 1 as the heatmaps have.

    Args:
        maps: Heatmaps, `(batch, height, width, 1)`.
        target: `(height, width)` or `(height, width, 1)`.

    Returns:
        Values in [-1, 0], `(batch,)`.
    """
    wanted = tf.constant(target.reshape(-1), tf.float32)
    return -tf.reduce_mean(tf.square(_flat(maps) - wanted), axis=1)


def displaced_mass(clean: Tensor, maps: Tensor, k: float) -> Tensor:
    """The share of a heatmap's sum that lies outside of the clean heatmap's `k` strongest positions.

    Of equal positions, those further up and to the left count as stronger. A blank heatmap has nothing in them: 1.

    Args:
        clean: Heatmaps, `(batch, height, width, 1)`.
        maps: Heatmaps to look at, shaped alike.
        k: The number of positions, or their fraction, of which there is at least one.

    Returns:
        Values in [0, 1], `(batch,)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.attacks.explanation_objectives import displaced_mass
    >>> clean = np.array([[4, 3], [2, 1]], "float32").reshape(1, 2, 2, 1)
    >>> changed = np.array([[1, 1], [0, 2]], "float32").reshape(1, 2, 2, 1)
    >>> displaced_mass(clean, changed, k=2).numpy().tolist()
    [0.5]
    """
    clean, maps = _flat(clean), _flat(maps)
    count = tf.shape(clean)[1]
    most = k if isinstance(k, int) else tf.maximum(1, tf.cast(k * tf.cast(count, tf.float32), tf.int32))
    # Of the clean heatmap, once: positions that moved along with the changed one would leave nothing to raise.
    strongest = tf.math.top_k(clean, most).indices
    inside = tf.reduce_sum(tf.gather(maps, strongest, batch_dims=1), axis=1)
    return 1 - tf.math.divide_no_nan(inside, tf.reduce_sum(maps, axis=1))


def center_distance(clean: Tensor, maps: Tensor) -> Tensor:
    """How far the centre of mass has moved, in pixels of the heatmaps; 0 where one of the maps is blank.

    Args:
        clean: Heatmaps, `(batch, height, width, 1)`.
        maps: Heatmaps to look at, shaped alike.

    Returns:
        Distances, `(batch,)`. Where there is none, the gradient is zero.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.attacks.explanation_objectives import center_distance
    >>> clean = np.array([[1, 0, 0], [0, 0, 0]], "float32").reshape(1, 2, 3, 1)
    >>> changed = np.array([[0, 0, 1], [0, 0, 1]], "float32").reshape(1, 2, 3, 1)
    >>> float(center_distance(clean, changed)[0] ** 2)  # two to the right, half a pixel down
    4.25
    """
    both = (tf.reduce_sum(_flat(clean), axis=1) > 0) & (tf.reduce_sum(_flat(maps), axis=1) > 0)
    moved = tf.reduce_sum(tf.square(_center(maps) - _center(clean)), axis=1)
    # The root of 0 has an infinite gradient, which would turn every pixel to NaN; so it is taken of 1 there instead.
    counts = both & (moved > 0)
    return tf.where(counts, tf.sqrt(tf.where(counts, moved, 1.0)), 0.0)


def _center(maps: Tensor) -> Tensor:
    """The centre of mass of each map, a coordinate for each dimension of positions."""
    maps = tf.cast(maps, tf.float32)
    axes = tuple(range(1, maps.shape.rank))
    total = tf.reduce_sum(maps, axis=axes)
    coordinates = []
    for axis in axes[:-1]:
        others = [other for other in axes if other != axis]
        along = tf.reduce_sum(maps, axis=others) * tf.range(tf.cast(tf.shape(maps)[axis], tf.float32))
        coordinates.append(tf.math.divide_no_nan(tf.reduce_sum(along, axis=1), total))
    return tf.stack(coordinates, axis=1)


def _flat(maps: Tensor) -> Tensor:
    """Maps as rows, `(batch, positions)` float32."""
    maps = tf.cast(maps, tf.float32)
    return tf.reshape(maps, [tf.shape(maps)[0], -1])
