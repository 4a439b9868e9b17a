"""Several models: where in each network explanations drift, on one scale of depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_advxai.comparison import Comparison
from keras_advxai.figures.curves import SIZE, styles
from keras_advxai.figures.models import check_comparison, model_legend
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.render import metric_text
from keras_advxai.text import epsilon_text


def relative_depth(
    comparison: Comparison,
    attack: Any | None = None,
    explainer: Any | None = None,
    epsilon: float | None = None,
    metric: Any | None = None,
) -> Figure:
    """MOD at every layer against its relative depth, a line for each model.

    The depth of a layer lies between the first explained layer, 0, and the last one, 1, by how many layers have run
    before it. A thin dotted line is the same under noise, and a thin dashed one is chance at that layer.

    Args:
        comparison: What `compare(..., every_layer=True)` returned.
        attack: The attack or its name. Defaults to the first.
        explainer: The explainer or its name. Defaults to the first.
        epsilon: One of the epsilons. Defaults to the largest.
        metric: The dissimilarity or its name. Defaults to the first.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `comparison` is not a comparison.
        ValueError: It has no such attack, explainer, epsilon or dissimilarity, or the explainer looks at one layer.

    Example:

    >>> from keras_advxai import EvaluationReport, figures
    >>> from keras_advxai.comparison import Comparison
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> known = Coordinates(("fgsm",), ("first", "last"), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> drift = [[[[[[0.1, 0.2]]]], [[[[0.3, 0.4]]]]]]
    >>> found = Measurements.of(
    ...     known, image_key=[7, 8], label=[0, 1], prediction=[[0, 1], [0, 0]], dissimilarity=drift
    ... )
    >>> layers = {"layers": {"first": ["conv1"], "last": ["conv2"]}, "depths": {"first": [1], "last": [3]}}
    >>> report = EvaluationReport(found, {"heatmap_size": [8, 8], **layers})
    >>> figure = figures.relative_depth(Comparison({"one": report, "other": report}))
    >>> figure.axes[0].lines[0].get_xdata().tolist()
    [0.0, 1.0]
    """
    check_comparison(comparison)
    level = max(comparison.epsilons) if epsilon is None else epsilon
    asked = comparison.asked("mod", attack=attack, explainer=explainer, epsilon=level, metric=metric)
    by: dict[str, Any] = {"attack": asked.attack, "explainer": asked.explainer, "metric": asked.metric}
    profiles = {model: comparison.profile(model, epsilon=level, **by) for model in comparison.models}
    figure = StandaloneFigure(figsize=(7.2, 4.6), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    for model, look in styles(comparison.models).items():
        profile = profiles[model]
        axes.plot(profile.depth, profile.mod, label=model, **look)
        axes.plot(profile.depth, profile.noise, color=look["color"], linestyle=":", linewidth=1)
        if np.isfinite(profile.chance).any():
            axes.plot(profile.depth, profile.chance, color=look["color"], linestyle=(0, (6, 3)), linewidth=0.8)
    axes.set_ylim(0, None)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("relative depth of the layer", fontsize=SIZE)
    axes.set_ylabel(f"MOD of {asked.explainer}{metric_text(asked.metric)}", fontsize=SIZE, parse_math=False)
    axes.tick_params(labelsize=SIZE)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    model_legend(figure, axes, 1)
    noise = comparison.noise_of(asked.attack)
    beside = "dashed: chance" if noise is None else f"dotted: {noise}; dashed: chance"
    figure.suptitle(
        f"{asked.attack} at {epsilon_text(level)}, {comparison.images} images; {beside}",
        fontsize=SIZE + 1,
        parse_math=False,
    )
    return figure
