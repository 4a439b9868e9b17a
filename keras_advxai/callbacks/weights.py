"""Whether a model's weights are those of a moment ago."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Self

import keras
import numpy as np

_ROUNDING = 1e-5


@dataclasses.dataclass(frozen=True, eq=False)  # there are two kinds of equality
class Weights:
    """What is kept of a model's weights, to know them again.

    Attributes:
        checksum: Of all their bytes.
        sums: The sum, the norm and the root of the size of each, `(weights, 3)` float64.
    """

    checksum: int
    sums: np.ndarray

    @classmethod
    def of(cls, model: keras.Model) -> Self:
        """Those that a model has now. It takes about a second for a billion of them."""
        checksum, sums = 0, []
        for weight in model.weights:
            flat = np.ascontiguousarray(weight.numpy()).reshape(-1)
            checksum = zlib.crc32(flat.view(np.uint8).data, checksum)
            values = flat.astype(np.float32, copy=False)
            sums.append((np.sum(values, dtype=np.float64), np.sqrt(float(np.vdot(values, values))), len(flat) ** 0.5))
        return cls(checksum, np.asarray(sums, np.float64).reshape(-1, 3))

    def same(self, other: Weights) -> bool:
        """Whether they are the same, bit by bit."""
        return self.checksum == other.checksum

    def close(self, other: Weights) -> bool:
        """Whether they are the same but for rounding, as after they were exchanged and exchanged back."""
        # `SwapEMAWeights` exchanges by adding and subtracting, which rounds.
        if self.same(other) or self.sums.shape != other.sums.shape:
            return self.same(other)
        (total, norm, root), (others, other_norm, _) = self.sums.T, other.sums.T
        scale = np.maximum(norm, other_norm)
        apart = np.maximum(np.abs(norm - other_norm), np.abs(total - others) / root)
        return not bool(np.any(apart > _ROUNDING * scale))  # of NaN nothing is known
