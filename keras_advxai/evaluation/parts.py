"""The parts of one run: read from its journal as far as that goes, and measured from there on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_advxai.data import Fingerprint
from keras_advxai.evaluation.step import Step
from keras_advxai.journal import Journal, JournalError
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import Part

_CLOSE = 1e-3
_MOST_APART = 0.1
"""Which share of the values may differ by more, where another machine goes on: by rounding a few images flip."""


class Parts:
    """Makes the part of one batch after another.

    Args:
        step: Measures a batch.
        journal: Where parts are read and written. Defaults to `None`, nowhere.

    Attributes:
        fingerprint: The hash of the batches whose parts were made.
        recorded_images: How many images the journal had in the beginning.
    """

    def __init__(self, step: Step, journal: Journal | None = None) -> None:
        self.fingerprint = Fingerprint()
        self._step = step
        self._journal = journal
        self._number = 0
        self.recorded_images = 0 if journal is None else journal.images
        self._before: Part | None = None
        self._given: tuple[Any, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """Whether the next part is in the journal."""
        return self._journal is not None and self._number < len(self._journal)

    def next(self, x: Any, y: np.ndarray | None, targets: np.ndarray | None = None) -> Part:
        """The part of the next batch.

        Args:
            x: The model's inputs.
            y: The labels, or `None`.
            targets: See `Step`. Defaults to `None`.

        Raises:
            JournalError: The batch is not that of the journal.
            ValueError: See `Step`.
        """
        first = 0 if self._before is None else self._before.end
        recorded = self.is_recorded
        part = self._recorded(x, y) if recorded else self._measured(x, y, first, targets)
        # The next one is measured beside its last heatmaps, which a journal does not have.
        self._before, self._given = part, (x, y, first, targets) if recorded else ()
        self._number += 1
        return part

    def check_end(self) -> None:
        """Raise if the journal goes on where the data end."""
        if self._journal is not None and self._number < len(self._journal):
            raise JournalError(
                f"The data end after batch {self._number - 1}, and the journal {str(self._journal.path)!r} has "
                f"{len(self._journal)} batches. Pass the data that it was begun with, or name another file."
            )

    def _recorded(self, x: Any, y: np.ndarray | None) -> Part:
        journal = self._journal
        if journal is None:
            raise RuntimeError("There is no journal.")
        self._update(x, y)
        part = journal.part(self._number)
        if self.fingerprint.complete() != journal.data(self._number):
            raise JournalError(
                f"Batch {self._number} of the data is not the one that the journal {str(journal.path)!r} has. An "
                "evaluation goes on with data that are the same in the same order each time: leave `shuffle` out, or "
                "shuffle with a seed and reshuffle_each_iteration=False. Or name another file, to begin again."
            )
        return part

    def _measured(self, x: Any, y: np.ndarray | None, first: int, targets: np.ndarray | None) -> Part:
        last = None if self._before is None else self._again(self._before).last
        part = self._step(x, y, first, targets, last)
        self._update(x, y)
        if self._journal is not None:
            self._journal.append(part, self.fingerprint.complete())
        return part

    def _again(self, before: Part) -> Part:
        """The part before, with its last heatmaps: one from a journal is measured again, which shows if it is so."""
        if not self._given:
            return before
        found = self._step(*self._given)
        # Weights and settings are known to be the same. The code of an attack or of `preprocess` may be another.
        name = _unlike(before.measurements, found.measurements)
        if name and self._journal is not None and not self._step.is_random(before.shape):
            raise JournalError(
                f"What is measured now is not what the journal {str(self._journal.path)!r} has: {name} of batch "
                f"{self._number - 1} comes out otherwise. The code of the model, of an attack or of `preprocess` is "
                "another, or random without a seed. Name another file, to begin again."
            )
        return found

    def _update(self, x: Any, y: np.ndarray | None) -> None:
        images = self._step.classifier.images_of(x)
        others = [item for item in keras.tree.flatten(x) if item is not images]
        self.fingerprint.update(images, y, others)


def _unlike(one: Measurements, other: Measurements) -> str | None:
    """The quantity of the same images that is another one by more than rounding; `None` if there is none."""
    for name in ("prediction", "confidence", "predicted_values"):
        if name in one and name in other:
            close = np.isclose(one.arrays[name], other.arrays[name], _CLOSE, _CLOSE, equal_nan=True)
            if close.size and np.mean(~close) > _MOST_APART:
                return name
    return None
