"""By what models are compared: a figure of a report, and the same over resampled images."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias, get_args

import numpy as np

from keras_advxai._choice import check_one_of, nearest
from keras_advxai._registry import Configuration
from keras_advxai.comparison.alike import Common
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements.outcomes import Numbers, outcomes
from keras_advxai.metrics import vid as spread_of
from keras_advxai.text import epsilon_text

Figure: TypeAlias = Literal["clean_accuracy", "accuracy", "mean_change", "mod", "vid"]
"""What models are compared by; `"mean_change"` is that of the outputs of regressions."""
Named: TypeAlias = str | Configuration


@dataclasses.dataclass(frozen=True)
class Question:
    """A figure under one attack, seen by one explainer and one dissimilarity.

    Attributes:
        figure: Which figure.
        attack: Name of the attack; empty for the clean accuracy.
        explainer: Name of the explainer, of MOD and VID; else empty.
        metric: Name of the dissimilarity, likewise.
        epsilon: The budget; `None` for the mean over all.
        epsilons: All budgets.
    """

    figure: Figure
    attack: str
    explainer: str
    metric: str
    epsilon: float | None
    epsilons: tuple[float, ...]

    @classmethod
    def of(
        cls,
        known: Common,
        figure: Figure,
        *,
        attack: Named | None = None,
        explainer: Named | None = None,
        epsilon: float | None = None,
        metric: Named | None = None,
    ) -> Question:
        """The question that a user asks.

        Args:
            known: What all evaluations have.
            figure: Which one.
            attack: The attack; not for the clean accuracy. Defaults to the first.
            explainer: The explainer, for MOD and VID. Defaults to the first.
            epsilon: One of the epsilons, for accuracy and MOD. Defaults to `None`, the mean over all.
            metric: The dissimilarity, for MOD and VID. Defaults to the first.

        Raises:
            ValueError: There is no such figure, attack, explainer, epsilon or dissimilarity.
        """
        check_one_of("figure", figure, get_args(Figure), hint=False)
        of_maps = figure in ("mod", "vid")
        level = None if epsilon is None or figure in ("clean_accuracy", "vid") else _level(epsilon, known.epsilons)
        return cls(
            figure,
            "" if figure == "clean_accuracy" else _chosen("attack", attack, known.attacks),
            _chosen("explainer", explainer, known.explainers) if of_maps else "",
            _chosen("dissimilarity", metric, known.metrics) if of_maps else "",
            level,
            known.epsilons,
        )

    @property
    def key(self) -> tuple[str, ...]:
        """What it asks of each image: questions with the same key are about the same measurements."""
        of = "mod" if self.figure == "vid" else self.figure
        return of, self.attack, self.explainer, self.metric

    def of_report(self, report: EvaluationReport) -> float:
        """The figure of a report.

        Args:
            report: The report.
        """
        if self.figure == "clean_accuracy":
            return report.clean_accuracy
        levels = self.epsilons if self.epsilon is None else (self.epsilon,)
        if self.figure == "mean_change":
            values = [report.mean_change(self.attack, each) for each in levels]
        elif self.figure == "accuracy":
            values = [report.accuracy(self.attack, each) for each in levels]
        else:
            values = [report.mod(self.attack, self.explainer, each, metric=self.metric) for each in levels]
        if self.figure == "vid":  # over the epsilons that all have: a report may have further ones
            return float(spread_of(np.array(values)))
        return float(np.mean(values)) if len(values) > 1 else values[0]

    def of_images(self, report: EvaluationReport) -> np.ndarray:
        """What was measured of each image, at all epsilons, `(conditions, images)`.

        Args:
            report: The report.
        """
        found = report.measurements
        if self.figure == "clean_accuracy":
            return np.stack([outcomes(found).share()]).astype("float64")
        levels = [found.coordinates.label("epsilon", each) for each in self.epsilons]
        of = outcomes(found)
        if self.figure == "mean_change":
            nothing = np.full(len(found), np.nan)  # of classes
            return np.stack([of.change(self.attack, each) if isinstance(of, Numbers) else nothing for each in levels])
        if self.figure == "accuracy":
            return np.stack([of.share(self.attack, each) for each in levels]).astype("float64")
        where = {"attack": self.attack, "explainer": self.explainer, "metric": self.metric}
        return np.stack([found.at("dissimilarity", epsilon=each, **where) for each in levels])

    def of_means(self, means: np.ndarray) -> np.ndarray:
        """The figure over resampled images, `(resamples,)`, of means of `of_images`, `(conditions, resamples)`.

        Args:
            means: The means.
        """
        if self.figure == "vid":
            return spread_of(means.T)
        if self.figure == "clean_accuracy":
            return np.asarray(means[0])
        found: np.ndarray = means.mean(0) if self.epsilon is None else means[self.epsilons.index(self.epsilon)]
        return found


def _chosen(dim: str, label: Named | None, known: tuple[str, ...]) -> str:
    name = getattr(label, "name", label)
    if name is None and known:
        return known[0]
    if name not in known:
        have = ", ".join(known) or "none"
        raise ValueError(f"Not all models have the {dim} {name!r}.{nearest(str(name), known)} They have: {have}")
    return str(name)


def _level(epsilon: float, known: tuple[float, ...]) -> float:
    close = [each for each in known if np.isclose(each, epsilon, rtol=1e-6, atol=1e-12)]
    if not close:
        shown = ", ".join(map(epsilon_text, known))
        raise ValueError(f"Argument `epsilon` must be one that all models have, {shown}. Received: epsilon={epsilon!r}")
    return close[0]
