"""What an evaluation found, as numbers that can be read, saved and compared."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
from typing import Any

from keras_advxai._registry import Configuration
from keras_advxai.evaluation.accuracy import AccuracyFigures
from keras_advxai.evaluation.drift import DriftFigures
from keras_advxai.evaluation.examples import Example
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.row import Row, finite, pandas, report_row
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.scores import ScoreComparison, compare
from keras_advxai.evaluation.table import render


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationReport(AccuracyFigures, DriftFigures):
    """The outcome of an evaluation: accuracy under attack, and the drift of the explanations.

    All figures are computed from `samples`, so they agree with one another. `str(report)` is a table.

    Attributes:
        samples: What was found of each image.
        provenance: How it was found: configurations, bounds, target, versions, seed, data fingerprint.
        warnings: Sentences on what would be misread otherwise: strings with an `id`, a `severity` and a `link`.
        examples: A few images with their heatmaps, for pictures. They are not saved with the report.

    References:
        Chakraborty et al., "Generalizing adversarial explanations with Grad-CAM", CVPR workshops 2022.
    """

    warnings: tuple[Finding, ...] = ()
    examples: tuple[Example, ...] = dataclasses.field(default=(), repr=False)

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

    def compare_scores(
        self, attack: str | Configuration | None = None, epsilon: float | None = None
    ) -> ScoreComparison:
        """What the softmax does: heatmaps of the logit against heatmaps of the probability, by confidence.

        Args:
            attack: The attack or its name. Defaults to the first.
            epsilon: One of the strengths. Defaults to the largest.

        Raises:
            ValueError: The report has no explainers in pairs that differ in their score only, or no such attack or
                strength.
        """
        attack = self.attacks[0] if attack is None else self._attack(attack)
        return compare(self, attack, self._level(max(self.epsilons) if epsilon is None else epsilon))

    @functools.cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every figure, one row for each attack, explainer and strength."""
        return tuple(
            report_row(self, attack, explainer, epsilon)
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
            "warnings": [finding.to_dict() for finding in self.warnings],
            "clean_accuracy": self.clean_accuracy,
            "rows": [row.to_dict() for row in self.rows],
            "vid": [
                finite(
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
            "robust_accuracy": [
                {"norm": norm, "epsilon": epsilon, "robust_accuracy": self.robust_accuracy(epsilon, norm=norm)}
                for norm in dict.fromkeys(self.norms.values())
                for epsilon in self.epsilons
            ],
            "median_perturbation": finite({attack: self.median_perturbation(attack) for attack in self.attacks}),
            "completeness": {name: finite(self.completeness(name)._asdict()) for name in self.samples.completeness},
            "samples": self.samples.to_dict(),
        }

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> EvaluationReport:
        """The report that `to_dict` described, without examples."""
        return cls(
            Samples.from_dict(config["samples"]),
            config["provenance"],
            tuple(map(Finding.from_dict, config["warnings"])),
        )

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
