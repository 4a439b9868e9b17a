"""How far the explanations drift under attack: functions of measurements."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_advxai._choice import is_one_of
from keras_advxai._typing import TargetMode
from keras_advxai.measurements import statistics
from keras_advxai.measurements.accuracy import flipped
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.metrics import mod as mean_of
from keras_advxai.metrics import vid as spread_of

Split: TypeAlias = Literal["flipped", "kept"]


def dissimilarity(
    found: Measurements,
    attack: Any,
    explainer: Any,
    epsilon: float,
    *,
    metric: Any | None = None,
    target: TargetMode | None = None,
) -> np.ndarray:
    """The dissimilarity of every image's heatmaps, `(images,)`; NaN where the clean heatmap is blank.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainer: The explainer or its name.
        epsilon: One of the epsilons.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.
        target: `"clean"` for heatmaps that explain the clean prediction on both images. Defaults to the evaluation's
            own target.

    Raises:
        ValueError: It was not measured.
    """
    known = found.coordinates
    where = {"attack": attack, "explainer": explainer, "metric": metric, "epsilon": known.label("epsilon", epsilon)}
    own = found.at("dissimilarity", **where)
    if target is None or target == known.targets[0]:
        return own
    other = found.at("dissimilarity", target=target, **where) if target in known.targets else None
    # Costly explainers are run for one target alone, so that there is nothing where the own target has something.
    if other is None or (np.isnan(other).all() and not np.isnan(own).all()):
        raise ValueError(
            f"The report has no heatmaps of {known.label('explainer', explainer)!r} for target={target!r}, only for "
            f"{known.targets[0]}. Evaluate again with target={target!r}."
        )
    return other


def mod(
    found: Measurements,
    attack: Any,
    explainer: Any,
    epsilon: float,
    *,
    metric: Any | None = None,
    split: Split | None = None,
    target: TargetMode | None = None,
) -> float:
    """Mean observed dissimilarity: the mean of a dissimilarity over the images, at one epsilon.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainer: The explainer or its name.
        epsilon: One of the epsilons.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.
        split: `"flipped"` for the images whose prediction changed, `"kept"` for the others, `None` for all.
        target: `"clean"` for heatmaps that explain the clean prediction on both images. Defaults to the evaluation's
            own target.

    Returns:
        MOD, of our dissimilarities in [0, 1]; NaN where there is no such image.

    Raises:
        ValueError: It was not measured.
    """
    values = dissimilarity(found, attack, explainer, epsilon, metric=metric, target=target)
    if split is not None:
        if not is_one_of(split, ("flipped", "kept")):
            raise ValueError(f"Argument `split` must be 'flipped', 'kept' or None. Received: split={split!r}")
        other = flipped(found, attack, epsilon)
        values = values[other if split == "flipped" else ~other]
    return float(mean_of(values))


def dissimilarity_std(
    found: Measurements, attack: Any, explainer: Any, epsilon: float, *, metric: Any | None = None
) -> float:
    """Standard deviation of the dissimilarity over the images, at one epsilon, which is not VID.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainer: The explainer or its name.
        epsilon: One of the epsilons.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.
    """
    values = dissimilarity(found, attack, explainer, epsilon, metric=metric)
    # Pairs whose clean heatmap is blank are left out, as from MOD.
    values = values[~np.isnan(values)]
    return float(np.std(values)) if len(values) else math.nan


def vid(found: Measurements, attack: Any, explainer: Any, *, metric: Any | None = None) -> float:
    """Variation in dissimilarity: the standard deviation of MOD over the epsilons; NaN with fewer than two.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainer: The explainer or its name.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.
    """
    epsilons = found.coordinates.epsilons
    return float(spread_of(np.array([mod(found, attack, explainer, each, metric=metric) for each in epsilons])))


def chance(found: Measurements, explainer: Any, *, metric: Any | None = None) -> float:
    """What a MOD would be by chance: the mean dissimilarity between the clean heatmaps of different images.

    It is the upper mark on the scale of a MOD, as the noise control is the lower one: explanations that drift this far
    are as unlike those of the clean images as those of other images are. It is no limit: where most images are of one
    class, whose heatmaps are alike, a flip to another class moves a heatmap further. Each image is compared with the
    one before it, which takes no pass, in data of any order; in data that are sorted by class, both are mostly of one
    class, chance is too small, and the finding `sorted-data` says so: shuffle the data.

    Args:
        found: What was measured.
        explainer: The explainer or its name.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.

    Returns:
        The mean over the pairs without a blank heatmap; NaN where there is none, as of one image, and in reports of
        older versions.

    Raises:
        ValueError: There is no such explainer or dissimilarity.
    """
    return float(mean_of(found.at("chance_dissimilarity", explainer=explainer, metric=metric)))


def relative_mod(
    found: Measurements, attack: Any, explainer: Any, epsilon: float, *, metric: Any | None = None
) -> float:
    """MOD as a share of chance: 0 where explanations stay, 1 where they are as unlike as those of different images.

    Args:
        found: What was measured.
        attack: The attack or its name.
        explainer: The explainer or its name.
        epsilon: One of the epsilons.
        metric: The dissimilarity or its name. Defaults to the first of the evaluation.

    Returns:
        The share, which may be above 1; NaN where either is, or where all clean heatmaps are the same.

    Raises:
        ValueError: It was not measured.
    """
    by_chance = chance(found, explainer, metric=metric)
    return mod(found, attack, explainer, epsilon, metric=metric) / by_chance if by_chance else math.nan


def resampled(found: Measurements, attack: Any, explainer: Any, metric: Any, seed: int) -> np.ndarray:
    """MOD at every epsilon for resampled sets of images, `(resamples, epsilons)`; see `statistics.bootstrap_mods`."""
    # All epsilons at once, since the same images have to be drawn for each.
    values = found.at("dissimilarity", attack=attack, explainer=explainer, metric=metric)
    return statistics.bootstrap_mods(values, seed)


def blank_rate(found: Measurements, attack: Any | None, explainer: Any, epsilon: float | None = None) -> float:
    """Share of the heatmaps that are blank.

    Args:
        found: What was measured.
        attack: The attack or its name; `None` for the clean images, whose blank maps are left out of MOD.
        explainer: The explainer or its name.
        epsilon: One of the epsilons; not for the clean images.
    """
    level = found.coordinates.level(attack, epsilon)
    return float(np.mean(found.at("blank", attack=attack, explainer=explainer, epsilon=level)))
