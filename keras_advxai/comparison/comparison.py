"""Several models on the same images: their figures beside one another, differences, ranks."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai._files import write_atomically
from keras_advxai.comparison.layered import LayerProfile, layer_profile
from keras_advxai.comparison.models import Models, Reports
from keras_advxai.comparison.question import Figure, Question
from keras_advxai.comparison.resampling import resampled_means
from keras_advxai.comparison.rows import Difference, ModelRow, Rank, table_of
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements import storage
from keras_advxai.measurements.row import finite, pandas
from keras_advxai.measurements.statistics import percentile_interval
from keras_advxai.reporting.paged import Paged
from keras_advxai.tables import Tabulated, to_csv
from keras_advxai.tables.contents import written


class Comparison(Models, Paged, Tabulated):
    """Several models that were evaluated alike on the same images. Printed, it is tables.

    The figures of each model are those of its reports. Of a model with several runs, its folds or seeds, they are
    means over the runs. Intervals of differences are for the images as a sample of many more: both models are seen on
    the same resampled images (a paired bootstrap), so that what is hard for both cancels out. They say nothing of other
    seeds: these are what the standard deviation over runs is for.

    Args:
        reports: What each model is called to its report, or to the reports of its folds or seeds. They may list the
            images in other orders: images are matched by their content, see `comparison.matching`.
        sources: For each report, in their order, what its images are known by in the data that they were made of, where
            they were resized; `compare` knows it. Defaults to `None`.

    Attributes:
        reports: The reports of each model.
        models, attacks, explainers, metrics, epsilons: What all of them have.
        notes: What would be misread otherwise.

    Raises:
        TypeError: `reports` are something else.
        ValueError: They do not compare: other images, labels, targets, dissimilarities or sizes of heatmaps.

    Example:

    >>> from keras_advxai import EvaluationReport
    >>> from keras_advxai.comparison import Comparison
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> known = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> one = Measurements.of(known, image_key=[7, 8, 9], label=[0, 1, 1], prediction=[[0, 1, 1], [0, 1, 0]])
    >>> other = Measurements.of(known, image_key=[9, 8, 7], label=[1, 1, 0], prediction=[[1, 1, 0], [0, 0, 0]])
    >>> comparison = Comparison({"one": EvaluationReport(one, {}), "other": EvaluationReport(other, {})})
    >>> found = comparison.difference("one", "other", "accuracy", attack="fgsm", epsilon=0.1)
    >>> round(found.difference, 3), found.low, found.high
    (0.333, 0.0, 1.0)

    References:
        Efron and Tibshirani, "An introduction to the bootstrap", 1993.
    """

    def __init__(self, reports: Mapping[str, Reports], *, sources: Sequence[np.ndarray | None] | None = None) -> None:
        super().__init__(reports, sources)
        self._resampled: dict[tuple[str, ...], list[np.ndarray]] = {}

    @functools.cached_property
    def rows(self) -> tuple[ModelRow, ...]:
        """Every figure, a row for each model, attack, explainer, dissimilarity and epsilon."""
        seen = list(itertools.product(self.explainers, self.metrics)) or [("", "")]
        everything = itertools.product(self.models, self.attacks, seen, self.epsilons)
        return tuple(self._row(model, attack, *by, epsilon) for model, attack, by, epsilon in everything)

    def _row(self, model: str, attack: str, explainer: str, metric: str, epsilon: float) -> ModelRow:
        mean, std = functools.partial(self.mean, model), functools.partial(self.std, model)
        ask = functools.partial(self.asked, attack=attack, epsilon=epsilon)
        clean, accuracy, change = (ask(each).of_report for each in ("clean_accuracy", "accuracy", "mean_change"))
        row = ModelRow(
            model=model,
            runs=len(self.reports[model]),
            images=sum(len(report.measurements) for report in self.reports[model]),
            attack=attack,
            explainer=explainer,
            metric=metric,
            epsilon=epsilon,
            clean_accuracy=mean(clean),
            clean_accuracy_std=std(clean),
            accuracy=mean(accuracy),
            accuracy_std=std(accuracy),
            mean_change=mean(change),
            mean_change_std=std(change),
            budget_used=mean(lambda report: report.budget_used(attack, epsilon)),
        )
        if not explainer:
            return row
        by: dict[str, Any] = {"explainer": explainer, "metric": metric}
        mod, vid, noise = ask("mod", **by).of_report, ask("vid", **by).of_report, self.noise_of(attack)
        return dataclasses.replace(
            row,
            mod=mean(mod),
            mod_std=std(mod),
            vid=mean(vid),
            vid_std=std(vid),
            noise=math.nan if noise is None else self.value(model, "mod", attack=noise, epsilon=epsilon, **by),
            chance=mean(lambda report: report.chance(explainer, metric=metric)),
            relative_mod=mean(lambda report: report.relative_mod(attack, explainer, epsilon, metric=metric)),
        )

    def value(self, model: str, figure: Figure, **where: Any) -> float:
        """A figure of a model: that of its report, of several runs the mean.

        Args:
            model: What the model is called.
            figure: `"clean_accuracy"`, `"accuracy"`, `"mod"`, `"vid"`, or `"mean_change"` of a regression.
            **where: `attack`, `explainer`, `epsilon` and `metric`, as of `difference`.

        Raises:
            ValueError: There is no such model, figure, attack, explainer, epsilon or dissimilarity.
        """
        return self.mean(model, self.asked(figure, **where).of_report)

    def asked(self, figure: Figure, **where: Any) -> Question:
        """What a figure is of, in the names of the comparison, with its defaults.

        Args:
            figure: `"clean_accuracy"`, `"accuracy"`, `"mod"`, `"vid"`, or `"mean_change"` of a regression.
            **where: `attack`, `explainer`, `epsilon` and `metric`, as of `difference`.
        """
        return Question.of(self._common, figure, **where)

    def difference(self, first: str, second: str, figure: Figure, **where: Any) -> Difference:
        """How far one model is above another, with its 95 % paired bootstrap interval.

        Args:
            first: The model from which the other is subtracted.
            second: The other.
            figure: `"clean_accuracy"`, `"accuracy"`, `"mod"`, `"vid"`, or `"mean_change"` of a regression.
            **where: `attack`, the first one by default; `explainer` and `metric`, for MOD and VID, likewise; and
                `epsilon`, for accuracy and MOD, by default `None`, the mean over all.

        Raises:
            ValueError: There is no such model, figure, attack, explainer, epsilon or dissimilarity.
        """
        asked = self.asked(figure, **where)
        difference = self.mean(first, asked.of_report) - self.mean(second, asked.of_report)
        low, high = percentile_interval(self._drawn(first, asked) - self._drawn(second, asked))
        level = math.nan if asked.epsilon is None else asked.epsilon
        return Difference(
            first, second, figure, asked.attack, asked.explainer, asked.metric, level, difference, low, high
        )

    def _drawn(self, model: str, asked: Question) -> np.ndarray:
        """The figure of a model over resampled images, `(resamples,)`."""
        if asked.key not in self._resampled:  # of all models at once, since they are seen on the same images
            values = [asked.of_images(run.report) for run in self._runs]
            seed = self._runs[0].report.provenance["seed"]
            self._resampled[asked.key] = resampled_means(values, self._places, seed)
        means = self._resampled[asked.key]
        found: np.ndarray = np.mean([asked.of_means(means[index]) for index in self._numbers[model]], axis=0)
        return found

    @functools.cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The differences of all pairs of models, in every figure, at each epsilon and in the mean over them."""
        found = []
        for first, second in itertools.combinations(self.models, 2):
            pair = functools.partial(self.difference, first, second)
            found += [pair("clean_accuracy")] * (self.outcome == "accuracy")
            for attack in self.attacks:
                found += [pair(self.outcome, attack=attack, epsilon=epsilon) for epsilon in (*self.epsilons, None)]
                for explainer, metric in itertools.product(self.explainers, self.metrics):
                    by: dict[str, Any] = {"attack": attack, "explainer": explainer, "metric": metric}
                    found += [pair("mod", epsilon=epsilon, **by) for epsilon in (*self.epsilons, None)]
                    found.append(pair("vid", **by))
        return tuple(found)

    def ranks(self, figure: Figure, **where: Any) -> tuple[Rank, ...]:
        """The place of each model, the best first, as a range where the images do not tell models apart.

        The best has the highest accuracy, and the lowest MOD, VID or change.

        Args:
            figure: `"clean_accuracy"`, `"accuracy"`, `"mod"`, `"vid"`, or `"mean_change"` of a regression.
            **where: As of `difference`.
        """
        sign = 1 if figure in ("clean_accuracy", "accuracy") else -1
        better, worse = dict.fromkeys(self.models, 0), dict.fromkeys(self.models, 0)
        for first, second in itertools.combinations(self.models, 2):
            found = self.difference(first, second, figure, **where)
            if found.is_clear:
                ahead, behind = (first, second) if sign * found.low > 0 else (second, first)
                better[behind] += 1
                worse[ahead] += 1
        values = {model: self.value(model, figure, **where) for model in self.models}
        order = sorted(self.models, key=lambda model: (math.isnan(values[model]), -sign * values[model]))
        count = len(self.models)
        return tuple(Rank(model, values[model], 1 + better[model], count - worse[model]) for model in order)

    def profile(self, model: str, **where: Any) -> LayerProfile:
        """MOD at each layer of a model, of a comparison with `every_layer=True`.

        Args:
            model: What the model is called.
            **where: `attack`, `explainer`, `metric` and `epsilon`, as of `difference`; by default the largest epsilon.

        Raises:
            ValueError: There is no such model or condition, or the explainer looks at one layer alone.
        """
        asked = self.asked("mod", **{"epsilon": max(self.epsilons), **where})
        level = max(self.epsilons) if asked.epsilon is None else asked.epsilon
        reports = self.runs_of(model)
        return layer_profile(reports, asked.attack, self.noise_of(asked.attack), asked.explainer, level, asked.metric)

    def __repr__(self) -> str:
        return f"Comparison(models={self.models}, images={self.images}, attacks={self.attacks})"

    def _reports_by_name(self) -> dict[str, EvaluationReport]:
        """The reports that the page shows, runs of one model by their number."""
        return {
            f"{name}, run {place + 1}" if len(listed) > 1 else name: report
            for name, listed in self.reports.items()
            for place, report in enumerate(listed)
        }

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN as `None`; the reports are saved by themselves."""
        models = {
            name: [
                {**finite({"clean_accuracy": item.clean_accuracy}), "provenance": item.provenance} for item in listed
            ]
            for name, listed in self.reports.items()
        }
        return {
            "models": models,
            "images": self.images,
            "matched_by": list(self.matched_by),
            "notes": list(self.notes),
            "rows": [row.to_dict() for row in self.rows],
            "differences": [item.to_dict() for item in self.differences],
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The figures as JSON text, also written to `path` if one is given, whole or not at all."""
        text = storage.to_json(self.to_dict())
        if path is not None:
            write_atomically(path, text.encode("utf-8"))
        return text

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, escape_formulas: bool = False) -> str:
        """The rows as comma-separated values, also written to `path` if one is given, whole or not at all.

        See `report.samples.to_csv` for `escape_formulas`.
        """
        return written(to_csv([table_of(ModelRow, self.rows)], escape_formulas=escape_formulas), path)

    def differences_to_csv(self, path: str | os.PathLike[str] | None = None, *, escape_formulas: bool = False) -> str:
        """The differences of all pairs as comma-separated values; see `to_csv`."""
        return written(to_csv([table_of(Difference, self.differences)], escape_formulas=escape_formulas), path)

    def to_dataframe(self) -> Any:
        """The rows as a `pandas.DataFrame`.

        Raises:
            ImportError: pandas is not installed.
        """
        return pandas().DataFrame([dataclasses.asdict(row) for row in self.rows])
