"""The figures of a comparison as rows, for tables and files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from keras_advxai.measurements.row import finite
from keras_advxai.tables import Column, Table

_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class ModelRow:
    """One model under one attack at one epsilon, seen by one explainer and one dissimilarity.

    Of a model with several runs, folds or seeds, figures are means over the runs, and `..._std` their standard
    deviations (with `runs - 1` below), NaN for a single run.

    Attributes:
        model: What the model is called.
        runs: How many evaluations there are of it.
        images: How many images each has, on average.
        attack: Name of the attack.
        explainer: Name of the explainer; empty in a comparison without explainers.
        metric: Name of the dissimilarity; empty likewise.
        epsilon: The attack's budget.
        clean_accuracy: Accuracy on the original images.
        accuracy: Accuracy under the attack.
        mean_change: Mean absolute change of the outputs of a regression; NaN for others.
        mod: Mean observed dissimilarity.
        vid: Variation in dissimilarity over all epsilons.
        noise: MOD under the noise control of the same norm, at the same epsilon.
        chance: What MOD would be by chance.
        relative_mod: MOD as a share of chance.
        budget_used: The mean norm of the perturbations, as a share of epsilon.
    """

    model: str
    runs: int
    images: float
    attack: str
    explainer: str
    metric: str
    epsilon: float
    clean_accuracy: float
    clean_accuracy_std: float
    accuracy: float
    accuracy_std: float
    mean_change: float
    mean_change_std: float
    budget_used: float
    mod: float = math.nan
    mod_std: float = math.nan
    vid: float = math.nan
    vid_std: float = math.nan
    noise: float = math.nan
    chance: float = math.nan
    relative_mod: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN as `None`."""
        return finite(dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far one model is above another on the same images, with its 95 % interval.

    Attributes:
        first: What the model is called from which the other is subtracted.
        second: What the other is called.
        figure: `"clean_accuracy"`, `"accuracy"`, `"mean_change"`, `"mod"` or `"vid"`.
        attack: Name of the attack; empty for the clean accuracy.
        explainer: Name of the explainer, of MOD and VID; else empty.
        metric: Name of the dissimilarity, likewise.
        epsilon: The attack's budget; NaN for the mean over all epsilons, and for what has none.
        difference: The figure of the first less that of the second.
        low: Lower end of its paired bootstrap interval.
        high: Upper end.
    """

    first: str
    second: str
    figure: str
    attack: str
    explainer: str
    metric: str
    epsilon: float
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        # Of equal accuracies, a mean over the epsilons may differ in the last digit.
        return self.low > _ROUNDING or self.high < -_ROUNDING

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN as `None`."""
        return finite(dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class Rank:
    """The place of a model among all.

    Attributes:
        model: What the model is called.
        value: The figure by which models are ranked.
        best: The best place that it may have, 1 for the first: one more than there are models that are clearly better.
        worst: The worst place.
    """

    model: str
    value: float
    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def table_of(kind: type, rows: Iterable[Any]) -> Table:
    """Rows with all their figures, as a table for programs.

    Args:
        kind: The dataclass of the rows.
        rows: The rows.
    """
    fields = dataclasses.fields(kind)
    table = Table(Column(field.name) for field in fields)
    for row in rows:
        table.add(*(getattr(row, field.name) for field in fields))
    return table
