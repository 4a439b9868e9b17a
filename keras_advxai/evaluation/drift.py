"""How far the explanations drift under attack."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from keras_advxai._registry import Configuration
from keras_advxai._typing import TargetMode
from keras_advxai.evaluation import statistics
from keras_advxai.evaluation.completeness import Completeness, relative_gaps
from keras_advxai.evaluation.depth import DepthProfile, depth_profile
from keras_advxai.evaluation.outcome import Outcome
from keras_advxai.metrics import mod, vid

Split = Literal["flipped", "kept"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DriftFigures(Outcome):
    """MOD, VID and what belongs to them, of an `EvaluationReport`."""

    _mods: dict[tuple[str, str], np.ndarray] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def mod(
        self,
        attack: str | Configuration,
        explainer: str | Configuration,
        epsilon: float,
        *,
        split: Split | None = None,
        target: TargetMode | None = None,
    ) -> float:
        """Mean observed dissimilarity: the mean of NISSIM over the images, at one strength.

        Args:
            attack: The attack or its name.
            explainer: The explainer or its name.
            epsilon: One of the strengths.
            split: `"flipped"` for the images whose prediction changed, `"kept"` for the others, `None` for all.
            target: `"clean"` for heatmaps that explain the clean prediction on both images; `None` for the
                report's own target.

        Returns:
            MOD in [0, 1]; NaN where there is no such image.

        Raises:
            ValueError: The report has no such figure.
        """
        values = self.nissim(attack, explainer, epsilon, target=target)
        if split is not None:
            if split not in ("flipped", "kept"):
                raise ValueError(f"Argument `split` must be 'flipped', 'kept' or None. Received: split={split!r}")
            flipped = self._flipped(attack, epsilon)
            values = values[flipped if split == "flipped" else ~flipped]
        return float(mod(values))

    def mod_interval(
        self, attack: str | Configuration, explainer: str | Configuration, epsilon: float
    ) -> tuple[float, float]:
        """The 95 % bootstrap interval of MOD."""
        mods = self._resampled(self._attack(attack), self._explainer(explainer))
        low, high = statistics.mod_intervals(mods)[self._level(epsilon)]
        return float(low), float(high)

    def nissim(
        self,
        attack: str | Configuration,
        explainer: str | Configuration,
        epsilon: float,
        *,
        target: TargetMode | None = None,
    ) -> np.ndarray:
        """NISSIM of every image, `(images,)`; NaN where the clean heatmap is blank."""
        name = self._explainer(explainer)
        found = self.samples.nissim[self._attack(attack)][name]
        target = self.target if target is None else target
        if target not in found:
            raise ValueError(
                f"The report has no heatmaps of {name!r} for target={target!r}, only for {', '.join(found)}. "
                f"Evaluate again with target={target!r}."
            )
        return found[target][self._level(epsilon)]

    def nissim_std(self, attack: str | Configuration, explainer: str | Configuration, epsilon: float) -> float:
        """Standard deviation of NISSIM over the images, at one strength, which is not VID."""
        values = self.nissim(attack, explainer, epsilon)
        values = values[~np.isnan(values)]
        return float(np.std(values)) if len(values) else math.nan

    def vid(self, attack: str | Configuration, explainer: str | Configuration) -> float:
        """Variation in dissimilarity: the standard deviation of MOD over the strengths.

        NaN with fewer than two strengths.
        """
        return float(vid(np.array([self.mod(attack, explainer, epsilon) for epsilon in self.epsilons])))

    def vid_interval(self, attack: str | Configuration, explainer: str | Configuration) -> tuple[float, float]:
        """The 95 % bootstrap interval of VID."""
        return statistics.vid_interval(self._resampled(self._attack(attack), self._explainer(explainer)))

    def depth_profile(
        self, attack: str | Configuration, explainers: Sequence[str | Configuration] | None = None
    ) -> DepthProfile:
        """MOD by layer and strength, of an evaluation with `explainers=GradCAM.every_layer(model)`.

        Args:
            attack: The attack or its name.
            explainers: Which explainers to show. Defaults to all that look at one layer.
        """
        names = self.explainers if explainers is None else tuple(map(self._explainer, explainers))
        return depth_profile(self, self._attack(attack), names)

    def blank_rate(
        self, attack: str | Configuration | None, explainer: str | Configuration, epsilon: float | None = None
    ) -> float:
        """Share of the heatmaps that are blank.

        Args:
            attack: The attack or its name; `None` for the clean images, whose blank maps are left out of MOD.
            explainer: The explainer.
            epsilon: One of the strengths; not for the clean images.
        """
        name = self._explainer(explainer)
        if attack is None:
            return float(np.mean(self.samples.reference_blank[name]))
        if epsilon is None:
            raise ValueError(f"Argument `epsilon` must be one of {self.epsilons}. Received: epsilon=None")
        return float(np.mean(self.samples.blank[self._attack(attack)][name][self._level(epsilon)]))

    def completeness_gap(
        self, explainer: str | Configuration, attack: str | Configuration | None = None, epsilon: float | None = None
    ) -> np.ndarray:
        """The completeness gap of every image's attributions, `(images,)`, as a fraction of the change of the score.

        Args:
            explainer: An explainer whose attributions should add up to something, such as Integrated Gradients.
            attack: The attack or its name; `None` for the clean images.
            epsilon: One of the strengths; not for the clean images.

        Raises:
            ValueError: The report has no such figure.
        """
        name = self._explainer(explainer)
        if name not in self.samples.completeness:
            raise ValueError(f"The attributions of {name!r} do not promise to add up to anything, so there is no gap.")
        found = self.samples.completeness[name]
        gap, change = (found[key]["clean" if attack is None else self._attack(attack)] for key in ("gap", "change"))
        if attack is not None:
            if epsilon is None:
                raise ValueError(f"Argument `epsilon` must be one of {self.epsilons}. Received: epsilon=None")
            gap, change = gap[self._level(epsilon)], change[self._level(epsilon)]
        return relative_gaps(gap, change)

    def completeness(self, explainer: str | Configuration) -> Completeness:
        """The median and the largest completeness gap over the clean and all adversarial images.

        Args:
            explainer: An explainer whose attributions should add up to something, such as Integrated Gradients.

        Raises:
            ValueError: The attributions of the explainer do not add up to anything.
        """
        gaps = [self.completeness_gap(explainer)]
        gaps += [
            self.completeness_gap(explainer, attack, epsilon) for attack in self.attacks for epsilon in self.epsilons
        ]
        return Completeness.of(np.concatenate(gaps))

    def _resampled(self, attack: str, explainer: str) -> np.ndarray:
        if (attack, explainer) not in self._mods:
            nissim = self.samples.nissim[attack][explainer][self.target]
            self._mods[attack, explainer] = statistics.bootstrap_mods(nissim, self.provenance["seed"])
        return self._mods[attack, explainer]
