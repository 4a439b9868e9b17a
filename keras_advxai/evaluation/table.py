"""A report as a table that a person can read."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from keras_advxai.evaluation.depth import DepthProfile
    from keras_advxai.evaluation.finding import Finding
    from keras_advxai.evaluation.report import EvaluationReport
    from keras_advxai.evaluation.row import Row

_LINES = box.Box(" -- \n    \n -- \n    \n -- \n -- \n    \n -- \n", ascii=True)
"""Horizontal lines of ASCII under the heading and between the attacks."""

_MOST_TABLES = 8
"""With more explainers than this, each of one layer, there is one line for each instead of a table."""

_AIMS = {"explanation": "explanation", "label": "label", "noise": "chance"}
"""What the columns of attacks are headed with, in their order."""

_TARGETS = {
    "predicted": "each image's own prediction",
    "clean": "the clean prediction, for both images",
    "label": "the label, for both images",
}

_GOALS: dict[str | int, str] = {
    "least_likely": "the least likely class of each image",
    "runner_up": "the likeliest class of each image but for its label",
    "random": "a random class for each image but for its label",
    "given": "the class that was given for each image",
}


def render(report: EvaluationReport) -> str:
    """The report as aligned ASCII text: a heading, the rows, VID, warnings.

    Args:
        report: The report.
    """
    parts = [_heading(report)]
    single = all(len(paths) == 1 for paths in report.provenance["layers"].values())
    if len(report.explainers) > _MOST_TABLES and single:
        parts.append(to_text(_accuracy_table(report)))
        parts += [render_profile(report.depth_profile(attack)) for attack in report.attacks]
    elif report.explainers:
        parts += [to_text(_drift_table(report, explainer)) for explainer in report.explainers]
        aimed = {report.norms[attack]: None for attack, aim in report.aims.items() if aim == "explanation"}
        parts += [to_text(_aims_table(report, norm)) for norm in aimed]
    else:
        parts.append(to_text(_accuracy_table(report)))
    parts += map(finding_text, report.warnings)
    return "\n\n".join(parts)


def finding_text(finding: Finding) -> str:
    """What a check has to say, and its name, in lines of up to 110 characters."""
    return textwrap.fill(
        f"{finding.severity.capitalize()} ({finding.id}): {finding}", width=110, break_on_hyphens=False
    )


def render_profile(profile: DepthProfile) -> str:
    """MOD by layer and strength as aligned ASCII text.

    Args:
        profile: What `EvaluationReport.depth_profile` returned.
    """
    table = new_table(
        f"MOD by layer, {profile.attack}", "layer", [*(epsilon_text(epsilon) for epsilon in profile.epsilons), "VID"]
    )
    for layer, mods, vid in zip(profile.labels, profile.mod, profile.vid, strict=True):
        table.add_row(f"  {layer}", *(number_text(mod) for mod in mods), number_text(vid))
    return to_text(table)


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
    accuracy = f"clean accuracy {percent_text(report.clean_accuracy)}"
    if source["labels"] != "given":
        accuracy = "no labels: accuracy counts agreement with the clean prediction"
    lines = [f"{source['model']} on {len(report.samples)} images in [{lower:g}, {upper:g}], {accuracy}"]
    lines += _robust_lines(report)
    if report.targeted_attacks:
        lines.append(_goal_line(source["attack_targets"]))
    if report.explainers:
        lines.append(f"Heatmaps explain {_TARGETS[report.target]}.")
        lines.append(f"NISSIM at {'x'.join(map(str, source['heatmap_size']))}: {source['ssim']}.")
    return "\n".join(lines)


def _goal_line(rule: str | int) -> str:
    """Which classes the targeted attacks were to reach."""
    return f"Targeted attacks are to reach {_GOALS.get(rule, f'class {rule}')}."


def _robust_lines(report: EvaluationReport) -> list[str]:
    """The worst case over attacks and strengths, a line for each norm."""
    norms = dict.fromkeys(report.norms.values())
    lines = []
    for norm in norms:
        shares = [
            f"{percent_text(report.robust_accuracy(epsilon, norm=norm))} at {epsilon_text(epsilon)}"
            for epsilon in report.epsilons
        ]
        names = [name for name, known in report.norms.items() if known == norm]
        attacks = _listed(names) if len(names) < 4 else f"{len(names)} attacks"
        title = f"Robust accuracy{f' ({norm})' if len(norms) > 1 else ''}, the worst case over {attacks}"
        lines += textwrap.wrap(f"{title}: {', '.join(shares)}.", width=110)
    return lines


def _listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _drift_table(report: EvaluationReport, explainer: str) -> Table:
    layers = ", ".join(report.provenance["layers"].get(explainer, ()))
    title = f"{explainer}{f' at layer {layers}' if layers else ''}"
    if explainer in report.samples.completeness:
        gap = report.completeness(explainer)
        title += f", completeness gap: median {percent_text(gap.median)}, largest {percent_text(gap.largest)}"
    table = _table(title, report)
    drift = ("MOD", "95 %\ninterval", "std", "MOD\nflipped", "MOD\nkept", "MOD clean\ntarget", "blank")
    for name in drift:
        table.add_column(name, justify="right")
    for attack in report.attacks:
        table.add_row(attack)
        for row in (row for row in report.rows if (row.attack, row.explainer) == (attack, explainer)):
            table.add_row(*_accuracy_cells(row, report), *_drift_cells(row))
        spread = number_text(report.vid(attack, explainer)), _range(*report.vid_interval(attack, explainer))
        before = [""] * (4 if report.targeted_attacks else 3)
        table.add_row("  VID", *before, *spread, end_section=True)
    return table


def _aims_table(report: EvaluationReport, norm: str) -> Table:
    """MOD beside one another: of attacks on the explanation, of attacks on the label, and of noise, all of one norm."""
    attacks = [attack for attack in report.attacks if report.norms[attack] == norm]
    order = sorted(attacks, key=lambda attack: list(_AIMS).index(report.aims[attack]))
    table = new_table(
        f"MOD by what was aimed at{f' ({norm})' if len(set(report.norms.values())) > 1 else ''}",
        "explainer and\nepsilon",
        [f"{_AIMS[report.aims[attack]]}:\n{attack}" for attack in order],
    )
    for explainer in report.explainers:
        table.add_row(explainer)
        for epsilon in report.epsilons:
            mods = (number_text(report.mod(attack, explainer, epsilon)) for attack in order)
            table.add_row(f"  {epsilon_text(epsilon)}", *mods, end_section=epsilon == report.epsilons[-1])
    return table


def _accuracy_table(report: EvaluationReport) -> Table:
    table = _table("", report)
    shown = report.explainers[0] if report.explainers else ""
    for attack in report.attacks:
        table.add_row(attack)
        for row in (row for row in report.rows if (row.attack, row.explainer) == (attack, shown)):
            table.add_row(*_accuracy_cells(row, report), end_section=row.epsilon == report.epsilons[-1])
    return table


def _accuracy_cells(row: Row, report: EvaluationReport) -> tuple[str, ...]:
    shares = [row.accuracy, row.flip_rate, row.attack_success_rate]
    shares += [row.targeted_success_rate] if report.targeted_attacks else []
    return (f"  {epsilon_text(row.epsilon)}", *(percent_text(share) for share in shares))


def _drift_cells(row: Row) -> tuple[str, ...]:
    others = (row.nissim_std, row.mod_flipped, row.mod_kept, row.mod_clean)
    return (
        number_text(row.mod),
        _range(row.mod_low, row.mod_high),
        *(number_text(value) for value in others),
        percent_text(row.blank_rate),
    )


def _table(title: str, report: EvaluationReport) -> Table:
    reached = ["target\nreached"] if report.targeted_attacks else []
    return new_table(title, "attack and\nepsilon", ("accuracy", "flipped", "success", *reached))


def new_table(title: str, first: str, others: Iterable[str]) -> Table:
    """A table of ASCII lines: a first column to the left, numbers to the right.

    Args:
        title: Its title; empty for none.
        first: The heading of the first column.
        others: The headings of the columns of numbers.
    """
    table = Table(
        title=title or None, title_justify="left", title_style="", box=_LINES, header_style="", padding=(0, 0, 0, 1)
    )
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def to_text(table: Table) -> str:
    """A table as ASCII text."""
    console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False)
    console.print(table)
    text: Any = console.file
    return "\n".join(line.strip("\n").rstrip() for line in text.getvalue().splitlines() if line.strip())


def number_text(value: float) -> str:
    """A number with three decimals; `-` where it is NaN."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def _range(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:.3f}-{high:.3f}"


def percent_text(value: float) -> str:
    """A share in percent; `-` where it is NaN, and `> 1000 %` where no number would help."""
    if math.isnan(value):
        return "-"
    return f"{100 * value:.1f} %" if value <= 10 else "> 1000 %"
