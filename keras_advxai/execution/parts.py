"""The parts of one run: read from its journal as far as that goes, and measured from there on."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keras_advxai.data import Fingerprint
from keras_advxai.data.fingerprint import BatchHashes, others
from keras_advxai.execution.step import Batch, Step
from keras_advxai.journal import Journal, JournalError
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import Part

_CLOSE = 1e-3
_MOST_APART = 0.1
"""Which share of the values may differ by more, where another machine goes on: by rounding a few images flip."""


class Parts:
    """Makes the parts of batches.

    Args:
        step: Measures batches.
        journal: Where parts are read and written. Defaults to `None`, nowhere.
        fingerprint: What batches are added to when they are read, here or on other machines. Defaults to a new one.
        whole: Says the hash of all data, of which these batches may be one shard, or read elsewhere. Defaults to
            `None`: it is that of the batches.

    Attributes:
        fingerprint: What batches are added to.
        recorded_images: How many images the journal had in the beginning.
    """

    def __init__(
        self,
        step: Step,
        journal: Journal | None = None,
        fingerprint: Fingerprint | None = None,
        whole: Callable[[], str] | None = None,
    ) -> None:
        self.fingerprint = fingerprint or Fingerprint()
        self._whole = whole
        self._made_of: str | None = None
        self._step = step
        self._journal = journal
        self._number = 0
        self.recorded_images = 0 if journal is None else journal.images

    def data_sha256(self) -> str:
        """The hash of the batches whose parts were made, or of all data where something is known to say that."""
        if self._whole is not None:
            return self._whole()
        return self.fingerprint.hexdigest() if self._made_of is None else self._made_of

    @property
    def is_recorded(self) -> bool:
        """Whether the next part is in the journal."""
        return self._journal is not None and self._number < len(self._journal)

    @property
    def batch_hashes(self) -> list[str]:
        """The hash of each batch whose part was made, if the fingerprint is one of batches; else none."""
        return self.fingerprint.batches[: self._number] if isinstance(self.fingerprint, BatchHashes) else []

    def of(self, batches: Iterable[Batch], before: Batch | None = None) -> Iterator[Part]:
        """The parts of the next batches, in their order.

        Args:
            batches: The batches, which are read as they are needed.
            before: The batch before the first one, of which nobody wants a part. Defaults to `None`, there is none.

        Raises:
            JournalError: A batch is not that of the journal, or the journal goes on where the data end.
            ValueError: See `Step`.
        """
        left = iter(batches)
        recorded = None
        while self.is_recorded:
            batch = next(left, None)
            if batch is None:
                self._check_end()
                return
            part = self._recorded(batch)
            recorded = (batch, part)
            yield self._made(part, self.fingerprint.hexdigest())
        following = next(left, None)
        if following is not None:  # what comes before is measured again only where something comes behind
            yield from self._measured(itertools.chain([following], left), self._last_maps(recorded, before))

    def _check_end(self) -> None:
        if self._journal is not None:
            raise JournalError(
                f"The data end after batch {self._number - 1}, and the journal {str(self._journal.path)!r} has "
                f"{len(self._journal)} batches. Pass the data that it was begun with, or name another file."
            )

    def _recorded(self, batch: Batch) -> Part:
        journal = self._journal
        if journal is None:
            raise RuntimeError("There is no journal.")
        self._update(batch)
        part = journal.part(self._number)
        if self.fingerprint.complete() != journal.data(self._number):
            raise JournalError(
                f"Batch {self._number} of the data is not the one that the journal {str(journal.path)!r} has. An "
                "evaluation goes on with data that are the same in the same order each time: leave `shuffle` out, or "
                "shuffle with a seed and reshuffle_each_iteration=False. Or name another file, to begin again."
            )
        known = part.measurements.arrays.get("name")
        if (None if known is None else known.tolist()) != (None if batch.names is None else batch.names.tolist()):
            raise JournalError(
                f"The images of batch {self._number} have other names in the journal {str(journal.path)!r}, or none. "
                "Pass the names that it was begun with, or name another file, to begin again."
            )
        return part

    def _measured(self, batches: Iterable[Batch], last: dict[str, np.ndarray] | None) -> Iterator[Part]:
        # Several devices take several batches at once, so that those are read before the first of them is measured.
        hashes: deque[tuple[str, str]] = deque()

        def read() -> Iterator[Batch]:
            for batch in batches:
                self._update(batch)
                hashes.append((self.fingerprint.complete(), self.fingerprint.hexdigest()))
                yield batch

        for part in self._step.parts(read(), last):
            complete, usual = hashes.popleft()
            if self._journal is not None:
                self._journal.append(part, complete)
            yield self._made(part, usual)

    def _made(self, part: Part, data_sha256: str) -> Part:
        self._made_of = data_sha256
        self._number += 1
        return part

    def _last_maps(self, recorded: tuple[Batch, Part] | None, before: Batch | None) -> dict[str, np.ndarray] | None:
        """The last heatmaps before what is measured, which a journal does not have."""
        if recorded is None:
            return None if before is None else self._step.last_maps(before)
        batch, part = recorded
        found = self._step(batch)
        # Weights and settings are known to be the same. The code of an attack or of `preprocess` may be another.
        name = _unlike(part.measurements, found.measurements)
        if name and self._journal is not None and not self._step.is_random(part.shape):
            raise JournalError(
                f"What is measured now is not what the journal {str(self._journal.path)!r} has: {name} of batch "
                f"{self._number - 1} comes out otherwise. The code of the model, of an attack or of `preprocess` is "
                "another, or random without a seed. Name another file, to begin again."
            )
        return found.last

    def _update(self, batch: Batch) -> None:
        images = self._step.classifier.images_of(batch.x)
        self.fingerprint.update(images, batch.y, others(batch.x, images))


def _unlike(one: Measurements, other: Measurements) -> str | None:
    """The quantity of the same images that is another one by more than rounding; `None` if there is none."""
    for name in ("prediction", "confidence", "predicted_values"):
        if name in one and name in other:
            close = np.isclose(one.arrays[name], other.arrays[name], _CLOSE, _CLOSE, equal_nan=True)
            if close.size and np.mean(~close) > _MOST_APART:
                return name
    return None
