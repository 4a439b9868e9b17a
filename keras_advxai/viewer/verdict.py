"""What a report says, in sentences: how much accuracy is lost, how far explanations move, what that is worth."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from keras_advxai.measurements import accuracy, drift
from keras_advxai.measurements.row import Row
from keras_advxai.text import enumeration, epsilon_text, number_text, percent_text
from keras_advxai.viewer.source import Source, controls, parts

METRICS = {
    "nissim": "NISSIM",
    "rank_distance": "rank distance",
    "top_k_distance": "top-k distance",
    "cosine_distance": "cosine distance",
    "center_shift": "shift of the centre",
}
"""What people call dissimilarities."""


def verdict(report: Source) -> dict[str, Any]:
    """The sentences, for every choice that the viewer offers.

    Args:
        report: The report.

    Returns:
        `accuracy`: by attack or corruption, a headline and a sentence for each epsilon or severity. `drift`: by
        dissimilarity, explainer and attack, a few sentences for each of these, with what is worth a look at their end.
        `worth`: what the numbers are worth.
    """
    known = report.measurements.coordinates
    words: dict[str, dict[str, Any]] = {"accuracy": {}, "drift": {}}
    for part in parts(report):
        levels = part.measurements.coordinates.epsilons
        rows = {(row.attack, row.explainer, row.metric, row.epsilon): row for row in part.rows}
        by_condition = {(row.attack, row.epsilon): row for row in part.rows}
        for attack in part.measurements.coordinates.attacks:
            words["accuracy"][attack] = [_accuracy(part, by_condition[attack, level]) for level in levels]
            for metric, explainer in itertools.product(known.metrics, known.explainers):
                said = [_drift(part, rows, (attack, explainer, metric, level)) for level in levels]
                words["drift"].setdefault(metric, {}).setdefault(explainer, {})[attack] = said
    return {**words, "worth": _worth(report)}


def _accuracy(report: Source, row: Row) -> list[str]:
    """A line, and what belongs to it."""
    images = f"{row.images:,} image{'s' if row.images != 1 else ''}"
    scale = report.measurements.coordinates.scale
    where = f"{row.attack} at {scale} {f'{row.epsilon:g}' if scale == 'severity' else epsilon_text(row.epsilon)}"
    if report.provenance["task"] == "regression":
        return [f"{where} changes the outputs by {number_text(row.mean_change)} on average", f"Of {images}."]
    clean = accuracy.clean_accuracy(report.measurements)
    if math.isnan(clean) or math.isnan(row.accuracy):
        return [f"The accuracy under {where} is not known", f"Of {images}."]
    low, high = accuracy.accuracy_interval(report.measurements, row.attack, row.epsilon)
    change = "leaves accuracy at" if row.accuracy == clean else f"takes accuracy from {percent_text(clean)} to"
    known = f"Of {images}; the 95 % interval is {percent_text(low)} to {percent_text(high)}."
    return [f"{where} {change} {percent_text(row.accuracy)}", known]


def _drift(report: Source, rows: dict[tuple[str, str, str, float], Row], key: tuple[str, str, str, float]) -> str:
    attack, explainer, metric, level = key
    row, noise = rows[key], controls(report)[attack]
    name = METRICS.get(metric, metric)
    if math.isnan(row.mod):
        return f"How far the heatmaps of {explainer} move is not known: there is no pair of heatmaps to compare."
    said = [f"Heatmaps of {explainer} move by {number_text(row.mod)} ({name}, 0 where they stay)"]
    marks = []
    control = math.nan if noise is None else rows[noise, explainer, metric, level].mod
    if not math.isnan(control):
        marks.append(f"random noise of the same size moves them by {number_text(control)}")
    if not math.isnan(row.chance):
        marks.append(f"heatmaps of different images are {number_text(row.chance)} apart")
    said.append(f"; {enumeration(marks)}" if marks else "")
    share = (row.mod - control) / (row.chance - control) if row.chance > control else math.nan
    if not math.isnan(share):
        said.append(_between(share, row, control))
    return "".join([*said, ". ", _look_at(report, key)]).strip()


def _between(share: float, row: Row, control: float) -> str:
    if row.mod_low <= control:
        return ", so this is no more than noise"
    if share >= 1:
        return ", so they are as unlike as those of different images"
    return f", so this is {percent_text(share, 0)} of the way from noise to chance"


def _look_at(report: Source, key: tuple[str, str, str, float]) -> str:
    """Images that keep their prediction while the heatmap moves are what an accuracy does not show."""
    attack, explainer, metric, level = key
    found = report.measurements
    moved = drift.dissimilarity(found, attack, explainer, level, metric=metric)
    kept = ~accuracy.flipped(found, attack, level)
    limit = moved_limit(report, key)
    if math.isnan(limit) or report.provenance["task"] == "regression":
        return ""
    count = int(np.sum(kept & (moved > limit)))
    total = int(kept.sum())
    if not total:
        return "No image keeps its prediction."
    if not count:
        return f"None of the {total:,} images that keep their prediction moves half as far as chance."
    return f"Look at {count:,} of the {total:,} images that keep their prediction: theirs move more than half that far."


def moved_limit(report: Source, key: tuple[str, str, str, float]) -> float:
    """From which dissimilarity on a heatmap counts as moved: half of chance.

    Args:
        report: The report.
        key: Attack, explainer, dissimilarity and epsilon.
    """
    return drift.chance(report.measurements, key[1], metric=key[2]) / 2


def _worth(report: Source) -> str:
    by = {kind: [item for item in report.warnings if item.severity == kind] for kind in ("error", "warning", "note")}
    if by["error"]:
        return f"Do not rely on these numbers: {_count(by['error'], 'error')} below."
    if by["warning"]:
        return f"Read these numbers with care: {_count(by['warning'], 'warning')} below."
    images = len(report.measurements)
    few = f" They are of {images} images, so that intervals are wide." if images < 100 else ""
    return f"The checks have found nothing that speaks against these numbers.{few}"


def _count(found: list[Any], what: str) -> str:
    return f"{len(found)} {what}{'s' if len(found) > 1 else ''}, see"
