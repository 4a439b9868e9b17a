"""The models of a comparison: their reports, what these have in common, and which images are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from keras_advxai._choice import nearest
from keras_advxai.comparison import alike
from keras_advxai.comparison.layered import shown
from keras_advxai.comparison.matching import Run, check_same_images, places
from keras_advxai.evaluation import EvaluationReport

Reports: TypeAlias = EvaluationReport | Sequence[EvaluationReport]
"""What is compared of one model: its report, or those of its folds or seeds."""


class Models:
    """Base of `Comparison`: whose figures are compared, on which images.

    Args:
        reports: What each model is called to its report, or to the reports of its folds or seeds.
        sources: For each report, in their order, what its images are known by in the data that they were made of.

    Attributes:
        reports: The reports of each model.
        notes: What would be misread otherwise.

    Raises:
        TypeError: `reports` are something else.
        ValueError: They do not compare.
    """

    def __init__(self, reports: Mapping[str, Reports], sources: Sequence[np.ndarray | None] | None) -> None:
        self.reports = _listed(reports)
        flat = [(name, report) for name, listed in self.reports.items() for report in listed]
        known = [None] * len(flat) if sources is None else list(sources)
        self._runs = [Run(name, report, source) for (name, report), source in zip(flat, known, strict=True)]
        self._numbers = {
            name: [index for index, run in enumerate(self._runs) if run.model == name] for name in self.reports
        }
        self._common = alike.common(self._runs)
        self._places = places(self._runs)
        check_same_images(self._numbers, self._runs, self._places)
        self.notes = tuple(alike.notes(self._numbers, self._runs, self._places, self._common))

    @property
    def models(self) -> tuple[str, ...]:
        """What the models are called."""
        return tuple(self.reports)

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks that all models have, the noise controls last."""
        return self._common.attacks

    @property
    def scale(self) -> Literal["epsilon", "severity"]:
        """What `epsilons` are: severities where reports' `corrupted` are compared, whose attacks are corruptions."""
        return self._runs[0].report.measurements.coordinates.scale

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of those attacks that are noise."""
        return tuple(name for name in self.attacks if self._runs[0].report.aims[name] == "noise")

    @property
    def explainers(self) -> tuple[str, ...]:
        """Names of the explainers that all models have."""
        return self._common.explainers

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the dissimilarities that compare; figures are of the first unless another is named."""
        return self._common.metrics

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The budgets that all models have."""
        return self._common.epsilons

    @property
    def outcome(self) -> Literal["accuracy", "mean_change"]:
        """What models are compared by beside explanations: accuracy, or of regressions how far outputs change."""
        return "mean_change" if self._runs[0].report.provenance["task"] == "regression" else "accuracy"

    @property
    def images(self) -> int:
        """How many images there are, those of all folds."""
        firsts = {place.images: run for run, place in zip(self._runs[::-1], self._places[::-1], strict=True)}
        return sum(len(run.report.measurements) for run in firsts.values())

    @property
    def matched_by(self) -> tuple[str, ...]:
        """How images were known again: as `"the same data"`, by their `"content"` or by the `"name"` of a file."""
        return tuple(dict.fromkeys(place.by for place in self._places[1:]))

    def noise_of(self, attack: str) -> str | None:
        """The noise control of the same norm as an attack; `None` if there is none, or it is noise itself.

        Args:
            attack: Name of the attack.
        """
        norms = self._runs[0].report.norms
        same = [name for name in self.controls if norms[name] == norms[attack]]
        return same[0] if same and attack not in self.controls else None

    def runs_of(self, model: str) -> tuple[EvaluationReport, ...]:
        """The reports of a model.

        Args:
            model: What the model is called.

        Raises:
            ValueError: There is no such model.
        """
        if model not in self.reports:
            raise ValueError(
                f"There is no model {model!r}.{nearest(str(model), self.models)} There are: {', '.join(self.models)}"
            )
        return self.reports[model]

    @property
    def shown_explainers(self) -> tuple[str, ...]:
        """The explainers whose figures stand in tables: of those that differ in their layer alone, the first."""
        return shown(self._runs[0].report, self.explainers)

    def values(self, model: str, figure: Callable[[EvaluationReport], float]) -> np.ndarray:
        """A figure of each run of a model, `(runs,)`.

        Args:
            model: What the model is called.
            figure: From a report to a number.

        Raises:
            ValueError: There is no such model.
        """
        return np.array([figure(report) for report in self.runs_of(model)])

    def mean(self, model: str, figure: Callable[[EvaluationReport], float]) -> float:
        """The mean of a figure over the runs of a model; of one run, the figure as it is. See `values`."""
        found = self.values(model, figure)
        return float(found[0]) if len(found) == 1 else float(np.mean(found))

    def std(self, model: str, figure: Callable[[EvaluationReport], float]) -> float:
        """The standard deviation of a figure over the runs of a model, NaN of one run. See `values`."""
        found = self.values(model, figure)
        return float(np.std(found, ddof=1)) if len(found) > 1 else math.nan


def _listed(reports: Mapping[str, Reports]) -> dict[str, tuple[EvaluationReport, ...]]:
    if not isinstance(reports, Mapping):
        raise TypeError(
            "Argument `reports` must be a dictionary from what the models are called to their reports. "
            f"Received: {type(reports).__name__}"
        )
    found = {name: (item,) if isinstance(item, EvaluationReport) else tuple(item) for name, item in reports.items()}
    everything = [item for listed in found.values() for item in listed]
    wrong = [type(item).__name__ for item in everything if not isinstance(item, EvaluationReport)]
    if wrong:
        raise TypeError(f"A comparison is of reports of evaluations. Received: {wrong[0]}")
    if len(found) < 2 or not all(found.values()):
        raise ValueError(
            "A comparison needs at least two models, each with a report. Received: "
            + (", ".join(f"{name} ({len(listed)})" for name, listed in found.items()) or "none")
        )
    return found
