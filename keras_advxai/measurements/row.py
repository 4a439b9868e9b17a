"""The figures of a report as rows: functions of measurements."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_advxai.measurements import accuracy, drift, statistics
from keras_advxai.measurements.budget import budget_used
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.outcomes import SeveralLabels, outcomes
from keras_advxai.tables import Column, Table


@dataclasses.dataclass(frozen=True)
class Row:
    """One attack at one epsilon, or corruption at one severity, seen by one explainer and one dissimilarity.

    Attributes:
        attack: Name of the attack, or of the corruption.
        explainer: Name of the explainer; empty in an evaluation without explainers.
        metric: Name of the dissimilarity that `mod` and what follows are of; empty likewise.
        epsilon: The attack's budget; NaN of a corruption.
        images: How many images were attacked.
        accuracy: Share of the images that are classified as labelled; of several labels, share of the labels.
        flip_rate: Share of the images whose prediction changed; of several labels, share of the labels.
        attack_success_rate: Share misclassified among those that were right on the clean image.
        mod: Mean observed dissimilarity.
        mod_low: Lower end of its 95 % bootstrap interval.
        mod_high: Upper end.
        std: Standard deviation of the dissimilarity over the images (which is not VID).
        mod_flipped: MOD of the images whose prediction changed.
        mod_kept: MOD of the images whose prediction stayed.
        mod_clean: MOD where both heatmaps explain the clean prediction; NaN for costly explainers.
        blank_rate: Share of the adversarial heatmaps that are blank.
        left_out: How many pairs were left out of MOD, because the clean heatmap is blank or a map is NaN.
        targeted_success_rate: Share that a targeted attack brings to its class among those that count for it; NaN for
            others.
        chance: What MOD would be by chance: the mean dissimilarity between clean heatmaps of different images.
        relative_mod: MOD as a share of chance.
        budget_used: The mean norm of the perturbations, as a share of epsilon; NaN at epsilon 0.
        exact_accuracy: Share of the images with all labels right, of a model of several labels; NaN for others.
        mean_change: Mean absolute change of the outputs of a regression; NaN for others.
        severity: That of a corruption; `None` of an attack.
    """

    attack: str
    explainer: str
    metric: str
    epsilon: float
    images: int
    accuracy: float
    flip_rate: float
    attack_success_rate: float
    mod: float = math.nan
    mod_low: float = math.nan
    mod_high: float = math.nan
    std: float = math.nan
    mod_flipped: float = math.nan
    mod_kept: float = math.nan
    mod_clean: float = math.nan
    blank_rate: float = math.nan
    left_out: int = 0
    targeted_success_rate: float = math.nan
    chance: float = math.nan
    relative_mod: float = math.nan
    budget_used: float = math.nan
    exact_accuracy: float = math.nan
    mean_change: float = math.nan
    severity: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN as `None`; of attacks without a severity."""
        values = finite(dataclasses.asdict(self))
        return {key: value for key, value in values.items() if key != "severity" or value is not None}


def rows_table(rows: Iterable[Row]) -> Table:
    """Rows with all their figures, as a table for programs.

    Args:
        rows: The rows.
    """
    fields = dataclasses.fields(Row)
    table = Table(Column(field.name) for field in fields)
    for row in rows:
        table.add(*(getattr(row, field.name) for field in fields))
    return table


def accuracy_row(found: Measurements, attack: str, epsilon: float) -> Row:
    """One attack at one epsilon, without explanations."""
    targeted, several = accuracy.is_targeted(found, attack), isinstance(outcomes(found), SeveralLabels)
    return Row(
        attack=attack,
        explainer="",
        metric="",
        epsilon=epsilon,
        images=len(found),
        accuracy=accuracy.accuracy(found, attack, epsilon),
        flip_rate=accuracy.flip_rate(found, attack, epsilon),
        attack_success_rate=accuracy.attack_success_rate(found, attack, epsilon),
        targeted_success_rate=accuracy.targeted_success_rate(found, attack, epsilon) if targeted else math.nan,
        budget_used=budget_used(found, attack, epsilon),
        exact_accuracy=accuracy.exact_accuracy(found, attack, epsilon) if several else math.nan,
        mean_change=accuracy.mean_change(found, attack, epsilon),
    )


def drift_row(found: Measurements, row: Row, explainer: str, metric: str, mods: np.ndarray) -> Row:
    """The same attack and epsilon as in `row`, seen by one explainer and one dissimilarity.

    Args:
        found: What was measured.
        row: What `accuracy_row` returned.
        explainer: Name of the explainer.
        metric: Name of the dissimilarity.
        mods: What `drift.resampled` returned for them.
    """
    where = (found, row.attack, explainer, row.epsilon)
    low, high = statistics.mod_intervals(mods)[found.coordinates.index("epsilon", row.epsilon)]
    try:  # asked first, whether there is one would take the same look
        clean = drift.mod(*where, target="clean", metric=metric)
    except ValueError:  # costly explainers are run for one target alone
        clean = math.nan
    return dataclasses.replace(
        row,
        explainer=explainer,
        metric=metric,
        mod=drift.mod(*where, metric=metric),
        mod_low=float(low),
        mod_high=float(high),
        std=drift.dissimilarity_std(*where, metric=metric),
        mod_flipped=drift.mod(*where, split="flipped", metric=metric),
        mod_kept=drift.mod(*where, split="kept", metric=metric),
        mod_clean=clean,
        blank_rate=drift.blank_rate(*where),
        chance=drift.chance(found, explainer, metric=metric),
        relative_mod=drift.relative_mod(*where, metric=metric),
        left_out=int(np.isnan(drift.dissimilarity(*where, metric=metric)).sum()),
    )


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with `None` for NaN and infinity, which JSON does not have."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }


def pandas() -> Any:
    """The module pandas.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("`to_dataframe` needs pandas: pip install pandas") from error
    return pd
