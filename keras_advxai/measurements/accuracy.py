"""How often the classifier is right, and how often an attack changes that: functions of measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Norm
from keras_advxai.measurements import statistics
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.outcomes import Numbers, SeveralLabels, outcomes


def correct(found: Measurements, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
    """Which images are classified as labelled, by all labels if there are several: clean ones, or those of an attack.

    Args:
        found: What was measured.
        attack: The attack or its name; `None` for the clean images.
        epsilon: One of the epsilons; `None` for all.

    Returns:
        `(images,)` bool, or `(epsilons, images)` for all epsilons of an attack. An output that is not finite is never
        right: its prediction is -1, which is no class.
    """
    return outcomes(found).correct(attack, epsilon)


def clean_accuracy(found: Measurements) -> float:
    """Accuracy on the original images; 1 by definition where there are no labels and all outputs are finite."""
    return float(np.mean(outcomes(found).share()))


def accuracy(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of the adversarial images that are classified as labelled.

    Of a model of several labels, the share of all labels that are right; `exact_accuracy` is that of the images with
    all labels right. NaN of a regression.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.

    Raises:
        ValueError: There is no such attack or epsilon.
    """
    known = found.coordinates  # no attack is none of them, though `correct` takes it for the clean images
    return float(np.mean(outcomes(found).share(known.label("attack", attack), known.label("epsilon", epsilon))))


def exact_accuracy(found: Measurements, attack: Any | None = None, epsilon: float | None = None) -> float:
    """Share of the images with all labels right; of a model that predicts one class, the accuracy.

    Args:
        found: What was measured.
        attack: The attack or its name. Defaults to `None`, the clean images.
        epsilon: One of the epsilons; not for the clean images. Defaults to `None`.
    """
    level = found.coordinates.level(attack, epsilon)
    share = outcomes(found).share(attack, level)
    return float(np.mean(np.where(np.isnan(share), share, share == 1)))


def accuracy_interval(found: Measurements, attack: Any | None, epsilon: float | None = None) -> tuple[float, float]:
    """The 95 % Wilson interval of an accuracy.

    Args:
        found: What was measured.
        attack: The attack or its name; `None` for the clean images.
        epsilon: One of the epsilons; not for the clean images.

    Raises:
        ValueError: There is no such attack or epsilon.
    """
    level = found.coordinates.level(attack, epsilon)
    return interval(outcomes(found).share(attack, level))


def interval(shares: np.ndarray) -> tuple[float, float]:
    """The 95 % Wilson interval of a mean of shares, `(images,)`; NaN where these are.

    For shares between 0 and 1, such as that of the labels of each image, it is wider than it need be.
    """
    total = float(shares.sum())
    return (math.nan, math.nan) if math.isnan(total) else statistics.wilson_interval(total, len(shares))


def flipped(found: Measurements, attack: Any, epsilon: float) -> np.ndarray:
    """Which images the attack brings to another prediction than the clean one, `(images,)` bool."""
    return outcomes(found).flipped(attack, found.coordinates.label("epsilon", epsilon))


def flip_rate(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of the images whose prediction the attack changed; of several labels, the share of all labels.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.
    """
    return float(np.mean(outcomes(found).flips(attack, found.coordinates.label("epsilon", epsilon))))


def label_flip_rates(found: Measurements, attack: Any, epsilon: float) -> np.ndarray:
    """Of each label, the share of the images in which the attack has changed whether it is predicted, `(labels,)`.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.

    Raises:
        ValueError: The model predicts one class, or numbers.
    """
    of = outcomes(found)
    if not isinstance(of, SeveralLabels):
        raise ValueError(
            "The model does not predict several labels: see `flip_rate`, or `mean_change` of a regression."
        )
    rates: np.ndarray = of.label_flips(attack, found.coordinates.label("epsilon", epsilon)).mean(axis=-1)
    return rates


def mean_change(found: Measurements, attack: Any, epsilon: float) -> float:
    """The mean absolute change of the outputs of a regression, in their own units; NaN of other models.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.
    """
    of, level = outcomes(found), found.coordinates.label("epsilon", epsilon)
    return float(np.mean(of.change(attack, level))) if isinstance(of, Numbers) else math.nan


def mean_error(found: Measurements, attack: Any | None = None, epsilon: float | None = None) -> float:
    """The mean absolute error of the outputs of a regression; NaN without labels, and of other models.

    Under an attack it is not the largest error within the budget: attacks raise the change of the output from the clean
    one, not its distance from the targets, and may well bring it nearer to these.

    Args:
        found: What was measured.
        attack: The attack or its name. Defaults to `None`, the clean images.
        epsilon: One of the epsilons; not for the clean images. Defaults to `None`.
    """
    of, level = outcomes(found), found.coordinates.level(attack, epsilon)
    return float(np.mean(of.error(attack, level))) if isinstance(of, Numbers) else math.nan


def of_norm(norms: Mapping[str, Norm], norm: Norm | None) -> list[str]:
    """The attacks whose epsilons compare: those of one norm.

    Args:
        norms: The norm of each attack.
        norm: The norm; `None` for the only one.

    Raises:
        ValueError: There are several norms, and none was named, or there is no attack of this one.
    """
    known = tuple(dict.fromkeys(norms.values()))
    if norm is None and len(known) > 1:
        raise ValueError(
            f"The report has attacks of several norms, {' and '.join(known)}, whose epsilons do not compare. Say "
            "which as `norm`. Received: norm=None"
        )
    if norm is not None and not is_one_of(norm, known):
        raise ValueError(f"The report has attacks of the norm {' and '.join(known)}. Received: norm={norm!r}")
    return [name for name, own in norms.items() if own == (known[0] if norm is None else norm)]


def robust(found: Measurements, attacks: Iterable[Any], epsilon: float) -> np.ndarray:
    """Which images are correct whatever some attacks did at all epsilons up to one, `(images,)` bool.

    An image that a smaller change has turned is not robust against a larger one.
    """
    epsilons = np.asarray(found.coordinates.epsilons)
    # An attack may do worse with more budget, and has found the smaller change all the same.
    smaller = epsilons <= epsilons[found.coordinates.index("epsilon", epsilon)]
    hits = [~correct(found, attack)[smaller] for attack in attacks]
    kept: np.ndarray = correct(found) & ~np.any(np.concatenate(hits), axis=0)
    return kept


def robust_accuracy(found: Measurements, attacks: Iterable[Any], epsilon: float) -> float:
    """Share of the images that are `robust`; NaN of a regression, of which nothing is right or wrong."""
    share = outcomes(found).share()
    return math.nan if np.isnan(share).any() else float(np.mean(robust(found, attacks, epsilon)))


def is_targeted(found: Measurements, attack: Any) -> bool:
    """Whether the attack was to reach classes."""
    return bool((found.at("attack_target", attack=attack) >= 0).all())


def attackable(found: Measurements, attack: Any) -> np.ndarray:
    """Which images count for a targeted attack: those that are correct, and not labelled as what it is to reach."""
    return outcomes(found).attackable(attack)


def succeeded(found: Measurements, attack: Any) -> np.ndarray:
    """Where an attack had its way, `(epsilons, images)` bool.

    Where images are misclassified, or, of a targeted attack, where those that count for it are taken for the class
    that it is to reach.
    """
    if not is_targeted(found, attack):
        return ~correct(found, attack)
    had: np.ndarray = outcomes(found).reached(attack) & attackable(found, attack)
    return had


def is_minimum_norm(found: Measurements, attack: Any) -> bool:
    """Whether the attack looks for the nearest misclassified image, whatever the budget."""
    return not bool((found.at("distance", attack=attack) < 0).any())  # -1 stands for attacks that look for no distance


def minimum_perturbation(found: Measurements, attack: Any) -> np.ndarray:
    """The smallest epsilon that turns each image, `(images,)`.

    Of a minimum-norm attack, such as `DDN`, it is the distance that it found; of others, the smallest of the epsilons
    that were tried. 0 where the clean image is misclassified, infinite where the attack never succeeded; a targeted
    attack succeeds where it reaches its class.

    Args:
        found: What was measured.
        attack: The attack or its name.
    """
    if is_minimum_norm(found, attack):
        return found.at("distance", attack=attack)
    hits = succeeded(found, attack)
    smallest = np.min(np.where(hits, np.asarray(found.coordinates.epsilons)[:, None], np.inf), axis=0)
    return np.where(correct(found), smallest, 0.0)


def median_perturbation(found: Measurements, attack: Any) -> float:
    """The median of `minimum_perturbation` over the images that are correct before; NaN if none is.

    Args:
        found: What was measured.
        attack: The attack or its name.
    """
    before = correct(found)
    return float(np.median(minimum_perturbation(found, attack)[before])) if before.any() else math.nan


def attack_success_rate(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of misclassified images among those that were correct before; NaN if none was.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.
    """
    before, level = correct(found), found.coordinates.label("epsilon", epsilon)
    if not before.any() or np.isnan(outcomes(found).share()).any():
        return math.nan
    return float(np.mean(~correct(found, attack, level)[before]))


def reached(found: Measurements, attack: Any, epsilon: float) -> np.ndarray:
    """Which of the images that count for a targeted attack it brings to its class, `(images that count,)` bool."""
    if not is_targeted(found, attack):
        known = ", ".join(name for name in found.coordinates.attacks if is_targeted(found, name)) or "none"
        name = found.coordinates.label("attack", attack)
        raise ValueError(
            f"The attack {name!r} is not targeted, so it has no class to reach: see `attack_success_rate`. The "
            f"targeted attacks are: {known}."
        )
    had: np.ndarray = succeeded(found, attack)[found.coordinates.index("epsilon", epsilon)]
    attacked: np.ndarray = had[attackable(found, attack)]
    return attacked


def targeted_success_rate(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of the images that a targeted attack brings to the class that it is to reach.

    Among those that are classified as labelled before, and labelled otherwise than the class to reach. NaN if there
    are none.

    Args:
        found: What was measured.
        attack: A targeted attack or its name.
        epsilon: One of the epsilons.

    Raises:
        ValueError: There is no such attack or epsilon, or the attack has no classes to reach.
    """
    hits = reached(found, attack, epsilon)
    return float(np.mean(hits)) if len(hits) else math.nan


def targeted_interval(found: Measurements, attack: Any, epsilon: float) -> tuple[float, float]:
    """The 95 % Wilson interval of `targeted_success_rate`, for the images as a sample of many more.

    Args:
        found: What was measured.
        attack: A targeted attack or its name.
        epsilon: One of the epsilons.
    """
    hits = reached(found, attack, epsilon)
    return statistics.wilson_interval(int(hits.sum()), len(hits))
