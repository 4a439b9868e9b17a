"""Several models: accuracy under attack against the drift of the explanations."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_advxai.comparison import Comparison
from keras_advxai.figures.curves import SIZE, styles
from keras_advxai.figures.models import check_comparison, model_legend, outcome_axis, outcome_text
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.render import metric_text
from keras_advxai.text import epsilon_text


def trade_off(
    comparison: Comparison, attack: Any | None = None, explainer: Any | None = None, metric: Any | None = None
) -> Figure:
    """Accuracy under attack against MOD: a line for each model, through a point for each epsilon.

    Points grow with epsilon. Upper left is best: right under attack, with explanations that stay; of regressions, whose
    outputs are to change little, lower left.

    Args:
        comparison: What `compare` returned.
        attack: The attack or its name. Defaults to the first.
        explainer: The explainer or its name. Defaults to the first.
        metric: The dissimilarity or its name. Defaults to the first.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `comparison` is not a comparison.
        ValueError: It has no such attack, explainer or dissimilarity.

    Example:

    >>> from keras_advxai import EvaluationReport, figures
    >>> from keras_advxai.comparison import Comparison
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> known = Coordinates(("fgsm",), ("grad_cam",), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> drift = [[[[[[0.1, 0.2]]]]]]
    >>> found = Measurements.of(
    ...     known, image_key=[7, 8], label=[0, 1], prediction=[[0, 1], [0, 0]], dissimilarity=drift
    ... )
    >>> reports = {"one": EvaluationReport(found, {"heatmap_size": [8, 8]})}
    >>> comparison = Comparison({**reports, "other": reports["one"]})
    >>> [axes.get_xlabel() for axes in figures.trade_off(comparison).axes]
    ['MOD of grad_cam']
    """
    check_comparison(comparison)
    asked = comparison.asked("mod", attack=attack, explainer=explainer, metric=metric)
    by: dict[str, Any] = {"attack": asked.attack, "explainer": asked.explainer, "metric": asked.metric}
    figure = StandaloneFigure(figsize=(5.6, 4.8), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    epsilons = np.sort(comparison.epsilons)
    sizes = np.linspace(4, 9, len(epsilons))
    for model, look in styles(comparison.models).items():
        mods = [comparison.value(model, "mod", epsilon=each, **by) for each in epsilons]
        shares = [comparison.value(model, comparison.outcome, attack=asked.attack, epsilon=each) for each in epsilons]
        line = {key: look[key] for key in ("color", "linestyle", "linewidth")}
        axes.plot(mods, shares, **line)
        for mod, share, size in zip(mods, shares, sizes, strict=True):
            axes.plot([mod], [share], color=look["color"], marker=look["marker"], markersize=size, linestyle="")
        axes.plot([], [], label=model, **look)
    axes.set_xlabel(f"MOD of {asked.explainer}{metric_text(asked.metric)}", fontsize=SIZE, parse_math=False)
    axes.set_ylabel(outcome_text(comparison), fontsize=SIZE)
    axes.set_xlim(0, max(0.05, 1.12 * axes.get_xlim()[1]))
    outcome_axis(axes, comparison)
    axes.tick_params(labelsize=SIZE)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    model_legend(figure, axes, 1)
    ends = " to ".join(dict.fromkeys(epsilon_text(each) for each in (epsilons[0], epsilons[-1])))
    figure.suptitle(
        f"{asked.attack}, {comparison.images} images: points grow with epsilon, {ends}",
        fontsize=SIZE + 1,
        parse_math=False,
    )
    return figure
