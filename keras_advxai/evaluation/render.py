"""A report as a table that a person can read."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.table import Table

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements.accuracy import is_minimum_norm
from keras_advxai.measurements.completeness import promises_completeness
from keras_advxai.measurements.render import finding_text, metric_text, render_profile
from keras_advxai.measurements.row import Row, accuracy_row
from keras_advxai.measurements.tables import new_table, to_text
from keras_advxai.text import as_text, enumeration, epsilon_text, number_text, percent_text, range_text, value_text

_MOST_TABLES = 8
"""With more explainers than this, each of one layer, there is one line for each instead of a table."""

_MOST_CLASSES = 3

_AIMS = {"explanation": "explanation", "label": "label", "noise": "noise"}
"""What the columns of attacks are headed with, in their order."""

_TARGETS = {
    "predicted": "each image's own prediction",
    "clean": "the clean prediction, for both images",
    "label": "the label, for both images",
}

_TARGET_RULES: dict[str | int, str] = {
    "least_likely": "the least likely class of each image",
    "runner_up": "the likeliest class of each image other than its label",
    "random": "a random class for each image other than its label",
    "given": "the class that was given for each image",
}


def _share(name: str) -> Callable[[Row], str]:
    return lambda row: percent_text(getattr(row, name))


_COLUMNS: dict[str, dict[str, Callable[[Row], str]]] = {
    "classification": {
        "accuracy": _share("accuracy"),
        "flipped": _share("flip_rate"),
        "success": _share("attack_success_rate"),
    },
    "multi_label": {
        "labels\nright": _share("accuracy"),
        "all\nright": _share("exact_accuracy"),
        "labels\nflipped": _share("flip_rate"),
        "success": _share("attack_success_rate"),
    },
    "regression": {"mean\nchange": lambda row: value_text(row.mean_change)},
}
"""For each task, the columns that are not about heatmaps."""


@as_text.register  # `str(report)` finds it by this, and the report does not know its table
def render(report: EvaluationReport) -> str:
    """The report as aligned ASCII text: a heading, the rows, VID, warnings.

    Args:
        report: The report.
    """
    parts = [_heading(report)]
    # A depth needs one layer.
    single = all(len(report.provenance["layers"].get(name, ())) == 1 for name in report.explainers)
    if len(report.explainers) > _MOST_TABLES and single:
        parts.append(to_text(_accuracy_table(report)))
        parts += [
            render_profile(report.depth_profile(attack, metric=metric))
            for metric in report.metrics
            for attack in report.attacks
        ]
    elif report.explainers:
        pairs = itertools.product(report.explainers, report.metrics)
        parts += [to_text(_drift_table(report, explainer, metric)) for explainer, metric in pairs]
        # One table for each norm, because epsilons of two norms do not compare.
        aimed = {report.norms[attack]: None for attack, aim in report.aims.items() if aim == "explanation"}
        parts += [to_text(_aims_table(report, norm)) for norm in aimed]
    else:
        parts.append(to_text(_accuracy_table(report)))
    parts += map(finding_text, report.warnings)
    return "\n\n".join(parts)


def _heading(report: EvaluationReport) -> str:
    source = report.provenance
    lower, upper = source["bounds"]
    lines = [f"{source['model']} on {len(report.measurements)} images in [{lower:g}, {upper:g}], {_clean_text(report)}"]
    if source["partial"] is not None:
        lines += textwrap.wrap(_partial_line(source["partial"]), width=110)
    if source["part"] is not None:
        lines.append(_part_line(report))
    if source["task"] == "classification":
        lines += textwrap.wrap(_predictions_line(report), width=110)
    if source["preprocess"] == "model":
        lines.append("Images go through the model's own `preprocessor`, as in its `predict`.")
    if source["task"] == "regression":
        lines.append("Attacks raise the change of the output from the clean one, not its distance from the targets.")
    lines += _robust_lines(report)
    if report.targeted_attacks:
        lines.append(_targets_line(source["attack_targets"]))
    if report.explainers:
        lines.append(f"Heatmaps explain {_TARGETS[report.target]}.")
        size = "x".join(map(str, source["heatmap_size"]))
        # NISSIM is given with its window and size: with others it is another number.
        others = enumeration([metric for metric in report.metrics if metric != "nissim"])
        of = f"at {size}: {source['ssim']}" if size else "at the images' own sizes, of which there are several"
        lines += [f"NISSIM {of}."] if "nissim" in report.metrics else []
        lines += [f"Other dissimilarities of heatmaps{f', at {size}' if size else ''}: {others}."] if others else []
    return "\n".join(lines)


def _partial_line(known: dict[str, Any]) -> str:
    of = "" if known["of"] is None else f" of {known['of']}"
    return f"PARTIAL: {known['images']}{of} images, up to batch {known['batch']}, which failed: {known['reason']}"


def _part_line(report: EvaluationReport) -> str:
    part = report.provenance["part"]
    (index, total), (first, end) = part["shard"], part["batches"]
    images = f"images {part['first']} to {part['first'] + len(report.measurements) - 1}"
    of = "" if part["of_images"] is None else f" of {part['of_images']}"
    batches = f"batches {first} to {end - 1} of {part['of_batches']}"
    return f"PART {index + 1} of {total}, shard=({index}, {total}): {images}{of}, {batches}."


def _predictions_line(report: EvaluationReport) -> str:
    """The classes that the model predicts most often on the clean images, how often, and with which confidence."""
    # At the top, where it shows: a model that is given other images than it was trained on calls them pillows.
    found, names = report.measurements, report.provenance["class_names"]
    predicted, confidence = found.at("prediction"), found.at("confidence")
    missing = int(np.sum(predicted < 0))  # outputs that are not finite say no class
    lacking = f"no class for {missing} images, whose outputs are NaN or infinite"
    if missing == len(predicted):
        return f"Predicted on the clean images: {lacking}."
    classes, counts = np.unique(predicted[predicted >= 0], return_counts=True)
    order = np.lexsort((classes, -counts))[:_MOST_CLASSES]
    parts = []
    for label, count in zip(classes[order].tolist(), counts[order].tolist(), strict=True):
        known = confidence[(predicted == label) & ~np.isnan(confidence)]
        sure = percent_text(float(np.median(known))) if len(known) else "-"
        parts.append(f"{names[label] if label < len(names) else f'class {label}'} ({count}, {sure})")
    others = len(classes) - len(parts)
    rest = f", and {others} other class{'es' if others > 1 else ''}" if others else ""
    rest += f"; {lacking}" if missing else ""
    return f"Predicted on the clean images (how often, median confidence): {', '.join(parts)}{rest}."


def _clean_text(report: EvaluationReport) -> str:
    """What there is to say of the clean images."""
    task, given = report.provenance["task"], report.provenance["labels"] == "given"
    labels = report.measurements.coordinates.classes
    if task == "regression":
        error = f", clean mean absolute error {value_text(report.mean_error())}" if given else ""
        return f"a regression of {labels} number{'s' if labels > 1 else ''}{error}"
    if task == "multi_label":
        # Agreement with its own prediction would be 100 %.
        if not given:
            return f"{labels} labels each, none given: accuracy counts agreement with the clean prediction"
        exact = percent_text(report.exact_accuracy())
        return (
            f"{labels} labels each: {percent_text(report.clean_accuracy)} right, all of them for {exact} of the images"
        )
    if not given:
        return "no labels: accuracy counts agreement with the clean prediction"
    return f"clean accuracy {percent_text(report.clean_accuracy)}"


def _targets_line(rule: str | int | None) -> str:
    """The target classes of the targeted attacks."""
    if rule is None:  # of measurements that were made by hand
        return "Targeted attacks are to reach other classes."
    return f"Targeted attacks are to reach {_TARGET_RULES.get(rule, f'class {rule}')}."


def _robust_lines(report: EvaluationReport) -> list[str]:
    """The worst case over attacks and epsilons, a line for each norm."""
    if report.provenance["task"] == "regression":
        return []
    norms = dict.fromkeys(report.norms.values())
    lines = []
    for norm in norms:
        shares = [
            f"{percent_text(report.robust_accuracy(epsilon, norm=norm))} at {epsilon_text(epsilon)}"
            for epsilon in report.epsilons
        ]
        names = [name for name, known in report.norms.items() if known == norm]
        attacks = enumeration(names) if len(names) < 4 else f"{len(names)} attacks"
        what = "Images with all labels right" if report.provenance["task"] == "multi_label" else "Robust accuracy"
        title = f"{what}{f' ({norm})' if len(norms) > 1 else ''}, the worst case over {attacks}"
        lines += textwrap.wrap(f"{title}: {', '.join(shares)}.", width=110)  # as wide as a table
    return lines


def _drift_table(report: EvaluationReport, explainer: str, metric: str) -> Table:
    layers = ", ".join(report.provenance["layers"].get(explainer, ()))
    title = f"{explainer}{metric_text(metric)}{f' at layer {layers}' if layers else ''}"
    if promises_completeness(report.measurements, explainer):
        gap = report.completeness(explainer)
        title += f", completeness gap: median {percent_text(gap.median)}, largest {percent_text(gap.largest)}"
    chance = report.chance(explainer, metric=metric)
    title += "" if math.isnan(chance) else f", chance {number_text(chance)}"
    table = _table(title, report)
    drift = (
        "budget\nused",
        "MOD",
        "of\nchance",
        "95 %\ninterval",
        "std",
        "MOD\nflipped",
        "MOD\nkept",
        "MOD clean\ntarget",
        "blank",
    )
    for name in drift:
        table.add_column(name, justify="right")
    for attack in report.attacks:
        nearest = " (nearest misclassified)" if is_minimum_norm(report.measurements, attack) else ""
        table.add_row(f"{attack}{nearest}")
        for row in report.rows:
            if (row.attack, row.explainer, row.metric) == (attack, explainer, metric):
                table.add_row(*_accuracy_cells(row, report), *_drift_cells(row))
        # VID is a spread over all epsilons, so it stands below them and in no row of theirs.
        interval = report.vid_interval(attack, explainer, metric=metric)
        spread = number_text(report.vid(attack, explainer, metric=metric)), "", range_text(*interval)
        before = [""] * (len(_columns(report)) + 1)
        table.add_row("  VID", *before, *spread, end_section=True)
    return table


def _aims_table(report: EvaluationReport, norm: str) -> Table:
    """MOD beside one another: of attacks on the explanation, of attacks on the label, and of noise, all of one norm."""
    attacks = [attack for attack in report.attacks if report.norms[attack] == norm]
    # What is meant to move explanations stands first, what must not be taken for it last.
    order = sorted(attacks, key=lambda attack: list(_AIMS).index(report.aims[attack]))
    table = new_table(
        f"MOD by what was aimed at{f' ({norm})' if len(set(report.norms.values())) > 1 else ''}",
        "explainer and\nepsilon",
        [*(f"{_AIMS[report.aims[attack]]}:\n{attack}" for attack in order), "chance"],
    )
    for explainer in report.explainers:
        table.add_row(explainer)
        for epsilon in report.epsilons:
            mods = (number_text(report.mod(attack, explainer, epsilon)) for attack in order)
            chance = number_text(report.chance(explainer))
            table.add_row(f"  {epsilon_text(epsilon)}", *mods, chance, end_section=epsilon == report.epsilons[-1])
    return table


def _accuracy_table(report: EvaluationReport) -> Table:
    table = _table("", report)
    for attack in report.attacks:
        table.add_row(attack)
        for epsilon in report.epsilons:
            row = accuracy_row(report.measurements, attack, epsilon)
            table.add_row(*_accuracy_cells(row, report), end_section=epsilon == report.epsilons[-1])
    return table


def _accuracy_cells(row: Row, report: EvaluationReport) -> tuple[str, ...]:
    return (f"  {epsilon_text(row.epsilon)}", *(cell(row) for cell in _columns(report).values()))


def _columns(report: EvaluationReport) -> dict[str, Callable[[Row], str]]:
    """The columns that are not about heatmaps."""
    reached = {"target\nreached": _share("targeted_success_rate")} if report.targeted_attacks else {}
    return {**_COLUMNS[report.provenance["task"]], **reached}


def _drift_cells(row: Row) -> tuple[str, ...]:
    others = (row.std, row.mod_flipped, row.mod_kept, row.mod_clean)
    return (
        percent_text(row.budget_used, 0),  # a table is to fit into 120 columns
        number_text(row.mod),
        percent_text(row.relative_mod, 0),
        range_text(row.mod_low, row.mod_high),
        *(number_text(value) for value in others),
        percent_text(row.blank_rate),
    )


def _table(title: str, report: EvaluationReport) -> Table:
    return new_table(title, "attack and\nepsilon", list(_columns(report)))
