"""The contract of dissimilarities."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_advxai import metrics
from keras_advxai._typing import Tensor
from keras_advxai.metrics.dissimilarity import Dissimilarity, DissimilarityFunction
from keras_advxai.testing.common import first_line, naming
from keras_advxai.testing.state import require

_ROUNDING = 1e-6


def check_metric(
    metric: str | DissimilarityFunction | Dissimilarity, shape: Sequence[int] = (16, 16, 1), *, seed: int = 0
) -> None:
    """Fail unless a dissimilarity satisfies the contract of `keras_advxai.metrics.Dissimilarity`.

    It is 0 for the same heatmaps and not for all; `(batch,)` float64, finite, not negative and at most `upper`, on
    blank and constant heatmaps too; it does not depend on the other heatmaps of the batch or on how often it is called;
    NumPy arrays, tensors and a graph with an open batch dimension give the same; it does not write to its arguments,
    which are read-only or copies; and if it was declared, it is found by its name and survives saving.

    Args:
        metric: A name, a dissimilarity, or a plain function of two batches of heatmaps.
        shape: The shape of one heatmap, `(*positions, 1)`. Defaults to `(16, 16, 1)`.
        seed: What the random heatmaps are made from. Defaults to 0.

    Raises:
        AssertionError: It does not; the message says in a sentence what it did.
        ValueError: The name is unknown, or a function has none.

    Example:

    >>> import tensorflow as tf
    >>> from keras_advxai.testing import check_metric
    >>> def largest_change(heatmaps, others):
    ...     return tf.reduce_max(tf.abs(heatmaps - others), axis=(1, 2, 3))
    >>> check_metric(largest_change)
    """
    found = metrics.get(metric)
    first, second = _pairs(tuple(shape), seed)
    with naming(found):
        _check_named(found)
        distances = _values(found, first, second)
        _check_values(found, distances)
        _check_same(found, first)
        _check_batches(found, first, second, distances)
        _check_tensors(found, first, second, distances)
        _check_graph(found, first, second, distances)


def _pairs(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each of some heatmaps against each: noise, two spots, a single pixel, a constant and a blank one."""
    generator = np.random.default_rng(seed)
    maps = generator.random((7, *shape), dtype="float32")
    corners = [tuple(slice(None, (side + 2) // 3) for side in shape), tuple(slice(side // 2, None) for side in shape)]
    maps[1:] = 0
    maps[1][corners[0]], maps[2][corners[1]] = 1.0, 1.0
    maps[3] = np.maximum(generator.normal(size=shape), 0)  # zeros in about half of the places, as behind a ReLU
    maps[4].flat[-1] = 1.0
    maps[5] = 1.0
    maps[[0, 3]] /= maps[[0, 3]].max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    return np.repeat(maps, len(maps), axis=0), np.tile(maps, (len(maps), *(1 for _ in shape)))


def _values(metric: Dissimilarity, first: Tensor, second: Tensor) -> np.ndarray:
    try:
        return np.asarray(metric(first, second))
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        said = f"It cannot be computed on heatmaps of the shape {first.shape}: {first_line(error)}"
        raise AssertionError(said) from error  # the function's own, whose traceback says where


def _check_named(metric: Dissimilarity) -> None:
    require(metrics.get(metric) is metric, "`get` must return a dissimilarity as it is.")
    try:
        name = metrics.serialize(metric)
    except ValueError:
        known = {other.name for other in metrics.declared()}
        require(metric.name not in known, f"Another dissimilarity is known by its name, {metric.name!r}.")
        return
    require(metrics.deserialize(name) == metric, f"Another dissimilarity is found by its name, {name!r}.")
    for other in (copy.copy(metric), copy.deepcopy(metric)):
        require(other == metric, f"It became {other!r} in a copy.")


def _check_values(metric: Dissimilarity, distances: np.ndarray) -> None:
    require(bool(np.isfinite(distances).all()), "It gives NaN or infinity, on blank or constant heatmaps perhaps.")
    require(bool((distances >= 0).all()), f"It gives {distances.min():.4g}, and must not be negative.")
    require(bool((distances > 0).any()), "It gives 0 for heatmaps that have nothing in common.")
    within = metric.upper is None or bool((distances <= metric.upper + _ROUNDING).all())
    require(within, f"It gives {distances.max():.4g}, and is declared with upper={metric.upper}.")


def _check_same(metric: Dissimilarity, maps: np.ndarray) -> None:
    distances = _values(metric, maps, maps.copy())
    require(bool((distances <= _ROUNDING).all()), f"It gives {distances.max():.4g} for the same heatmaps, not 0.")


def _check_batches(metric: Dissimilarity, first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> None:
    again = _values(metric, first, second)
    require(_close(again, distances), "It gives another result when it is called again.")
    singles = [_values(metric, first[i : i + 1], second[i : i + 1]) for i in range(len(first))]
    apart = "It treats a pair of heatmaps differently beside other pairs than alone."
    require(_close(np.concatenate(singles), distances), apart)


def _check_tensors(metric: Dissimilarity, first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> None:
    tensors = tf.constant(first), tf.constant(second)
    found = metric(*tensors)
    require(tf.is_tensor(found), f"It returned {type(found).__name__} for a tensor.")
    require(_close(found.numpy(), distances), "It gives tensors another result than NumPy arrays.")


def _check_graph(metric: Dissimilarity, first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> None:
    signature = [tf.TensorSpec((None, *first.shape[1:]), tf.float32)] * 2
    compiled = tf.function(lambda *maps: metric(*maps), input_signature=signature, autograph=False)
    for size in (len(first), 2):
        try:
            found = compiled(first[:size], second[:size])
        except (ValueError, TypeError, tf.errors.OpError) as error:
            said = f"It does not work in a tf.function whose batch size is unknown: {first_line(error)}"
            raise AssertionError(said) from error
        require(found.dtype == tf.float64, f"It returned {found.dtype.name} in a graph, not float64.")
        apart = "It gives another result inside a tf.function than by itself."
        require(_close(found.numpy(), distances[:size]), apart)


def _close(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-5, atol=_ROUNDING))
