"""A fixed random sample of data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import keras
import numpy as np

Read: TypeAlias = tuple[Any, np.ndarray | None, np.ndarray | None]
"""Inputs with their labels and the names of their images, `(batch,)` each, where there are any."""


def chosen(total: int, count: int, seed: int) -> np.ndarray:
    """The indices of a random sample, in ascending order.

    Args:
        total: How many there are.
        count: How many to draw at most.
        seed: Seed of the drawing.

    Example:

    >>> from keras_advxai.data.sampling import chosen
    >>> chosen(3, 5, seed=0).tolist(), len(chosen(100, 5, seed=0))
    ([0, 1, 2], 5)
    """
    drawn = np.random.default_rng(seed).permutation(total)  # the global generator is the training's
    return np.sort(drawn[:count]) if total > count else np.arange(total)


def reservoir(batches: Iterable[Read], count: int, seed: int) -> Read:
    """A random sample of a stream, as arrays in its order: inputs, labels and names.

    How long a stream is shows at its end, and it may not fit into memory.

    Args:
        batches: The stream.
        count: How many images to draw at most.
        seed: Seed of the drawing.
    """
    generator = np.random.default_rng(seed)
    kept: list[tuple[int, Any, Any, Any]] = []
    seen = 0
    for x, y, names in batches:
        for position in range(len(keras.tree.flatten(x)[0])):
            slot = seen if seen < count else int(generator.integers(0, seen + 1))
            own = [None if item is None else item[position] for item in (y, names)]
            item = (seen, take(x, [position]), *own)
            if slot < len(kept):
                kept[slot] = item
            elif slot < count:
                kept.append(item)
            seen += 1
    kept.sort(key=lambda item: item[0])
    x = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *(item[1] for item in kept))
    labels = None if kept[0][2] is None else np.stack([item[2] for item in kept])
    return x, labels, None if kept[0][3] is None else np.array([item[3] for item in kept])


def take(x: Any, which: Any) -> Any:
    """Some of the images of a model's inputs."""
    return keras.tree.map_structure(lambda part: part[which], x)


def take_labelled(x: Any, y: np.ndarray | None, which: Any) -> tuple[Any, np.ndarray | None]:
    """Some of the images of a model's inputs, with their labels if there are any."""
    return take(x, which), None if y is None else y[which]
