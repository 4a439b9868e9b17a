"""What was found, and how: the part of a report that its figures are computed from."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

import numpy as np

from keras_advxai._registry import Configuration, known_name
from keras_advxai._typing import TargetMode
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import epsilon_text


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """What was found of each image, and under which attacks, explainers and strengths.

    Attributes:
        samples: What was found of each image.
        provenance: How it was found: configurations, bounds, target, versions, seed, data fingerprint.
    """

    samples: Samples
    provenance: dict[str, Any]

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks, the noise control last."""
        return tuple(self.samples.attacked)

    @property
    def explainers(self) -> tuple[str, ...]:
        """Names of the explainers."""
        return tuple(self.samples.reference_blank)

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The attack strengths, as they were given."""
        return self.samples.epsilons

    @property
    def target(self) -> TargetMode:
        """Whose class the heatmaps explain."""
        return self.provenance["target"]

    def _predictions(self, attack: str | Configuration, epsilon: float) -> np.ndarray:
        return self.samples.attacked[self._attack(attack)][self._level(epsilon)]

    def _flipped(self, attack: str | Configuration, epsilon: float) -> np.ndarray:
        return self._predictions(attack, epsilon) != self.samples.predictions

    def _attack(self, attack: str | Configuration) -> str:
        return known_name(attack, self.attacks, "attack")

    def _explainer(self, explainer: str | Configuration) -> str:
        return known_name(explainer, self.explainers, "explainer")

    def _level(self, epsilon: float) -> int:
        wanted = epsilon if isinstance(epsilon, numbers.Real) else math.nan
        close = np.isclose(self.epsilons, wanted, rtol=1e-6, atol=1e-12)
        if not close.any():
            known = ", ".join(epsilon_text(value) for value in self.epsilons)
            raise ValueError(f"Argument `epsilon` must be one of the strengths, {known}. Received: epsilon={epsilon!r}")
        return int(np.argmax(close))
