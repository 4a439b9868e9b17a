"""The tables of a report."""

from __future__ import annotations

import math
from typing import Any

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.measurements.accuracy import is_minimum_norm
from keras_advxai.measurements.completeness import decides_steps, promises_completeness
from keras_advxai.measurements.render import metric_text
from keras_advxai.measurements.row import Row, accuracy_row
from keras_advxai.tables import Column, Table
from keras_advxai.text import epsilon_text, number_text, percent_text, range_text, value_text

_AIMS = {"explanation": "explanation", "label": "label", "noise": "noise"}
"""What the columns of attacks are headed with, in their order."""


_EPSILON = Column("epsilon", "attack and\nepsilon", epsilon_text)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "classification": (
        Column("accuracy", show=percent_text),
        Column("flip_rate", "flipped", percent_text),
        Column("attack_success_rate", "success", percent_text),
    ),
    "multi_label": (
        Column("accuracy", "labels\nright", percent_text),
        Column("exact_accuracy", "all\nright", percent_text),
        Column("flip_rate", "labels\nflipped", percent_text),
        Column("attack_success_rate", "success", percent_text),
    ),
    "regression": (Column("mean_change", "mean\nchange", value_text),),
}
"""For each task, the columns that are not about heatmaps."""

_REACHED = Column("targeted_success_rate", "target\nreached", percent_text)


def _whole_percent(share: float) -> str:
    return percent_text(share, 0)  # a table is to fit into 120 columns


_DRIFT = (
    Column("budget_used", "budget\nused", _whole_percent),
    Column("mod", "MOD", number_text),
    Column("relative_mod", "of\nchance", _whole_percent),
    Column("interval", "95 %\ninterval", lambda ends: range_text(*ends)),
    Column("std", show=number_text),
    Column("mod_flipped", "MOD\nflipped", number_text),
    Column("mod_kept", "MOD\nkept", number_text),
    Column("mod_clean", "MOD clean\ntarget", number_text),
    Column("blank_rate", "blank", percent_text),
)
"""The columns about heatmaps."""


def drift_table(report: EvaluationReport, explainer: str, metric: str) -> Table:
    """Every attack at every epsilon, seen by one explainer and one dissimilarity."""
    layers = ", ".join(report.provenance["layers"].get(explainer, ()))
    title = f"{explainer}{metric_text(metric)}{f' at layer {layers}' if layers else ''}"
    if promises_completeness(report.measurements, explainer):
        gap = report.completeness(explainer)
        title += f", completeness gap: median {percent_text(gap.median)}, largest {percent_text(gap.largest)}"
    if decides_steps(report.measurements, explainer):
        steps = report.steps_used(explainer)
        title += f", steps: median {steps.median:g}, largest {steps.largest}"
    chance = report.chance(explainer, metric=metric)
    title += "" if math.isnan(chance) else f", chance {number_text(chance)}"
    table = Table([_EPSILON, *_columns(report), *_DRIFT], title)
    for attack in report.attacks:
        nearest = " (nearest misclassified)" if is_minimum_norm(report.measurements, attack) else ""
        table.add(f"{attack}{nearest}")
        for row in report.rows:
            if (row.attack, row.explainer, row.metric) == (attack, explainer, metric):
                table.add(*_values(row, table), indented=True)
        # VID is a spread over all epsilons, so it stands below them and in no row of theirs.
        spread = {
            "epsilon": "VID",
            "mod": report.vid(attack, explainer, metric=metric),
            "interval": report.vid_interval(attack, explainer, metric=metric),
        }
        table.add(*(spread.get(column.key) for column in table.columns), indented=True, last=True)
    return table


def aims_table(report: EvaluationReport, norm: str) -> Table:
    """MOD beside one another: of attacks on the explanation, of attacks on the label, and of noise, all of one norm."""
    attacks = [attack for attack in report.attacks if report.norms[attack] == norm]
    # What is meant to move explanations stands first, what must not be taken for it last.
    order = sorted(attacks, key=lambda attack: list(_AIMS).index(report.aims[attack]))
    headings = [*(f"{_AIMS[report.aims[attack]]}:\n{attack}" for attack in order), "chance"]
    table = Table(
        [
            Column("epsilon", "explainer and\nepsilon", epsilon_text),
            *(Column(heading, show=number_text) for heading in headings),
        ],
        f"MOD by what was aimed at{f' ({norm})' if len(set(report.norms.values())) > 1 else ''}",
    )
    for explainer in report.explainers:
        table.add(explainer)
        for epsilon in report.epsilons:
            mods = (report.mod(attack, explainer, epsilon) for attack in order)
            table.add(epsilon, *mods, report.chance(explainer), indented=True)
        table.rule()
    return table


def accuracy_table(report: EvaluationReport) -> Table:
    """Every attack at every epsilon, without explainers."""
    table = Table([_EPSILON, *_columns(report)])
    for attack in report.attacks:
        table.add(attack)
        for epsilon in report.epsilons:
            table.add(*_values(accuracy_row(report.measurements, attack, epsilon), table), indented=True)
        table.rule()
    return table


def _values(row: Row, table: Table) -> tuple[Any, ...]:
    """What a table shows of a row."""
    ends = {"interval": (row.mod_low, row.mod_high)}
    return tuple(ends[column.key] if column.key in ends else getattr(row, column.key) for column in table.columns)


def _columns(report: EvaluationReport) -> tuple[Column, ...]:
    """The columns that are not about heatmaps."""
    return (*_COLUMNS[report.provenance["task"]], *([_REACHED] if report.targeted_attacks else []))
