"""How often the classifier is right, and how often an attack changes that: functions of measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_advxai._typing import Norm
from keras_advxai.measurements import statistics
from keras_advxai.measurements.measurements import Measurements


def correct(found: Measurements, attack: Any | None = None, epsilon: float | None = None) -> np.ndarray:
    """Which images are classified as labelled: the clean ones, or those of an attack.

    Args:
        found: What was measured.
        attack: The attack or its name; `None` for the clean images.
        epsilon: One of the epsilons; `None` for all.

    Returns:
        `(images,)` bool, or `(epsilons, images)` for all epsilons of an attack. An output that is not finite is never
        right: its prediction is -1, which is no class.
    """
    right: np.ndarray = found.at("prediction", attack=attack, epsilon=epsilon) == found.at("label")
    return right


def clean_accuracy(found: Measurements) -> float:
    """Accuracy on the original images; 1 by definition where there are no labels and all outputs are finite."""
    return float(np.mean(correct(found)))


def accuracy(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of the adversarial images that are classified as labelled.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.

    Raises:
        ValueError: There is no such attack or epsilon.
    """
    known = found.coordinates  # no attack is none of them, though `correct` takes it for the clean images
    return float(np.mean(correct(found, known.label("attack", attack), known.label("epsilon", epsilon))))


def accuracy_interval(found: Measurements, attack: Any | None, epsilon: float | None = None) -> tuple[float, float]:
    """The 95 % Wilson interval of an accuracy.

    Args:
        found: What was measured.
        attack: The attack or its name; `None` for the clean images.
        epsilon: One of the epsilons; not for the clean images.
    """
    level = None if attack is None else found.coordinates.label("epsilon", epsilon)
    right = correct(found, attack, level)
    return statistics.wilson_interval(int(right.sum()), len(right))


def flipped(found: Measurements, attack: Any, epsilon: float) -> np.ndarray:
    """Which images the attack brings to another prediction than the clean one, `(images,)` bool."""
    level = found.coordinates.label("epsilon", epsilon)
    other: np.ndarray = found.at("prediction", attack=attack, epsilon=level) != found.at("prediction")
    return other


def flip_rate(found: Measurements, attack: Any, epsilon: float) -> float:
    """Share of the images whose prediction the attack changed.

    Args:
        found: What was measured.
        attack: The attack or its name.
        epsilon: One of the epsilons.
    """
    return float(np.mean(flipped(found, attack, epsilon)))


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
    if norm is not None and norm not in known:
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


def is_targeted(found: Measurements, attack: Any) -> bool:
    """Whether the attack was to reach classes."""
    return bool((found.at("attack_target", attack=attack) >= 0).all())


def is_attackable(labels: Any, predictions: Any, targets: Any) -> Any:
    """Whether an image counts for a targeted attack: it is classified as labelled, and the target is not its label.

    Args:
        labels: Class indices, `(batch,)`.
        predictions: Clean predictions, `(batch,)`.
        targets: The classes to reach, `(batch,)`.
    """
    return (predictions == labels) & (targets != labels)


def attackable(found: Measurements, attack: Any) -> np.ndarray:
    """Which images count for a targeted attack: those that are correct, and not labelled as what it is to reach."""
    targets = found.at("attack_target", attack=attack)
    chosen: np.ndarray = is_attackable(found.at("label"), found.at("prediction"), targets)
    return chosen


def succeeded(found: Measurements, attack: Any) -> np.ndarray:
    """Where an attack had its way, `(epsilons, images)` bool.

    Where images are misclassified, or, of a targeted attack, where those that count for it are taken for the class
    that it is to reach.
    """
    if not is_targeted(found, attack):
        return ~correct(found, attack)
    reached = found.at("prediction", attack=attack) == found.at("attack_target", attack=attack)
    had: np.ndarray = reached & attackable(found, attack)
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
    return float(np.mean(~correct(found, attack, level)[before])) if before.any() else math.nan


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
