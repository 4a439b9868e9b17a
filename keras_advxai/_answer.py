"""What a model says of one image that is made, as a journal and a part of an evaluation keep it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model says of one image that is made; see `models.answer`.

    Attributes:
        logits: Its logits, or some of them.
        rounding: By which share of the largest of them the same function may differ on another machine.
        shape: The shape of the image.

    Example:

    >>> from keras_advxai._answer import Answer
    >>> Answer((1.0, -2.0), 0.001, (4, 4, 1)).is_that_of(Answer((1.0, -1.999), 0.001, (4, 4, 1)))
    True
    """

    logits: tuple[float, ...]
    rounding: float
    shape: tuple[int, ...]

    def is_that_of(self, other: Self | None) -> bool:
        """Whether another answer may be one of the same function; yes where it is not known, or to another image."""
        if other is None or self.shape != other.shape:
            return True
        if len(self.logits) != len(other.logits):
            return False
        most = max(self.rounding, other.rounding) * max(map(abs, self.logits), default=0.0)
        return bool(np.all(np.abs(np.subtract(self.logits, other.logits)) <= most))

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {"logits": list(self.logits), "rounding": self.rounding, "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, config: Any) -> Self | None:
        """The answer that `to_dict` described; `None` for anything else, such as nothing."""
        if not isinstance(config, dict) or set(config) != {"logits", "rounding", "shape"}:
            return None
        logits, rounding, shape = config["logits"], config["rounding"], config["shape"]
        if not isinstance(logits, list) or not isinstance(shape, list):
            return None
        numbers = all(type(item) is float and math.isfinite(item) for item in (*logits, rounding))
        return cls(tuple(logits), rounding, tuple(shape)) if numbers and all(type(s) is int for s in shape) else None
