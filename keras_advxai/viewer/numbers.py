"""The figures of a report, and what was measured of each image, as the viewer's charts and tables take them."""

from __future__ import annotations

import itertools
from typing import Any, cast

import numpy as np

from keras_advxai.measurements import accuracy, drift
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.outcomes import OneClass, outcomes
from keras_advxai.viewer.plain import plain
from keras_advxai.viewer.source import Source, parts

MOST_IMAGES = 2000
"""Of so many images single values are kept, at most."""

_MOST_NUMBERS = 240_000
_DRIFT = ("mod", "mod_low", "mod_high", "mod_flipped", "mod_kept", "std", "blank_rate", "left_out")
_ACCURACY = ("accuracy", "flip_rate", "attack_success_rate", "budget_used", "mean_change")


def figures(report: Source) -> dict[str, Any]:
    """Accuracy and drift by attack or corruption, explainer and dissimilarity, a list over the epsilons each.

    Those of corruptions are lists over the severities. Under `targets`, `mod`, `mod_flipped` and `mod_kept` of the
    explainers whose heatmaps were also measured for another class than the report's own target.

    Args:
        report: The report.
    """
    found = report.measurements
    attacks: dict[str, Any] = {}
    drifts: dict[str, Any] = {}
    for part in parts(report):
        attacks |= _outcomes(part)
        for metric, explainers in _drifts(part).items():
            for explainer, new in explainers.items():
                of = drifts.setdefault(metric, {}).setdefault(explainer, new)
                of["attacks"] |= new["attacks"]
                for target, moved in new["targets"].items():
                    of["targets"].setdefault(target, {}).update(moved)
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


def _outcomes(report: Source) -> dict[str, Any]:
    """Accuracy and what belongs to it, by attack."""
    found, known = report.measurements, report.measurements.coordinates
    rows = {(row.attack, row.epsilon): row for row in report.rows}  # of all explainers the same
    attacks = {}
    for attack in known.attacks:
        of = [rows[attack, epsilon] for epsilon in known.epsilons]
        ends = [accuracy.accuracy_interval(found, attack, epsilon) for epsilon in known.epsilons]
        attacks[attack] = {name: [getattr(row, name) for row in of] for name in _ACCURACY}
        attacks[attack] |= {"low": [low for low, _ in ends], "high": [high for _, high in ends]}
    return attacks


def _drifts(report: Source) -> dict[str, dict[str, Any]]:
    """Drift by dissimilarity, explainer and attack."""
    found, known = report.measurements, report.measurements.coordinates
    rows = {(row.attack, row.explainer, row.metric, row.epsilon): row for row in report.rows}
    drifts: dict[str, dict[str, Any]] = {}
    further = {explainer: further_targets(found, explainer) for explainer in known.explainers}
    for explainer, metric in itertools.product(known.explainers, known.metrics):
        by_attack: dict[str, Any] = {}
        for attack in known.attacks:
            of = [rows[attack, explainer, metric, epsilon] for epsilon in known.epsilons]
            by_attack[attack] = {name: [getattr(row, name) for row in of] for name in _DRIFT}
            by_attack[attack]["vid"] = drift.vid(found, attack, explainer, metric=metric)
        targets = {
            target: {attack: _of_target(report, attack, explainer, metric, target) for attack in known.attacks}
            for target in further[explainer]
        }
        by_chance = drift.chance(found, explainer, metric=metric)
        drifts.setdefault(metric, {})[explainer] = {"chance": by_chance, "attacks": by_attack, "targets": targets}
    return drifts


def further_targets(found: Measurements, explainer: str) -> list[str]:
    """The targets, beside the report's own, for which the heatmaps of an explainer were measured.

    Args:
        found: What was measured.
        explainer: The name of the explainer.
    """
    # Costly explainers are run for one target alone; of the others there is nothing but NaN.
    known = found.coordinates.targets[1:]
    return [
        target for target in known if np.isfinite(found.at("dissimilarity", explainer=explainer, target=target)).any()
    ]


def _of_target(report: Source, attack: str, explainer: str, metric: str, target: Any) -> dict[str, Any]:
    found, splits = report.measurements, {"mod": None, "mod_flipped": "flipped", "mod_kept": "kept"}
    return {
        name: [
            drift.mod(found, attack, explainer, epsilon, metric=metric, target=target, split=cast(Any, split))
            for epsilon in found.coordinates.epsilons
        ]
        for name, split in splits.items()
    }


def samples(report: Source, pictured: list[int]) -> dict[str, Any]:
    """What was measured of each image, as columns.

    Args:
        report: The report.
        pictured: The places of the images with pictures, which are among them.

    Returns:
        The columns: `index`, `name`, `label`, `prediction` and `confidence` of the clean images, and by attack or
        corruption, each a list over its epsilons or severities of lists over the images, `predictions`,
        `confidences`, `flipped` and, by dissimilarity and explainer in front, `dissimilarity`. With a target in front
        of these, `targets` has the dissimilarities of other targets than the report's own.
    """
    found = report.measurements
    chosen = _chosen(len(found), pictured, _most(report))
    of = found.select(chosen)
    say_classes = type(outcomes(found)) is OneClass
    names = of.at("name").tolist()
    columns: dict[str, Any] = {
        "of": len(found),
        "index": chosen,
        "name": names if any(names) else None,
        "label": of.at("label") if say_classes and report.provenance["labels"] == "given" else None,
        "prediction": of.at("prediction"),
        "confidence": plain(of.at("confidence"), 4),
        "predictions": {},
        "confidences": {},
        "flipped": {},
        "dissimilarity": {},
        "targets": {},
    }
    for part in parts(report):
        _add_columns(columns, part.measurements, chosen)
    shown: dict[str, Any] = plain(columns)
    return shown


def _add_columns(columns: dict[str, Any], found: Measurements, chosen: np.ndarray) -> None:
    """What was measured under the attacks, or under the corruptions."""
    known, of = found.coordinates, found.select(chosen)

    def by_level(name: str, attack: str, **labels: str) -> list[list[Any]]:
        digits = 4 if name == "confidence" else 5
        listed: list[list[Any]] = plain(
            [of.at(name, attack=attack, epsilon=level, **labels) for level in known.epsilons], digits
        )
        return listed

    for attack in known.attacks:
        columns["predictions"][attack] = by_level("prediction", attack)
        columns["confidences"][attack] = by_level("confidence", attack)
        flips = [accuracy.flipped(found, attack, level)[chosen] for level in known.epsilons]
        columns["flipped"][attack] = [flipped.astype(int) for flipped in flips]
    further = {explainer: further_targets(found, explainer) for explainer in known.explainers}
    for explainer, metric in itertools.product(known.explainers, known.metrics):
        places: list[tuple[dict[str, str], dict[str, Any]]] = [({}, columns["dissimilarity"])]
        for target in further[explainer]:
            places.append(({"target": target}, columns["targets"].setdefault(target, {})))
        for asked, place in places:
            at = place.setdefault(metric, {}).setdefault(explainer, {})
            for attack in known.attacks:
                at[attack] = by_level("dissimilarity", attack, metric=metric, explainer=explainer, **asked)


def _most(report: Source) -> int:
    known = report.measurements.coordinates
    drifts = sum(1 + len(further_targets(report.measurements, name)) for name in known.explainers) * len(known.metrics)
    each = (known.size("condition") - 1) * (3 + drifts)
    return max(16, min(MOST_IMAGES, _MOST_NUMBERS // max(1, each)))


def _chosen(images: int, pictured: list[int], most: int) -> np.ndarray:
    """The places of the images that are listed: those with pictures, and others uniformly spread."""
    spread = np.arange(images) if images <= most else np.linspace(0, images - 1, most).round().astype(int)
    return np.unique([*spread.tolist(), *(place for place in pictured if 0 <= place < images)]).astype(int)
