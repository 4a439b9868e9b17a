"""A dissimilarity of heatmaps that are brought to one size first, so that those of several sizes compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.metrics.dissimilarity import Dissimilarity, DissimilarityFunction
from keras_advxai.metrics.registry import declared, family, get, register
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops.heatmaps import normalize


def at_size(metric: str | DissimilarityFunction | Dissimilarity, size: int | Sequence[int]) -> Dissimilarity:
    """A dissimilarity of heatmaps of images after both were brought to one size.

    The window of SSIM has a fixed number of pixels, so NISSIM at 224x224 and NISSIM at 299x299 are two numbers.
    Heatmaps of models with different inputs are compared at one size: linear in each dimension, averaging where they
    become smaller, and then divided by their maximum again. The result is a dissimilarity of its own, whose name says
    the size, and which is found by that name.

    Args:
        metric: The dissimilarity: a name, a registered one, or a function that nothing declares.
        size: `(height, width)` of the heatmaps, or both as one number.

    Raises:
        TypeError: An argument is of a wrong kind.
        ValueError: `size` is no size, or the dissimilarity is one at a size already.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> metric = kax.metrics.at_size("nissim", (16, 16))
    >>> metric, kax.metrics.get("nissim_at_16x16") == metric
    (<Dissimilarity 'nissim_at_16x16'>, True)
    >>> one, other = np.random.default_rng(0).random((2, 1, 16, 16, 1))
    >>> bool(metric(one, other) == kax.metrics.nissim(one / one.max(), other / other.max()))
    True
    """
    inner = get(metric)
    if hasattr(inner.function, "size_of_heatmaps"):
        raise ValueError(f"Argument `metric` is at a size already. Received: metric={inner.name!r}")
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2:
        raise ValueError(f"Argument `size` must be (height, width), or both as one number. Received: size={size!r}")
    height, width = (check_whole_number("size", side, 1) for side in sides)
    name = f"{inner.name}_at_{height}x{width}"
    function = _AtSize(inner, (height, width))
    # Equal ones are one, so that what was compiled for it serves again.
    known = [item for item in declared() if item.name == name and item.function == function]
    return known[0] if known else register(function, name=name, upper=inner.upper)


def size_of(metric: str | DissimilarityFunction | Dissimilarity) -> tuple[int, int] | None:
    """The size that a dissimilarity brings heatmaps to, `(height, width)`; `None` if it takes them as they are.

    Args:
        metric: The dissimilarity or its name. Of a name that is not known here, nothing is known.

    Example:

    >>> from keras_advxai.metrics.at_size import size_of
    >>> size_of("nissim_at_16x24"), size_of("nissim")
    ((16, 24), None)
    """
    try:
        found: tuple[int, int] | None = getattr(get(metric).function, "size_of_heatmaps", None)
    except ValueError:
        return None
    return found


@family(r"(\w+)_at_([1-9]\d{0,4})x([1-9]\d{0,4})")
def _by_name(name: str, height: str, width: str) -> Dissimilarity:
    """The one that a report of another process names."""
    return at_size(name, (int(height), int(width)))


class _AtSize:
    """What brings two batches of heatmaps to one size and calls a dissimilarity."""

    def __init__(self, metric: Dissimilarity, size: tuple[int, int]) -> None:
        self.metric = metric
        self.size_of_heatmaps = size
        self.__module__: str = __name__

    def __call__(self, heatmaps: Tensor, others: Tensor) -> Any:
        if len(heatmaps.shape) != 4:
            raise ValueError(
                "Only heatmaps of images, (batch, height, width, 1), are brought to a size. Received: heatmaps of "
                f"shape {tuple(heatmaps.shape)}"
            )
        return self.metric(*(_resized(maps, self.size_of_heatmaps) for maps in (heatmaps, others)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _AtSize) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.metric, self.size_of_heatmaps


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[1:3]) != size:
        # With `antialias`: the single hot pixels of Integrated Gradients would be hit or missed.
        maps = tf.cast(tf.image.resize(maps, size, antialias=True), maps.dtype)
    return normalize(maps)
