"""Data by a hash, to know them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_advxai.data.batches import Batches


class Fingerprint:
    """A SHA-256 hash over images, labels and what else a model takes, the same for every batch size."""

    def __init__(self) -> None:
        self._images = hashlib.sha256()  # apart from the labels: in one, the hash would hang on where batches end
        self._labels = hashlib.sha256()
        self._others = hashlib.sha256()
        self._has_others = False

    def update(self, images: Any, labels: np.ndarray | None, others: Sequence[Any] = ()) -> None:
        """Add a batch.

        Args:
            images: Its images.
            labels: Its labels, or `None`.
            others: What the model takes beside the images. Defaults to nothing.
        """
        self._images.update(np.asarray(images).tobytes())
        if labels is not None:
            self._labels.update(labels.tobytes())
        for item in others:
            self._has_others = True
            self._others.update(np.asarray(item).tobytes())

    def hexdigest(self) -> str:
        """The hash of all that was added until now."""
        if self._has_others:
            return self.complete()
        return hashlib.sha256(self._images.digest() + self._labels.digest()).hexdigest()

    def complete(self) -> str:
        """The same, of three hashes also where a model takes images alone: journals have it."""
        parts = (self._images, self._labels, self._others)
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()


class BatchHashes(Fingerprint):
    """A hash over the hashes of batches, which can be put together from those of parts.

    It depends on the batch size, and is another one than `Fingerprint` has of the same data, which nobody can have who
    does not see all of them.

    Attributes:
        batches: The hash of each batch that was added.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[str] = []

    def update(self, images: Any, labels: np.ndarray | None, others: Sequence[Any] = ()) -> None:
        """Add a batch; see `Fingerprint`."""
        super().update(images, labels, others)
        one = Fingerprint()
        one.update(images, labels, others)
        self.batches.append(one.hexdigest())

    def hexdigest(self) -> str:
        """The hash of all that was added."""
        return of_batches(self.batches)


def of_batches(hashes: list[str]) -> str:
    """The hash of data, of the hashes of all their batches.

    Example:

    >>> from keras_advxai.data.fingerprint import of_batches
    >>> of_batches(["ab", "cd"])[:16]
    'batches:b09c5477'
    """
    # Said in front: it must not be taken for that of a report that one process made.
    return "batches:" + hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def others(x: Any, images: Any) -> list[Any]:
    """What a model takes beside the images, in the order of its structure.

    Args:
        x: What it takes.
        images: The images in that.
    """
    return [item for item in keras.tree.flatten(x) if item is not images]


def fingerprint(batches: Batches) -> str:
    """The hash of data, which are read for it; that of an evaluation's report is `provenance["data_sha256"]`.

    Args:
        batches: The data.

    Example:

    >>> import keras, numpy as np
    >>> from keras_advxai import ImageClassifier
    >>> from keras_advxai.data import Batches, fingerprint
    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> data = np.zeros((5, 4, 4, 1)), [0, 1, 0, 1, 0]
    >>> by_two, by_three = (Batches(data, ImageClassifier(model), batch_size=size) for size in (2, 3))
    >>> fingerprint(by_two) == fingerprint(by_three)
    True
    """
    return _fingerprint(batches, batches)


def fingerprint_of_all(batches: Batches) -> str:
    """The hash of arrays as a whole, of which one shard alone is evaluated.

    Args:
        batches: The shard.
    """
    return _fingerprint(batches, batches.all_arrays())


def _fingerprint(batches: Batches, read: Iterable[tuple[Any, np.ndarray | None]]) -> str:
    found = Fingerprint()
    for x, y in read:
        images = batches.classifier.images_of(x)
        found.update(images, y, others(x, images))
    return found.hexdigest()
