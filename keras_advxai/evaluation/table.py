"""A report as a table that a person can read."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from keras_advxai.evaluation.report import EvaluationReport
    from keras_advxai.evaluation.row import Row

_TARGETS = {
    "predicted": "each image's own prediction",
    "clean": "the clean prediction, for both images",
    "label": "the label, for both images",
}


def render(report: EvaluationReport) -> str:
    """The report as aligned ASCII text: a heading, the rows, VID, warnings.

    Args:
        report: The report.
    """
    parts = [_heading(report)]
    if report.explainers:
        parts += [_to_text(_drift_table(report, explainer)) for explainer in report.explainers]
    else:
        parts.append(_to_text(_accuracy_table(report)))
    parts += [f"Note: {warning}" for warning in report.warnings]
    return "\n\n".join(parts)


def epsilon_text(epsilon: float) -> str:
    """An epsilon as people write it: `8/255` where it is a whole number of grey levels, else `0.15`."""
    levels = epsilon * 255
    if epsilon and abs(levels - round(levels)) < 1e-6 and round(levels) < 255:
        return f"{round(levels)}/255"
    return f"{epsilon:.4g}"


def _heading(report: EvaluationReport) -> str:
    source = report.provenance
    lower, upper = source["bounds"]
    accuracy = f"clean accuracy {_percent(report.clean_accuracy)}"
    if source["labels"] != "given":
        accuracy = "no labels: accuracy counts agreement with the clean prediction"
    lines = [f"{source['model']} on {len(report.samples)} images in [{lower:g}, {upper:g}], {accuracy}"]
    if report.explainers:
        height, width = source["heatmap_size"]
        lines.append(f"Heatmaps explain {_TARGETS[report.target]}; NISSIM at {height}x{width}, {source['ssim']}")
    return "\n".join(lines)


def _drift_table(report: EvaluationReport, explainer: str) -> Table:
    layers = ", ".join(report.provenance["layers"].get(explainer, ()))
    table = _table(f"{explainer}{f' at layer {layers}' if layers else ''}")
    for name in ("attack", "epsilon", "accuracy", "flipped", "success"):
        table.add_column(name, justify="left" if name == "attack" else "right")
    for name in ("MOD", "95 % interval", "std", "MOD flipped", "MOD kept", "MOD clean target", "blank"):
        table.add_column(name, justify="right")
    for attack in report.attacks:
        for row in (row for row in report.rows if (row.attack, row.explainer) == (attack, explainer)):
            table.add_row(*_accuracy_cells(row), *_drift_cells(row))
        low, high = report.vid_interval(attack, explainer)
        spread = f"{_number(report.vid(attack, explainer))}", f"{_number(low)} - {_number(high)}"
        table.add_row(attack, "VID", "", "", "", *spread, end_section=True)
    return table


def _accuracy_table(report: EvaluationReport) -> Table:
    table = _table("")
    for name in ("attack", "epsilon", "accuracy", "flipped", "success"):
        table.add_column(name, justify="left" if name == "attack" else "right")
    for row in report.rows:
        table.add_row(*_accuracy_cells(row), end_section=row.epsilon == report.epsilons[-1])
    return table


def _accuracy_cells(row: Row) -> tuple[str, ...]:
    shares = (row.accuracy, row.flip_rate, row.attack_success_rate)
    return (row.attack, epsilon_text(row.epsilon), *(_percent(share) for share in shares))


def _drift_cells(row: Row) -> tuple[str, ...]:
    interval = f"{_number(row.mod_low)} - {_number(row.mod_high)}"
    others = (row.nissim_std, row.mod_flipped, row.mod_kept, row.mod_clean)
    return (_number(row.mod), interval, *(_number(value) for value in others), _percent(row.blank_rate))


def _table(title: str) -> Table:
    return Table(title=title or None, title_justify="left", title_style="", box=box.ASCII2, header_style="")


def _to_text(table: Table) -> str:
    console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False)
    console.print(table)
    text: Any = console.file
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
