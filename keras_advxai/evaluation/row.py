"""One line of a report."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from keras_advxai.evaluation.report import EvaluationReport


@dataclasses.dataclass(frozen=True)
class Row:
    """One attack at one strength, seen by one explainer.

    Attributes:
        attack: Name of the attack.
        explainer: Name of the explainer; empty in an evaluation without explainers.
        epsilon: The attack's strength.
        images: How many images were attacked.
        accuracy: Share of the images that are classified as labelled.
        flip_rate: Share of the images whose prediction changed.
        attack_success_rate: Share misclassified among those that were right on the clean image.
        mod: Mean observed dissimilarity.
        mod_low: Lower end of its 95 % bootstrap interval.
        mod_high: Upper end.
        nissim_std: Standard deviation of NISSIM over the images (which is not VID).
        mod_flipped: MOD of the images whose prediction changed.
        mod_kept: MOD of the images whose prediction stayed.
        mod_clean: MOD where both heatmaps explain the clean prediction; NaN for costly explainers.
        blank_rate: Share of the adversarial heatmaps that are blank.
        left_out: How many pairs were left out of MOD, because the clean heatmap is blank or a map is NaN.
        targeted_success_rate: Share that a targeted attack brings to its class among those that it attacks; NaN for
            others.
    """

    attack: str
    explainer: str
    epsilon: float
    images: int
    accuracy: float
    flip_rate: float
    attack_success_rate: float
    mod: float = math.nan
    mod_low: float = math.nan
    mod_high: float = math.nan
    nissim_std: float = math.nan
    mod_flipped: float = math.nan
    mod_kept: float = math.nan
    mod_clean: float = math.nan
    blank_rate: float = math.nan
    left_out: int = 0
    targeted_success_rate: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN as `None`."""
        return finite(dataclasses.asdict(self))


def report_row(report: EvaluationReport, attack: str, explainer: str, epsilon: float) -> Row:
    """One line of a report.

    Args:
        report: The report.
        attack: Name of the attack.
        explainer: Name of the explainer; empty in an evaluation without explainers.
        epsilon: One of the strengths.
    """
    common = Row(
        attack=attack,
        explainer=explainer,
        epsilon=epsilon,
        images=len(report.samples),
        accuracy=report.accuracy(attack, epsilon),
        flip_rate=report.flip_rate(attack, epsilon),
        attack_success_rate=report.attack_success_rate(attack, epsilon),
    )
    if attack in report.targeted_attacks:
        rate = report.targeted_success_rate(attack, epsilon)
        common = dataclasses.replace(common, targeted_success_rate=rate)
    if not explainer:
        return common
    low, high = report.mod_interval(attack, explainer, epsilon)
    has_clean = "clean" in report.samples.nissim[attack][explainer]
    return dataclasses.replace(
        common,
        mod=report.mod(attack, explainer, epsilon),
        mod_low=low,
        mod_high=high,
        nissim_std=report.nissim_std(attack, explainer, epsilon),
        mod_flipped=report.mod(attack, explainer, epsilon, split="flipped"),
        mod_kept=report.mod(attack, explainer, epsilon, split="kept"),
        mod_clean=report.mod(attack, explainer, epsilon, target="clean") if has_clean else math.nan,
        blank_rate=report.blank_rate(attack, explainer, epsilon),
        left_out=int(np.isnan(report.nissim(attack, explainer, epsilon)).sum()),
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
