"""A report as a person reads it: a heading, tables, findings."""

from __future__ import annotations

import itertools
import textwrap
from typing import Any

import numpy as np

from keras_advxai.attacks.strength import upper_bounds
from keras_advxai.evaluation.corruption_tables import corruption_tables
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.evaluation.tables import accuracy_table, aims_table, drift_table
from keras_advxai.measurements.render import remark, render_profile
from keras_advxai.tables import Table, contents
from keras_advxai.tables.contents import Parts
from keras_advxai.tables.table import Remark
from keras_advxai.text import enumeration, epsilon_text, percent_text, share_text, value_text

_MOST_TABLES = 8
"""With more explainers than this, each of one layer, there is one line for each instead of a table."""

_MOST_CLASSES = 3

_NO_BREAK = "\xa0"
"""Where `textwrap` breaks no line: an accuracy stays beside its epsilon."""

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


@contents.register  # `str(report)` and files find it by this, and the report does not know its tables
def render(report: EvaluationReport) -> Parts:
    """The report: a heading, the rows, VID, warnings.

    Args:
        report: The report.
    """
    if report.measurements.coordinates.scale == "severity":  # `corrupted` by itself
        return tuple(corruption_tables(report, _MOST_TABLES))
    parts: list[str | Table | Remark] = [_heading(report)]
    # A depth needs one layer.
    single = all(len(report.provenance["layers"].get(name, ())) == 1 for name in report.explainers)
    if len(report.explainers) > _MOST_TABLES and single:
        parts.append(accuracy_table(report))
        for metric, attack in itertools.product(report.metrics, report.attacks):
            parts += render_profile(report.depth_profile(attack, metric=metric))
    elif report.explainers:
        pairs = itertools.product(report.explainers, report.metrics)
        parts += [drift_table(report, explainer, metric) for explainer, metric in pairs]
        # One table for each norm, because epsilons of two norms do not compare.
        aimed = {report.norms[attack]: None for attack, aim in report.aims.items() if aim == "explanation"}
        parts += [aims_table(report, norm) for norm in aimed]
    else:
        parts.append(accuracy_table(report))
    parts += corruption_tables(report.corrupted, _MOST_TABLES) if report.corruptions else []
    parts += map(remark, report.warnings)
    return tuple(parts)


def _heading(report: EvaluationReport) -> str:
    source = report.provenance
    lower, upper = source["bounds"]
    first = (
        f"{_model_text(source)} on {len(report.measurements)} images in [{lower:g}, {upper:g}]"
        f"{_preprocess_text(source['preprocess'])}, {_clean_text(report)}"
    )
    lines = textwrap.wrap(first, width=110)
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


def _model_text(source: dict[str, Any]) -> str:
    """The name of the model, and the file that it was loaded from, since many names are of Keras' making."""
    return str(source["model"]) + ("" if source["source"] is None else f" ({source['source']})")


def _preprocess_text(preprocess: str | None) -> str:
    return "" if preprocess in (None, "model") else f", preprocessed by {preprocess}"


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
    return f"clean accuracy {share_text(report.clean_accuracy, report.accuracy_interval(None))}"


def _targets_line(rule: str | int | None) -> str:
    """The target classes of the targeted attacks."""
    if rule is None:  # of measurements that were made by hand
        return "Targeted attacks are to reach other classes."
    return f"Targeted attacks are to reach {_TARGET_RULES.get(rule, f'class {rule}')}."


def _robust_lines(report: EvaluationReport) -> list[str]:
    """The worst case over attacks and epsilons, a line for each norm."""
    if report.provenance["task"] == "regression":
        return []
    norms, bounds = dict.fromkeys(report.norms.values()), upper_bounds(report)
    lines = []
    for norm in norms:
        shares = [
            f"{share_text(report.robust_accuracy(epsilon, norm=norm), report.robust_interval(epsilon, norm=norm))}"
            f" at {epsilon_text(epsilon)}"
            for epsilon in report.epsilons
        ]
        names = [name for name, known in report.norms.items() if known == norm]
        attacks = enumeration(names) if len(names) < 4 else f"{len(names)} attacks"
        what = "Images with all labels right" if report.provenance["task"] == "multi_label" else "Robust accuracy"
        title = f"{what}{f' ({norm})' if len(norms) > 1 else ''}, the worst case over {attacks} (95 % intervals)"
        whole = ", ".join(share.replace(" ", _NO_BREAK) for share in shares)
        bound = f" An upper bound: {bounds[norm]}." if norm in bounds else ""
        wrapped = textwrap.wrap(f"{title}: {whole}.{bound}", width=110)  # as wide as a table
        lines += [line.replace(_NO_BREAK, " ") for line in wrapped]
    return lines
