"""Brings heatmaps back to the size of the layer that they were made at."""

from __future__ import annotations

import functools

import numpy as np

_TOLERANCE = 1e-4  # rounding of float32 is a hundredth of it, and a step of a gray level forty times as much
_LINES = 64


def at_own_size(maps: np.ndarray) -> np.ndarray:
    """Heatmaps at the smallest size from which linear interpolation makes them again, as heatmaps of a layer are made.

    Grad-CAM at a layer of 7x7 is interpolated to the image's size. Interpolation is linear, so it is undone by
    solving for what was interpolated, and nobody needs to know the layer's size. Maps that were not interpolated stay
    as they are.

    Args:
        maps: `(maps, height, width)` in [0, 1], all of one explainer.

    Returns:
        `(maps, rows, columns)` float64. Values may lie above 1 where a peak fell between pixels.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.viewer.own_size import at_own_size, enlarged
    >>> small = np.array([[[0.0, 1.0], [0.5, 0.25]]])
    >>> at_own_size(enlarged(small, (6, 9))).round(6).tolist()
    [[[0.0, 1.0], [0.5, 0.25]]]
    """
    maps = np.asarray(maps, "float64")
    if not maps.size or not np.isfinite(maps).all():
        return maps
    for axis in (1, 2):
        lines = np.moveaxis(maps, axis, 0).reshape(maps.shape[axis], -1)
        rows = _fewest(lines)
        if rows < maps.shape[axis]:
            solved = _product(np.linalg.pinv(_matrix(rows, maps.shape[axis])), lines)
            others = [size for place, size in enumerate(maps.shape) if place != axis]
            maps = np.moveaxis(solved.reshape(rows, *others), 0, axis)
    return maps


def enlarged(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps at a larger size, linear with half-pixel centres, as `tf.image.resize` and the viewer make them.

    Args:
        maps: `(maps, rows, columns)`.
        size: Height and width.
    """
    height, width = (_matrix(small, large) for small, large in zip(maps.shape[1:], size, strict=True))
    found: np.ndarray = height @ maps @ width.T
    return found


def _fewest(lines: np.ndarray) -> int:
    """The smallest number of points from which lines, `(points, lines)`, are interpolated."""
    points = len(lines)
    every = -(-lines.shape[1] // _LINES)  # some will do, and of 300 maps all would take a minute
    chosen = lines[:, ::every]
    # Between two points lines are straight, so each point makes two kinks at most. Of maps that were not interpolated,
    # such as those of Integrated Gradients, nearly every pixel is one.
    kinks = int((np.abs(np.diff(chosen, 2, axis=0)).max(axis=1, initial=0) > _TOLERANCE / 10).sum())
    for count in range(max(1, -(-kinks // 2)), points // 2 + 1):
        basis = _basis(count, points)
        # All of them only where some will do: these may be simpler than the others.
        if _misses(chosen, basis) < _TOLERANCE and _misses(lines, basis) < _TOLERANCE:
            return count
    return points


def _misses(lines: np.ndarray, basis: np.ndarray) -> float:
    """By how much combinations of a basis miss some lines, at most."""
    return float(np.abs(lines - _product(basis, _product(basis.T, lines))).max())


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of two matrices."""
    # Not by BLAS, whose threads look for work for 100 ms after a large product: in a training, the pictures of each
    # epoch took 60 ms of processor time more, and products are a small part of them.
    found: np.ndarray = np.einsum("ij,jk->ik", left, right)
    return found


@functools.lru_cache(512)
def _basis(small: int, large: int) -> np.ndarray:
    return np.linalg.qr(_matrix(small, large))[0]


@functools.lru_cache(512)
def _matrix(small: int, large: int) -> np.ndarray:
    """What linear interpolation multiplies by, `(large, small)`."""
    places = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    low = np.floor(places).astype(int)
    share = places - low
    found = np.zeros((large, small))
    found[np.arange(large), low] += 1 - share
    found[np.arange(large), np.minimum(low + 1, small - 1)] += share
    return found
