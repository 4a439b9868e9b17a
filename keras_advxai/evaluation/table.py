"""A report as a table that a person can read."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from keras_advxai.evaluation.depth import DepthProfile
    from keras_advxai.evaluation.report import EvaluationReport
    from keras_advxai.evaluation.row import Row

_LINES = box.Box(" -- \n    \n -- \n    \n -- \n -- \n    \n -- \n", ascii=True)
"""Horizontal lines of ASCII under the heading and between the attacks."""

_MOST_TABLES = 8
"""With more explainers than this, each of one layer, there is one line for each instead of a table."""

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
    single = all(len(paths) == 1 for paths in report.provenance["layers"].values())
    if len(report.explainers) > _MOST_TABLES and single:
        parts.append(_to_text(_accuracy_table(report)))
        parts += [render_profile(report.depth_profile(attack)) for attack in report.attacks]
    elif report.explainers:
        parts += [_to_text(_drift_table(report, explainer)) for explainer in report.explainers]
    else:
        parts.append(_to_text(_accuracy_table(report)))
    parts += [f"Note: {warning}" for warning in report.warnings]
    return "\n\n".join(parts)


def render_profile(profile: DepthProfile) -> str:
    """MOD by layer and strength as aligned ASCII text.

    Args:
        profile: What `EvaluationReport.depth_profile` returned.
    """
    table = Table(
        title=f"MOD by layer, {profile.attack}",
        title_justify="left",
        title_style="",
        box=_LINES,
        header_style="",
        padding=(0, 0, 0, 1),
    )
    table.add_column("layer")
    for epsilon in profile.epsilons:
        table.add_column(epsilon_text(epsilon), justify="right")
    table.add_column("VID", justify="right")
    for layer, mods, vid in zip(profile.labels, profile.mod, profile.vid, strict=True):
        table.add_row(f"  {layer}", *(_number(mod) for mod in mods), _number(vid))
    return _to_text(table)


def epsilon_text(epsilon: float) -> str:
    """An epsilon as people write it: `8/255` where it is a whole number of grey levels, `0.15` or `0.2` as they are."""
    levels = epsilon * 255
    short = float(f"{epsilon:.3g}") == epsilon
    if not short and abs(levels - round(levels)) < 1e-6 and round(levels) < 255:
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
        lines.append(f"Heatmaps explain {_TARGETS[report.target]}.")
        lines.append(f"NISSIM at {'x'.join(map(str, source['heatmap_size']))}: {source['ssim']}.")
    return "\n".join(lines)


def _drift_table(report: EvaluationReport, explainer: str) -> Table:
    layers = ", ".join(report.provenance["layers"].get(explainer, ()))
    table = _table(f"{explainer}{f' at layer {layers}' if layers else ''}")
    drift = ("MOD", "95 %\ninterval", "std", "MOD\nflipped", "MOD\nkept", "MOD clean\ntarget", "blank")
    for name in drift:
        table.add_column(name, justify="right")
    for attack in report.attacks:
        table.add_row(attack)
        for row in (row for row in report.rows if (row.attack, row.explainer) == (attack, explainer)):
            table.add_row(*_accuracy_cells(row), *_drift_cells(row))
        spread = _number(report.vid(attack, explainer)), _range(*report.vid_interval(attack, explainer))
        table.add_row("  VID", "", "", "", *spread, end_section=True)
    return table


def _accuracy_table(report: EvaluationReport) -> Table:
    table = _table("")
    shown = report.explainers[0] if report.explainers else ""
    for attack in report.attacks:
        table.add_row(attack)
        for row in (row for row in report.rows if (row.attack, row.explainer) == (attack, shown)):
            table.add_row(*_accuracy_cells(row), end_section=row.epsilon == report.epsilons[-1])
    return table


def _accuracy_cells(row: Row) -> tuple[str, ...]:
    shares = (row.accuracy, row.flip_rate, row.attack_success_rate)
    return (f"  {epsilon_text(row.epsilon)}", *(_percent(share) for share in shares))


def _drift_cells(row: Row) -> tuple[str, ...]:
    others = (row.nissim_std, row.mod_flipped, row.mod_kept, row.mod_clean)
    return (
        _number(row.mod),
        _range(row.mod_low, row.mod_high),
        *(_number(value) for value in others),
        _percent(row.blank_rate),
    )


def _table(title: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="", box=_LINES, header_style="", padding=(0, 0, 0, 1)
    )
    table.add_column("attack and\nepsilon")
    for name in ("accuracy", "flipped", "success"):
        table.add_column(name, justify="right")
    return table


def _to_text(table: Table) -> str:
    console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False)
    console.print(table)
    text: Any = console.file
    return "\n".join(line.strip("\n").rstrip() for line in text.getvalue().splitlines() if line.strip())


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _range(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:.3f}-{high:.3f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
