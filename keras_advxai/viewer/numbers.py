"""The figures of a report, and what was measured of each image, as the viewer's charts and tables take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_advxai.measurements import accuracy, drift
from keras_advxai.measurements.outcomes import OneClass, outcomes
from keras_advxai.viewer.plain import plain
from keras_advxai.viewer.source import Source

MOST_IMAGES = 2000
"""Of so many images single values are kept, at most."""

_MOST_NUMBERS = 240_000
_DRIFT = ("mod", "mod_low", "mod_high", "mod_flipped", "mod_kept", "std", "blank_rate", "left_out")
_ACCURACY = ("accuracy", "flip_rate", "attack_success_rate", "budget_used", "mean_change")


def figures(report: Source) -> dict[str, Any]:
    """Accuracy and drift by attack, explainer and dissimilarity, a list over the epsilons each.

    Args:
        report: The report.
    """
    found, known = report.measurements, report.measurements.coordinates
    rows = {(row.attack, row.explainer, row.metric, row.epsilon): row for row in report.rows}
    seen = [(explainer, metric) for explainer in known.explainers for metric in known.metrics]
    first = seen[0] if seen else ("", "")
    attacks: dict[str, Any] = {}
    for attack in known.attacks:
        of = [rows[(attack, *first, epsilon)] for epsilon in known.epsilons]
        ends = [accuracy.accuracy_interval(found, attack, epsilon) for epsilon in known.epsilons]
        attacks[attack] = {name: [getattr(row, name) for row in of] for name in _ACCURACY}
        attacks[attack] |= {"low": [low for low, _ in ends], "high": [high for _, high in ends]}
    drifts: dict[str, Any] = {}
    for explainer, metric in seen:
        by_attack: dict[str, Any] = {}
        for attack in known.attacks:
            of = [rows[attack, explainer, metric, epsilon] for epsilon in known.epsilons]
            by_attack[attack] = {name: [getattr(row, name) for row in of] for name in _DRIFT}
            by_attack[attack]["vid"] = drift.vid(found, attack, explainer, metric=metric)
        by_chance = drift.chance(found, explainer, metric=metric)
        drifts.setdefault(metric, {})[explainer] = {"chance": by_chance, "attacks": by_attack}
    clean = accuracy.clean_accuracy(found)
    low, high = accuracy.accuracy_interval(found, None)
    shown: dict[str, Any] = plain(
        {
            "images": len(found),
            "clean": {"accuracy": clean, "low": low, "high": high},
            "attacks": attacks,
            "drift": drifts,
        }
    )
    return shown


def samples(report: Source, pictured: list[int]) -> dict[str, Any]:
    """What was measured of each image, as columns.

    Args:
        report: The report.
        pictured: The places of the images with pictures, which are among them.

    Returns:
        The columns: `index`, `name`, `label`, `prediction` and `confidence` of the clean images, and by attack, each
        a list over the epsilons of lists over the images, `predictions`, `confidences`, `flipped` and, by
        dissimilarity and explainer in front, `dissimilarity`.
    """
    found, known = report.measurements, report.measurements.coordinates
    chosen = _chosen(len(found), pictured, _most(report))
    of, right = found.select(chosen), outcomes(found)
    say_classes = type(right) is OneClass

    def by_epsilon(name: str, attack: str, **labels: str) -> list[list[Any]]:
        digits = 4 if name == "confidence" else 5
        listed: list[list[Any]] = plain(
            [of.at(name, attack=attack, epsilon=level, **labels) for level in known.epsilons], digits
        )
        return listed

    names = of.at("name").tolist()
    columns: dict[str, Any] = {
        "of": len(found),
        "index": chosen,
        "name": names if any(names) else None,
        "label": of.at("label") if say_classes and report.provenance["labels"] == "given" else None,
        "prediction": of.at("prediction"),
        "confidence": plain(of.at("confidence"), 4),
        "predictions": {attack: by_epsilon("prediction", attack) for attack in known.attacks},
        "confidences": {attack: by_epsilon("confidence", attack) for attack in known.attacks},
        "flipped": {
            attack: [accuracy.flipped(found, attack, level)[chosen].astype(int) for level in known.epsilons]
            for attack in known.attacks
        },
        "dissimilarity": {
            metric: {
                explainer: {
                    attack: by_epsilon("dissimilarity", attack, metric=metric, explainer=explainer)
                    for attack in known.attacks
                }
                for explainer in known.explainers
            }
            for metric in known.metrics
        },
    }
    shown: dict[str, Any] = plain(columns)
    return shown


def _most(report: Source) -> int:
    known = report.measurements.coordinates
    each = len(known.attacks) * len(known.epsilons) * (3 + len(known.explainers) * len(known.metrics))
    return max(16, min(MOST_IMAGES, _MOST_NUMBERS // max(1, each)))


def _chosen(images: int, pictured: list[int], most: int) -> np.ndarray:
    """The places of the images that are listed: those with pictures, and others uniformly spread."""
    spread = np.arange(images) if images <= most else np.linspace(0, images - 1, most).round().astype(int)
    return np.unique([*spread.tolist(), *(place for place in pictured if 0 <= place < images)]).astype(int)
