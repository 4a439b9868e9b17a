"""Several models: accuracy and MOD against epsilon."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_advxai.comparison import Comparison
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.figures.curves import SIZE, level_axis, styles
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.render import metric_text

_MOST_COLUMNS = 3
_CHANCE = 1.12
"""Where chance is drawn, as a share of the largest epsilon: it has none of its own."""


def models(comparison: Comparison, attack: Any | None = None, metric: Any | None = None) -> Figure:
    """Accuracy under attack and MOD of all models, against epsilon.

    One panel for accuracy and one for each explainer, three in a row; each model has its own colour, line style and
    marker, the same in every panel. Bands are 95 % intervals, of a model with several runs their standard deviation. A
    thin dotted line is the same under noise, and a bar at the right is chance: a MOD is to be read between the two.

    Args:
        comparison: What `compare` returned.
        attack: The attack or its name. Defaults to the first.
        metric: The dissimilarity or its name. Defaults to the first.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `comparison` is not a comparison.
        ValueError: It has no such attack or dissimilarity.

    Example:

    >>> from keras_advxai import EvaluationReport, figures
    >>> from keras_advxai.comparison import Comparison
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> known = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(known, image_key=[7, 8], label=[0, 1], prediction=[[0, 1], [0, 0]])
    >>> reports = {"one": EvaluationReport(found, {"heatmap_size": [8, 8]})}
    >>> comparison = Comparison({**reports, "other": reports["one"]})
    >>> [axes.get_title() for axes in figures.models(comparison).axes]
    ['accuracy']
    """
    check_comparison(comparison)
    asked = comparison.asked("mod" if comparison.explainers else comparison.outcome, attack=attack, metric=metric)
    explainers = comparison.shown_explainers
    panels = 1 + len(explainers)
    columns = min(panels, _MOST_COLUMNS)
    rows = math.ceil(panels / columns)
    size = max(5.6, 4.6 * columns), rows * 3.6 + 0.5 + 0.2 * math.ceil(len(comparison.models) / columns)
    figure = StandaloneFigure(figsize=size, facecolor="white", layout="constrained")
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(panels)]
    epsilons = np.sort(comparison.epsilons)  # they may be given in any order
    looks = styles(comparison.models)
    noise = comparison.noise_of(asked.attack)
    _draw_accuracy(axes[0], comparison, asked.attack, noise, epsilons, looks)
    for each, explainer in zip(axes[1:], explainers, strict=True):
        _draw_mod(each, comparison, asked.attack, noise, explainer, asked.metric, epsilons, looks)
    top = max([0.05, *(each.get_ylim()[1] for each in axes[1:])])  # one scale: panels are compared
    for each in axes[1:]:
        each.set_ylim(0, top)
    model_legend(figure, axes[0], columns)
    beside = f"; dotted: {noise}" if noise is not None else ""
    figure.suptitle(
        f"{asked.attack}, {comparison.images} images; bands: {_bands(comparison)}{beside}",
        fontsize=SIZE + 1,
        parse_math=False,
    )
    return figure


def check_comparison(comparison: Any) -> None:
    """Raise for what is no comparison."""
    if not isinstance(comparison, Comparison):
        raise TypeError(f"Argument `comparison` must be a Comparison. Received: {type(comparison).__name__}")


def model_legend(figure: Figure, axes: Axes, columns: int) -> None:
    """The models below all panels, where they hide no curve.

    Args:
        figure: The figure.
        axes: A panel with a curve of each model.
        columns: How many stand beside one another.
    """
    handles, names = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=min(len(names), 1 + 3 * columns),
        fontsize=SIZE,
        frameon=False,
        handlelength=3.5,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a model may be called "$1"


def _bands(comparison: Comparison) -> str:
    several = [len(reports) > 1 for reports in comparison.reports.values()]
    if all(several):
        return "standard deviation over the runs"
    return "95 % intervals, of several runs their standard deviation" if any(several) else "95 % intervals"


def _draw_accuracy(
    axes: Axes,
    comparison: Comparison,
    attack: str,
    noise: str | None,
    epsilons: np.ndarray,
    looks: dict[str, dict[str, Any]],
) -> None:
    change = comparison.outcome == "mean_change"
    axes.set_title(outcome_text(comparison), fontsize=SIZE + 1)
    places = [0.0, *(epsilon for epsilon in epsilons if epsilon > 0)]

    def at(report: EvaluationReport, epsilon: float, of: str = attack) -> float:
        if change:
            return 0.0 if epsilon == 0 else report.mean_change(of, epsilon)
        return report.clean_accuracy if epsilon == 0 else report.accuracy(of, epsilon)

    def interval(report: EvaluationReport, epsilon: float) -> tuple[float, float]:
        return report.accuracy_interval(None) if epsilon == 0 else report.accuracy_interval(attack, epsilon)

    for model, look in looks.items():
        shares = [comparison.mean(model, partial(at, epsilon=each)) for each in places]
        axes.plot(places, shares, label=model, **look)
        if not change or len(comparison.reports[model]) > 1:  # of a mean of any size there is no Wilson interval
            _band(axes, comparison, model, places, shares, at, interval, look["color"])
        if noise is not None:
            under = [comparison.mean(model, partial(at, epsilon=each, of=noise)) for each in places]
            axes.plot(places, under, color=look["color"], linestyle=":", linewidth=1)
    level_axis(axes, epsilons, comparison.scale)
    outcome_axis(axes, comparison)


def outcome_text(comparison: Comparison) -> str:
    """What is drawn beside MOD."""
    if comparison.outcome == "mean_change":
        return "mean absolute change of the output"
    given = next(iter(comparison.reports.values()))[0].provenance["labels"] == "given"
    return "accuracy" if given else "agreement with the clean prediction"


def outcome_axis(axes: Axes, comparison: Comparison) -> None:
    """The scale of what is drawn beside MOD, from below to above."""
    if comparison.outcome == "mean_change":
        axes.set_ylim(0, None)
        return
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _draw_mod(
    axes: Axes,
    comparison: Comparison,
    attack: str,
    noise: str | None,
    explainer: str,
    metric: str,
    epsilons: np.ndarray,
    looks: dict[str, dict[str, Any]],
) -> None:
    axes.set_title(f"MOD of {explainer}{metric_text(metric)}", fontsize=SIZE + 1, parse_math=False)

    def at(report: EvaluationReport, epsilon: float, of: str = attack) -> float:
        return report.mod(of, explainer, epsilon, metric=metric)

    def interval(report: EvaluationReport, epsilon: float) -> tuple[float, float]:
        return report.mod_interval(attack, explainer, epsilon, metric=metric)

    span = float(epsilons[-1]) or 1.0
    highest = 0.0
    for model, look in looks.items():
        mods = [comparison.mean(model, partial(at, epsilon=each)) for each in epsilons]
        axes.plot(epsilons, mods, label=model, **look)
        _band(axes, comparison, model, epsilons, mods, at, interval, look["color"])
        if noise is not None:
            under = [comparison.mean(model, partial(at, epsilon=each, of=noise)) for each in epsilons]
            axes.plot(epsilons, under, color=look["color"], linestyle=":", linewidth=1)
        chance = comparison.mean(model, lambda report: report.chance(explainer, metric=metric))
        if math.isfinite(chance):
            axes.hlines(chance, (_CHANCE - 0.04) * span, (_CHANCE + 0.04) * span, color=look["color"], linewidth=2)
            highest = max(highest, chance)
    level_axis(axes, epsilons, comparison.scale)
    if highest:
        axes.set_xlim(right=(_CHANCE + 0.06) * span)
        axes.text(_CHANCE * span, 1.04 * highest, "chance", ha="center", va="bottom", fontsize=SIZE - 1)
        axes.set_ylim(top=max(axes.get_ylim()[1], 1.2 * highest))


def _band(
    axes: Axes,
    comparison: Comparison,
    model: str,
    places: Any,
    values: Any,
    at: Any,
    interval: Any,
    color: str,
) -> None:
    """What a figure may be beside its value: over the runs, or for the images of one."""
    reports = comparison.reports[model]
    if len(reports) > 1:
        stds = np.array([comparison.std(model, partial(at, epsilon=each)) for each in places])
        low, high = np.array(values) - stds, np.array(values) + stds
    else:
        low, high = np.array([interval(reports[0], each) for each in places]).T
    if len(places) > 1:
        axes.fill_between(places, low, high, color=color, alpha=0.12, linewidth=0)
    else:  # a band of one point has no width
        axes.vlines(places, low, high, color=color, linewidth=1)
