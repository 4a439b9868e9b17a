"""The probabilities of the pictured images, as the viewer shows them: of the classes that matter to each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.viewer.plain import plain

MOST = 5
"""Of so many classes, the most probable ones, probabilities are kept before and after."""

_DIGITS = 4  # as of confidences: one number is not to be rounded in two ways


def probabilities(
    examples: Sequence[Example],
    indices: Sequence[int],
    levels: Mapping[str, Sequence[float]],
    true: Sequence[Sequence[int]],
) -> dict[str, Any] | None:
    """The probabilities of each pictured image before and after, at every level of every attack or corruption.

    Of a thousand classes a few matter: the `MOST` most probable ones of the original, those of the adversarial image,
    and the label. So what is kept does not grow with the number of classes.

    Args:
        examples: The examples of a report.
        indices: Those images of them that are pictured.
        levels: By attack or corruption its epsilons or severities.
        true: Of each of these images the true class, or the true labels; empty where there are none.

    Returns:
        `true`, as given; and under `attacks`, by attack or corruption, for each level, for each image a list of
        `[class, before, after]`, the class with the largest of the two first. `None` without pictures, and where there
        are no probabilities, as of a regression.
    """
    if not indices:
        return None
    by = {(item.index, item.attack, item.level): item for item in examples}  # of all explainers the same
    found: dict[str, list[list[Any]]] = {attack: [] for attack in levels}
    for attack, level in ((attack, level) for attack, of in levels.items() for level in of):
        of_images = []
        for index, labels in zip(indices, true, strict=True):
            item = by[index, attack, level]
            if item.probabilities is None or item.adversarial_probabilities is None:
                return None
            of_images.append(_rows(item.probabilities, item.adversarial_probabilities, labels))
        found[attack].append(of_images)
    return {"true": [list(labels[:MOST]) for labels in true], "attacks": found}


def true_classes(found: Measurements, given: bool, indices: Sequence[int]) -> list[list[int]]:
    """The label of some images, or of a model of several labels those that each has; none where there are no labels.

    Args:
        found: The measurements.
        given: Whether there are labels.
        indices: The places of the images.
    """
    if not given:
        return [[] for _ in indices]
    if "true_labels" in found:
        return [np.flatnonzero(found.at("true_labels")[:, index]).tolist() for index in indices]
    return [[int(found.at("label")[index])] for index in indices]


def _rows(before: np.ndarray, after: np.ndarray, labels: Sequence[int]) -> list[list[Any]]:
    of = list(itertools.chain(_largest(before), _largest(after), labels[:MOST]))
    larger = _known(np.fmax(before, after))  # of NaN and a number the number
    kept = sorted(dict.fromkeys(of), key=lambda place: (-larger[place], place))
    rows: list[list[Any]] = plain([[place, float(before[place]), float(after[place])] for place in kept], _DIGITS)
    return rows


def _largest(values: np.ndarray) -> list[int]:
    # Ties go to the first class.
    return [int(place) for place in np.argsort(-_known(values), kind="stable")[:MOST]]


def _known(values: np.ndarray) -> np.ndarray:
    """Probabilities, with less than any in place of NaN, which an output that is not finite has."""
    return np.where(np.isnan(values), -1.0, values)
