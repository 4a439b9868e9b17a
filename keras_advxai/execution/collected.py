"""What is kept of the parts of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_advxai.journal import Journal
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.on_disk import on_disk
from keras_advxai.measurements.part import Part

MOST_IN_MEMORY = 2**24  # bytes
"""With a journal, measurements that are larger than this are left there, and mapped from a file in the end."""

_AT_ONCE = 64
"""So many small arrays are put together before they are kept, since each takes a hundred bytes by itself."""


class Collected:
    """The parts of an evaluation in their order, without what is not needed any more.

    Args:
        journal: Where parts are written, for what does not fit into memory. Defaults to `None`, nowhere.

    Attributes:
        batches: How many parts there are.
        images: How many images these have.
        first: The number of the first one in the data.
        shape: The shape of an image of the last one.
        shapes: All shapes of images, each with the size of its batch left out.
        examples: The examples of all parts.
        arriving: The moments of each part, see `models.arriving.moments`, and how many images it has.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self.batches = 0
        self.images = 0
        self.first = 0
        self.shape: tuple[int, ...] = ()
        self.shapes: set[tuple[int, ...]] = set()
        self.examples: list[Example] = []
        self.arriving: list[tuple[dict[str, np.ndarray], int]] = []
        self._journal = journal
        self._blocks: list[Measurements] = []
        self._small: list[Measurements] = []
        self._bytes = 0
        self._in_journal = 0  # how many images are in the journal alone

    def add(self, part: Part) -> None:
        """Keep what is needed of the next part."""
        self.first = self.first if self.batches else part.first
        self.batches, self.images, self.shape = self.batches + 1, self.images + len(part.measurements), part.shape
        self.shapes.add(part.shape)
        self.examples += part.examples
        if part.arriving is not None:
            known = part.arriving if not self.arriving else {key: part.arriving[key] for key in ("mean", "variance")}
            self.arriving.append((known, len(part.measurements)))  # what the layer knows is the same each time
        if self._in_journal and self._journal is not None and self.images <= self._journal.images:
            self._in_journal = self.images
            return
        self._small.append(part.measurements)
        self._bytes += part.measurements.nbytes
        if len(self._small) == _AT_ONCE:
            self._blocks.append(Measurements.concat(self._small))
            self._small = []
        if self._bytes > MOST_IN_MEMORY and self._journal is not None and part.end <= self._journal.images:
            self._blocks, self._small, self._bytes, self._in_journal = [], [], 0, self.images

    def measurements(self) -> Measurements:
        """The measurements of all parts.

        Raises:
            JournalError: What was left in the journal was changed by somebody else.
        """
        if not self._in_journal or self._journal is None:
            return Measurements.concat([*self._blocks, *self._small])
        try:
            return on_disk(self._large_blocks(), self.images, self._journal.path.parent)
        except OSError:  # the disk is full, and memory may not be
            return Measurements.concat(list(self._large_blocks()))

    def _large_blocks(self) -> Iterator[Measurements]:
        """All measurements in their order, a few megabytes at a time."""
        block: list[Measurements] = []
        size = 0
        for part in self._journal.parts() if self._journal is not None else ():
            if part.end - self.first > self._in_journal:
                break
            block.append(part.measurements)
            size += part.measurements.nbytes
            if size > MOST_IN_MEMORY // 4:
                yield Measurements.concat(block)
                block, size = [], 0
        if block:
            yield Measurements.concat(block)
        yield from self._blocks
        yield from self._small
