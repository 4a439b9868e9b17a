"""Curves over epsilon: accuracy, and how far the explanations drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_advxai._registry import Configuration
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.captions import number
from keras_advxai.figures.curves import COLORS, LINES, MARKERS, SIZE, level_axis
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.accuracy import is_minimum_norm
from keras_advxai.measurements.budget import WHOLE
from keras_advxai.text import percent_text

_GRAYS = ("#555555", "#999999")
_DOTS = (":", (0, (1, 1)), (0, (1, 4)))
_MOST_COLUMNS = 4


def drift(
    report: EvaluationReport, metric: Any | None = None, explainers: Sequence[str | Configuration] | None = None
) -> Figure:
    """Accuracy under attack and MOD, with their 95 % intervals, against epsilon; under corruptions, against severity.

    One panel for accuracy and one for each explainer, four in a row, and as many below for corruptions. Each attack and
    the noise control has its own colour, line style and marker, the same in every panel. A dashed line shows what MOD
    would be by chance, the mean dissimilarity between clean heatmaps of different images: a MOD is to be read between
    the noise and it. VID is in the legends, and which share of its budget an attack used where that is less than 95 %
    at one of the epsilons.

    Args:
        report: The report of an evaluation.
        metric: The dissimilarity or its name. Defaults to the report's first.
        explainers: Which explainers have a panel, or their names. Defaults to all.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `report` is not a report.
        ValueError: It has no such dissimilarity or explainer.

    Example:

    >>> from keras_advxai import EvaluationReport, figures
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[0, 0], prediction=[[0, 0], [0, 1]])
    >>> figure = figures.drift(EvaluationReport(found, {"model": "net"}))
    >>> figure.axes[0].get_title()
    'accuracy under attack'
    """
    if not isinstance(report, EvaluationReport):
        raise TypeError(f"Argument `report` must be an EvaluationReport. Received: {type(report).__name__}")
    known = report.measurements.coordinates
    metric = known.label("metric", known.metrics[0] if metric is None else metric)
    named = report.explainers if explainers is None else [known.label("explainer", item) for item in explainers]
    panels = 1 + len(named)
    columns = min(panels, _MOST_COLUMNS)
    rows = math.ceil(panels / columns)
    shown = [report, *([report.corrupted] if report.corruptions else [])]
    heights = [rows * (3.6 + 0.22 * len(one.attacks)) for one in shown]
    figure = StandaloneFigure(figsize=(max(4.6, 4.2 * columns), sum(heights)), facecolor="white", layout="constrained")
    # Severities have panels of their own: what one means says nothing of an epsilon.
    grid = figure.add_gridspec(len(shown) * rows, columns, height_ratios=np.repeat(heights, rows).tolist())
    axes: list[Axes] = []
    for first, one in enumerate(shown):
        places = [(first * rows + panel // columns, panel % columns) for panel in range(panels)]
        own = [figure.add_subplot(grid[place]) for place in places]
        _draw(own, one, named, metric)
        axes += own
    drifts = [each for place, each in enumerate(axes) if place % panels]
    top = max([0.05, *(each.get_ylim()[1] for each in drifts)])  # one scale: panels are compared
    for each in drifts:
        each.set_ylim(0, top)
    for each in axes:
        # Below the axes, where it hides no curve.
        legend = each.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=SIZE, frameon=False, handlelength=3.5
        )
        for text in legend.get_texts():
            text.set_parse_math(False)  # an attack of one's own may be called "$1"
    figure.suptitle(_heading(report), fontsize=SIZE + 1, parse_math=False)
    return figure


def _draw(axes: list[Axes], report: EvaluationReport, explainers: Sequence[str], metric: str) -> None:
    """The panels of attacks, or of corruptions."""
    levels = np.sort(report.epsilons)  # they may be given in any order
    for each in axes:
        level_axis(each, levels, report.measurements.coordinates.scale)
    _draw_accuracy(axes[0], report, levels)
    for each, explainer in zip(axes[1:], explainers, strict=True):
        _draw_mod(each, report, explainer, metric, levels)


def _draw_accuracy(axes: Axes, report: EvaluationReport, epsilons: np.ndarray) -> None:
    task, given = report.provenance["task"], report.provenance["labels"] == "given"  # else it is no accuracy
    of = _of(report)
    if task == "regression":
        axes.set_title(f"mean absolute change of the output{of}", fontsize=SIZE + 1)
        for attack, style in _styles(report).items():
            changes = [0.0, *(report.mean_change(attack, epsilon) for epsilon in epsilons)]
            axes.plot([0, *epsilons], changes, label=attack, **style)
        return
    what = "labels right" if task == "multi_label" else "accuracy"
    title = f"{what}{of or ' under attack'}" if given else f"agreement with the clean prediction{of}"
    axes.set_title(title, fontsize=SIZE + 1)
    for attack, style in _styles(report).items():
        shares = [report.clean_accuracy, *(report.accuracy(attack, epsilon) for epsilon in epsilons)]
        axes.plot([0, *epsilons], shares, label=attack, **style)  # from the clean accuracy on
        intervals = [report.accuracy_interval(attack, epsilon) for epsilon in epsilons]
        low, high = np.array([report.accuracy_interval(None), *intervals]).T
        _draw_interval(axes, np.append(0, epsilons), low, high, style["color"])
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _draw_mod(axes: Axes, report: EvaluationReport, explainer: str, metric: str, epsilons: np.ndarray) -> None:
    measured = "" if metric == "nissim" else f" ({metric})"
    axes.set_title(f"MOD of {explainer}{measured}{_of(report)}", fontsize=SIZE + 1, parse_math=False)
    for attack, style in _styles(report).items():
        mods = np.array([report.mod(attack, explainer, epsilon, metric=metric) for epsilon in epsilons])
        intervals = [report.mod_interval(attack, explainer, epsilon, metric=metric) for epsilon in epsilons]
        low, high = np.array(intervals).T
        label = f"{attack}, VID {number(report.vid(attack, explainer, metric=metric))}{_budget_text(report, attack)}"
        axes.plot(epsilons, mods, label=label, **style)
        _draw_interval(axes, epsilons, low, high, style["color"])
    chance = report.chance(explainer, metric=metric)
    if math.isfinite(chance):  # not in reports of older versions
        axes.axhline(chance, color="0.4", linestyle=(0, (8, 3)), linewidth=1.1, label=f"chance {number(chance)}")
        axes.set_ylim(top=max(axes.get_ylim()[1], 1.08 * chance))


def _draw_interval(axes: Axes, epsilons: np.ndarray, low: np.ndarray, high: np.ndarray, color: str) -> None:
    # A band of one point has no width and would not show.
    if len(epsilons) > 1:
        axes.fill_between(epsilons, low, high, color=color, alpha=0.15, linewidth=0)
    else:
        axes.vlines(epsilons, low, high, color=color, linewidth=1)


def _of(report: EvaluationReport) -> str:
    """What is said of the panels of corruptions."""
    return " under corruptions" if report.measurements.coordinates.scale == "severity" else ""


def _budget_text(report: EvaluationReport, attack: str) -> str:
    """What is said of an attack whose MOD is not one at epsilon."""
    if is_minimum_norm(report.measurements, attack):
        return ", nearest misclassified"
    shares = [share for share in (report.budget_used(attack, epsilon) for epsilon in report.epsilons) if share < WHOLE]
    return f", {percent_text(min(shares))} of budget" if shares else ""


def _styles(report: EvaluationReport) -> dict[str, dict[str, Any]]:
    """How each attack is drawn: the attacks in colour, the noise controls in gray."""
    # By what it is after and not by its name: `sign_noise` was once drawn as an attack.
    controls = [attack for attack, aim in report.aims.items() if aim == "noise"]
    others = [attack for attack in report.attacks if attack not in controls]
    # Three ways to know a curve: a printer has no colours, and some eyes have fewer.
    looks = zip(cycle(COLORS), cycle(LINES), cycle(MARKERS), strict=False)
    plain = zip(cycle(_GRAYS), cycle(_DOTS), cycle(".x+"), strict=False)
    chosen = {**dict(zip(others, looks, strict=False)), **dict(zip(controls, plain, strict=False))}
    return {
        attack: {"color": color, "linestyle": line, "marker": marker, "markersize": 5, "linewidth": 1.6}
        for attack, (color, line, marker) in chosen.items()
    }


def _heading(report: EvaluationReport) -> str:
    text = f"{report.provenance['model']}, {len(report.measurements)} images"
    if report.explainers:
        text += f", heatmaps of the {_TARGETS[report.target]}"
    drawn = report.explainers or report.provenance["task"] != "regression"
    return f"{text}; bands: 95 % intervals" if drawn else text


_TARGETS = {"predicted": "predicted class", "clean": "clean prediction", "label": "label"}
