"""What a report says, in sentences: how much accuracy is lost, how far explanations move, what that is worth."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from keras_advxai.attacks.strength import upper_bounds
from keras_advxai.measurements import accuracy, drift
from keras_advxai.measurements.row import Row
from keras_advxai.text import enumeration, epsilon_text, number_text, percent_text
from keras_advxai.viewer.source import Source, controls, parts

_CALLED = {"nissim": "NISSIM", "top_k_distance": "top-k distance", "center_shift": "shift of the centre"}
"""What people call dissimilarities whose names do not read so by themselves."""


def title_of(metric: str) -> str:
    """What people call a dissimilarity, a user's own among them.

    Args:
        metric: Its name.

    Example:

    >>> from keras_advxai.viewer.verdict import title_of
    >>> title_of("nissim"), title_of("rank_distance"), title_of("nissim_at_16x16")
    ('NISSIM', 'rank distance', 'NISSIM at 16x16')
    """
    inner, at, size = metric.partition("_at_")
    return _CALLED.get(inner, inner.replace("_", " ")) + at.replace("_", " ") + size.replace("_", " ")


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
    name = title_of(metric)
    if math.isnan(row.mod):
        return f"How far the heatmaps of {explainer} move is not known: there is no pair of heatmaps to compare."
    said = [f"Heatmaps of {explainer} move by {number_text(row.mod)} ({name}, 0 where they stay)"]
    marks = []
    beside = None if noise is None else rows[noise, explainer, metric, level]
    control = math.nan if beside is None else beside.mod
    if not math.isnan(control):
        marks.append(f"random noise of the same size moves them by {number_text(control)}")
    if not math.isnan(row.chance):
        marks.append(f"heatmaps of different images are {number_text(row.chance)} apart")
    said.append(f"; {enumeration(marks)}" if marks else "")
    if beside is not None and row.chance > control:
        said.append(_between(row, beside))
    said.append(". ")
    if row.chance <= control:
        is_smallest = level == min(report.measurements.coordinates.epsilons)
        advice = "" if is_smallest else "; look at a smaller one"
        said.append(f"At this epsilon noise itself moves heatmaps as far as chance{advice}. ")
    return "".join([*said, _look_at(report, key, noise, row.chance / 2)]).strip()


def _between(row: Row, noise: Row) -> str:
    """A MOD between noise and chance, and what the intervals of the two say of it."""
    share = (row.mod - noise.mod) / (row.chance - noise.mod)
    if row.mod_low <= noise.mod:
        interval = f"{number_text(row.mod_low)} to {number_text(row.mod_high)}"
        return f", so this is no more than noise (its 95 % interval, {interval}, does not lie above it)"
    overlap = ", though the 95 % intervals of the two overlap" if row.mod_low <= noise.mod_high else ""
    if share >= 1:
        return f", so they are as unlike as those of different images{overlap}"
    return f", so this is {percent_text(share, 0)} of the way from noise to chance{overlap}"


def _look_at(report: Source, key: tuple[str, str, str, float], noise: str | None, limit: float) -> str:
    """Images that keep their prediction while the heatmap moves, by half of chance, are what an accuracy hides."""
    _, explainer, metric, level = key
    if math.isnan(limit) or report.provenance["task"] == "regression":
        return ""
    count, total = _kept_but_moved(report, key, limit)
    if not total:
        return "No image keeps its prediction."
    if not count:
        return f"None of the {total:,} images that keep their prediction moves half as far as chance."
    half = f"{number_text(limit)}, half of chance"
    said = f"Look at {count:,} of the {total:,} images that keep their prediction: theirs move by more than {half}."
    if noise is None:
        return said
    beside, of = _kept_but_moved(report, (noise, explainer, metric, level), limit)
    return f"{said} Under noise, {beside:,} of {of:,} do."


def _kept_but_moved(report: Source, key: tuple[str, str, str, float], limit: float) -> tuple[int, int]:
    """How many images keep their prediction while the heatmap moves further than a limit, and of how many."""
    attack, explainer, metric, level = key
    moved = drift.dissimilarity(report.measurements, attack, explainer, level, metric=metric)
    kept = ~accuracy.flipped(report.measurements, attack, level)
    return int(np.sum(kept & (moved > limit))), int(kept.sum())


def _worth(report: Source) -> str:
    by = {kind: [item for item in report.warnings if item.severity == kind] for kind in ("error", "warning", "note")}
    if by["error"]:
        return f"Do not rely on these numbers: {_count(by['error'], 'error')} below."
    if by["warning"]:
        return f"Read these numbers with care: {_count(by['warning'], 'warning')} below."
    images = len(report.measurements)
    few = f" They are of {images} images, so that intervals are wide." if images < 100 else ""
    bounds = upper_bounds(report)
    of_all = bounds and len(bounds) == len(set(report.norms.values()))
    bound = f" Accuracies under attack are upper bounds: {next(iter(bounds.values()))}." if of_all else ""
    return f"The checks have found nothing that speaks against these numbers.{few}{bound}"


def _count(found: list[Any], what: str) -> str:
    return f"{len(found)} {what}{'s' if len(found) > 1 else ''}, see"
