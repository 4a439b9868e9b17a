"""What an evaluation found, as numbers that can be read, saved and compared."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import numbers
import os
import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_advxai._registry import Configuration, known_name
from keras_advxai._typing import TargetMode
from keras_advxai.evaluation import statistics
from keras_advxai.evaluation.depth import DepthProfile, depth_profile
from keras_advxai.evaluation.examples import Example
from keras_advxai.evaluation.row import Row, pandas, without_nan
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import epsilon_text, render
from keras_advxai.metrics import mod, vid

Split = Literal["flipped", "kept"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationReport:
    """The outcome of an evaluation: accuracy under attack, and the drift of the explanations.

    All figures are computed from `samples`, so they agree with one another. `str(report)` is a table.

    Attributes:
        samples: What was found of each image.
        provenance: How it was found: configurations, bounds, target, versions, seed, data fingerprint.
        warnings: Sentences on what would be misread otherwise.
        examples: A few images with their heatmaps, for pictures. They are not saved with the report.

    References:
        Chakraborty et al., "Generalizing adversarial explanations with Grad-CAM", CVPR workshops 2022.
    """

    samples: Samples
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()
    examples: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
    _mods: dict[tuple[str, str], np.ndarray] = dataclasses.field(default_factory=dict, init=False, repr=False)

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

    @property
    def clean_accuracy(self) -> float:
        """Accuracy on the original images; 1 by definition where there are no labels."""
        return float(np.mean(self.samples.predictions == self.samples.labels))

    def accuracy(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the adversarial images that are classified as labelled.

        Args:
            attack: The attack or its name.
            epsilon: One of the strengths.

        Raises:
            ValueError: The report has no such attack or strength.
        """
        return float(np.mean(self._predictions(attack, epsilon) == self.samples.labels))

    def flip_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the images whose prediction the attack changed."""
        return float(np.mean(self._flipped(attack, epsilon)))

    def attack_success_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of misclassified images among those that were right before; NaN if none was."""
        right = self.samples.predictions == self.samples.labels
        wrong = self._predictions(attack, epsilon) != self.samples.labels
        return float(np.mean(wrong[right])) if right.any() else math.nan

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

    def select(
        self,
        *,
        attack: str | Configuration | None = None,
        explainer: str | Configuration | None = None,
        epsilon: float | None = None,
    ) -> tuple[Example, ...]:
        """The examples of one attack, explainer or strength, for pictures.

        Args:
            attack: The attack or its name; `None` for all.
            explainer: The explainer or its name; `None` for all.
            epsilon: One of the strengths; `None` for all.
        """
        wanted = {
            "attack": None if attack is None else self._attack(attack),
            "explainer": None if explainer is None else self._explainer(explainer),
            "epsilon": None if epsilon is None else self.epsilons[self._level(epsilon)],
        }
        return tuple(
            example
            for example in self.examples
            if all(value is None or getattr(example, key) == value for key, value in wanted.items())
        )

    @functools.cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every figure, one row for each attack, explainer and strength."""
        return tuple(
            self._row(attack, explainer, epsilon)
            for attack in self.attacks
            for explainer in self.explainers or ("",)
            for epsilon in self.epsilons
        )

    def __repr__(self) -> str:
        what = f"attacks={self.attacks}, explainers={self.explainers}, epsilons={self.epsilons}"
        return f"EvaluationReport({len(self.samples)} images, {what})"

    def __str__(self) -> str:
        return render(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EvaluationReport) and self.to_json() == other.to_json()

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python values, NaN as `None`, the examples left out."""
        return {
            "provenance": self.provenance,
            "warnings": list(self.warnings),
            "clean_accuracy": self.clean_accuracy,
            "rows": [row.to_dict() for row in self.rows],
            "vid": [
                without_nan(
                    {
                        "attack": attack,
                        "explainer": explainer,
                        "vid": self.vid(attack, explainer),
                        **dict(zip(("vid_low", "vid_high"), self.vid_interval(attack, explainer), strict=True)),
                    }
                )
                for attack in self.attacks
                for explainer in self.explainers
            ],
            "samples": self.samples.to_dict(),
        }

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> EvaluationReport:
        """The report that `to_dict` described, without examples."""
        return cls(Samples.from_dict(config["samples"]), config["provenance"], tuple(config["warnings"]))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON text, also written to `path` if one is given."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            pathlib.Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> EvaluationReport:
        """The report in a JSON text, or in the file of that path."""
        text = source if isinstance(source, str) and source.lstrip().startswith("{") else None
        return cls.from_dict(json.loads(pathlib.Path(source).read_text(encoding="utf-8") if text is None else text))

    def to_dataframe(self) -> Any:
        """The rows as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        return pandas().DataFrame([dataclasses.asdict(row) for row in self.rows])

    def _row(self, attack: str, explainer: str, epsilon: float) -> Row:
        common = Row(
            attack=attack,
            explainer=explainer,
            epsilon=epsilon,
            images=len(self.samples),
            accuracy=self.accuracy(attack, epsilon),
            flip_rate=self.flip_rate(attack, epsilon),
            attack_success_rate=self.attack_success_rate(attack, epsilon),
        )
        if not explainer:
            return common
        low, high = self.mod_interval(attack, explainer, epsilon)
        has_clean = "clean" in self.samples.nissim[attack][explainer]
        return dataclasses.replace(
            common,
            mod=self.mod(attack, explainer, epsilon),
            mod_low=low,
            mod_high=high,
            nissim_std=self.nissim_std(attack, explainer, epsilon),
            mod_flipped=self.mod(attack, explainer, epsilon, split="flipped"),
            mod_kept=self.mod(attack, explainer, epsilon, split="kept"),
            mod_clean=self.mod(attack, explainer, epsilon, target="clean") if has_clean else math.nan,
            blank_rate=self.blank_rate(attack, explainer, epsilon),
            left_out=int(np.isnan(self.nissim(attack, explainer, epsilon)).sum()),
        )

    def _resampled(self, attack: str, explainer: str) -> np.ndarray:
        if (attack, explainer) not in self._mods:
            nissim = self.samples.nissim[attack][explainer][self.target]
            self._mods[attack, explainer] = statistics.bootstrap_mods(nissim, self.provenance["seed"])
        return self._mods[attack, explainer]

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
