"""Whether attributions add up to what they explain: functions of measurements."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from keras_advxai.measurements.measurements import Measurements

LIMIT = 0.05
"""Gaps above this part of the score's change are worth a warning."""


class Completeness(NamedTuple):
    """How far the attributions of an explainer miss the change of the score that they should add up to.

    Attributes:
        median: The median gap over all explanations, as a fraction of the change.
        largest: The largest of them.
        exceeded: The share of the explanations with a gap above 5 %.
    """

    median: float
    largest: float
    exceeded: float

    @classmethod
    def of(cls, gaps: np.ndarray) -> Completeness:
        """The summary of some relative gaps; those of broken models, which are NaN, are left out."""
        gaps = gaps[~np.isnan(gaps)]  # of a model whose outputs are not finite
        if not len(gaps):
            return cls(np.nan, np.nan, np.nan)
        return cls(float(np.median(gaps)), float(np.max(gaps)), float(np.mean(gaps > LIMIT)))


class StepsUsed(NamedTuple):
    """How many gradients the explanations took of an explainer that decides it image by image.

    Attributes:
        median: The median over the clean and all adversarial images.
        largest: The largest number.
    """

    median: float
    largest: int


def relative_gaps(gap: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Gaps as fractions of the change of the score; 0 where there is no gap, infinite where there is no change.

    Args:
        gap: How far the sums of the attributions are from the change of the score.
        change: The change of the score, of the same shape.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.measurements.completeness import relative_gaps
    >>> relative_gaps(np.array([0.1, 0.0, 0.1]), np.array([-2.0, 0.0, 0.0])).tolist()
    [0.05, 0.0, inf]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / np.abs(change))


def promises_completeness(found: Measurements, explainer: Any) -> bool:
    """Whether the attributions of an explainer should add up to something."""
    gaps = found.arrays.get("completeness_gap")
    # Beside Integrated Gradients, other explainers have a row of unknown gaps.
    return gaps is not None and not np.isnan(gaps[found.coordinates.index("explainer", explainer)]).all()


def completeness_gap(
    found: Measurements, explainer: Any, attack: Any | None = None, epsilon: float | None = None
) -> np.ndarray:
    """The completeness gap of every image's attributions, `(images,)`, as a fraction of the change of the score.

    Args:
        found: What was measured.
        explainer: An explainer whose attributions should add up to something, such as Integrated Gradients.
        attack: The attack or its name; `None` for the clean images.
        epsilon: One of the epsilons; not for the clean images.

    Raises:
        ValueError: The attributions of the explainer promise no sum, or there is no such attack or epsilon.
    """
    if not promises_completeness(found, explainer):
        name = found.coordinates.label("explainer", explainer)
        raise ValueError(f"The attributions of {name!r} do not promise to add up to anything, so there is no gap.")
    level = found.coordinates.level(attack, epsilon)
    where = {"attack": attack, "epsilon": level, "explainer": explainer}
    return relative_gaps(found.at("completeness_gap", **where), found.at("score_change", **where))


def completeness(found: Measurements, explainer: Any) -> Completeness:
    """The median and the largest completeness gap over the clean and all adversarial images.

    Args:
        found: What was measured.
        explainer: An explainer whose attributions should add up to something, such as Integrated Gradients.

    Raises:
        ValueError: The attributions of the explainer do not add up to anything.
    """
    return Completeness.of(_all_gaps(found, explainer))


def decides_steps(found: Measurements, explainer: Any) -> bool:
    """Whether an explainer decided image by image how many gradients it took, and it was measured."""
    steps = found.arrays.get("steps_used")
    return steps is not None and bool((steps[found.coordinates.index("explainer", explainer)] >= 0).any())


def steps_used(found: Measurements, explainer: Any) -> StepsUsed:
    """How many gradients the explanations took: the median and the largest number over all images and attacks.

    Of each image, `report.measurements.at("steps_used", explainer=explainer)` has it.

    Args:
        found: What was measured.
        explainer: An explainer that decides it image by image, as Integrated Gradients with `steps="auto"`.

    Raises:
        ValueError: The explainer takes as many for every image.
    """
    if not decides_steps(found, explainer):
        name = found.coordinates.label("explainer", explainer)
        raise ValueError(f"{name!r} takes as many steps for every image, so there is nothing to count.")
    steps = found.arrays["steps_used"][found.coordinates.index("explainer", explainer)]
    steps = steps[steps >= 0]  # where it was measured
    return StepsUsed(float(np.median(steps)), int(steps.max()))


def steps_needed(found: Measurements, explainer: Any, steps: int) -> int:
    """About how many steps would bring all but a twentieth of the gaps under 5 %.

    The error of the sum of a network of ReLUs, which has kinks along the path, falls about as one over the number of
    steps; that of a smooth one falls faster.

    Args:
        found: What was measured.
        explainer: An explainer whose attributions should add up to something.
        steps: How many steps were taken.
    """
    gaps = _all_gaps(found, explainer)
    worst = float(np.percentile(gaps[np.isfinite(gaps)], 95)) if np.isfinite(gaps).any() else 0.0
    return max(steps, 10 * math.ceil(steps * worst / LIMIT / 10))


def _all_gaps(found: Measurements, explainer: Any) -> np.ndarray:
    """Those of the clean and all adversarial images."""
    conditions = [(attack, epsilon) for attack in found.coordinates.attacks for epsilon in found.coordinates.epsilons]
    gaps = [completeness_gap(found, explainer)]
    gaps += [completeness_gap(found, explainer, *condition) for condition in conditions]
    return np.concatenate(gaps)
