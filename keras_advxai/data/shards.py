"""One of several parts of the data, of which each is evaluated by itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

SAY_HOW_MANY = (
    "Say how many are to be read, as steps=100; or how many there are, by "
    "dataset.apply(tf.data.experimental.assert_cardinality(n))."
)
"""What to do about a dataset that does not know how many batches it has."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of several parts of the data: consecutive batches, as many as of the others, or one less.

    Args:
        index: Its number, from 0.
        count: How many there are.

    Raises:
        ValueError: There is no such shard.

    Example:

    >>> from keras_advxai.data.shards import Shard
    >>> [Shard(index, 3).batches(8) for index in range(3)]
    [(0, 2), (2, 5), (5, 8)]
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        whole = all(type(item) is int for item in (self.index, self.count))
        if not whole or not 0 <= self.index < self.count:
            raise ValueError(
                "Argument `shard` must be (number, how many), the number from 0: shard=(0, 16) to shard=(15, 16). "
                f"Received: shard=({self.index!r}, {self.count!r})"
            )

    @classmethod
    def of(cls, given: Any) -> Shard:
        """The shard that a pair of whole numbers stands for.

        Raises:
            ValueError: It is something else.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ValueError(f"Argument `shard` must be two whole numbers, as (3, 16). Received: shard={given!r}")
        return cls(*(int(item) if isinstance(item, np.integer) else item for item in given))

    def batches(self, total: int) -> tuple[int, int]:
        """The number of its first batch, and of the one after its last.

        Args:
            total: How many batches the data have.

        Raises:
            ValueError: There are fewer than shards.
        """
        if total < self.count:  # with nothing in it, a shard has no report
            raise ValueError(
                f"Data of {total} batches make at most {total} shards. Take fewer, or a smaller `batch_size`. "
                f"Received: shard=({self.index}, {self.count})"
            )
        return self._begin(self.index, total), self._begin(self.index + 1, total)

    def first_has(self, total: int) -> int:
        """How many batches the first shard has."""
        return self._begin(1, total)

    def _begin(self, index: int, total: int) -> int:
        return index * total // self.count


@dataclasses.dataclass(frozen=True)
class Slice:
    """Data that were cut out of larger ones: one shard of arrays, as another process is given it.

    Args:
        before: How many batches, none or one, come before the shard's own, to begin from.
        first: The number of the first own image in the whole data.
    """

    before: int
    first: int
