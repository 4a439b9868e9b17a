"""Where in a network explanations drift: MOD against the layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_advxai._registry import Configuration
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.depth import DepthProfile
from keras_advxai.text import epsilon_text

_COLORS = "viridis"
_MOST_LABELS = 20
_LONGEST = 28
_SIZE = 9  # points


def depth(
    report: EvaluationReport, explainers: Sequence[str | Configuration] | None = None, metric: Any | None = None
) -> Figure:
    """MOD at every layer, in the order of the network, with one line for each epsilon.

    One panel for each attack and for the noise control, all with the same scales. A dashed line shows what MOD would be
    by chance: the mean dissimilarity between clean heatmaps of different images.

    Args:
        report: The report of an evaluation with `explainers=GradCAM.every_layer(model)`.
        explainers: Which explainers to show, or their names. Defaults to all that look at one layer.
        metric: The dissimilarity or its name. Defaults to the report's first.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `report` is not a report.
        ValueError: No explainer of the report looks at one layer, or several look at the same one.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> keras.utils.set_random_seed(0)
    >>> _, (x, y) = kax.datasets.faces.load_data()
    >>> model = keras.Sequential([
    ...     keras.layers.Input((25, 25, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, activation="softmax"),
    ... ])
    >>> layers = kax.explainers.GradCAM.every_layer(model)
    >>> report = kax.evaluate(model, (x, y), explainers=layers, epsilons=(0.02, 0.1), progress=False)
    >>> [axes.get_title() for axes in kax.figures.depth(report).axes]
    ['fgsm', 'uniform_noise']
    """
    if not isinstance(report, EvaluationReport):
        raise TypeError(f"Argument `report` must be an EvaluationReport. Received: {type(report).__name__}")
    profiles = [report.depth_profile(attack, explainers, metric=metric) for attack in report.attacks]
    layers = profiles[0].layers
    # Two explainers at one layer, such as those of both scores, would be a zigzag.
    if len(set(layers)) < len(layers):
        raise ValueError(
            "One line needs one explainer for each layer. Pass those that it is to join, such as "
            f"explainers=GradCAM.every_layer(model). Received: explainers {', '.join(profiles[0].explainers)}"
        )
    width = min(9.0, max(3.6, 1.6 + 0.22 * len(layers)))
    figure = StandaloneFigure(figsize=(0.8 + width * len(profiles), 4.4), facecolor="white", layout="constrained")
    panels = figure.subplots(1, len(profiles), squeeze=False, sharey=True)[0]
    for axes, profile in zip(panels, profiles, strict=True):
        _draw(axes, profile)
    panels[0].set_ylabel("MOD", fontsize=_SIZE)
    panels[0].set_ylim(0, None)  # and so all: the axis is shared
    panels[-1].legend(
        title="epsilon", fontsize=_SIZE, title_fontsize=_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(1, 1)
    )
    figure.suptitle(
        f"{report.provenance['model']}, {len(report.measurements)} images: drift of the explanations by layer",
        fontsize=_SIZE + 1,
        parse_math=False,
    )
    return figure


def _draw(axes: Axes, profile: DepthProfile) -> None:
    places = np.arange(len(profile.layers))
    order = np.argsort(profile.epsilons)  # epsilons may be given in any order
    colors = matplotlib.colormaps[_COLORS](np.linspace(0.85, 0.1, len(order)))
    for color, level in zip(colors, order, strict=True):
        label = epsilon_text(profile.epsilons[level])
        axes.plot(places, profile.mod[:, level], color=color, marker="o", markersize=3, linewidth=1.4, label=label)
    if np.isfinite(profile.chance).any():  # not in reports of older versions
        axes.plot(places, profile.chance, color="0.6", linestyle=(0, (6, 3)), linewidth=1.2, label="chance")
    step = -(-len(places) // _MOST_LABELS)  # rounded up: ResNet50 has more layers than room
    shown = places[::step]
    names = _without_prefix(profile.layers)
    axes.set_xticks(shown, [_short(names[place]) for place in shown], rotation=90, parse_math=False)
    axes.set_xticks(places, minor=True)  # layers without a label are there, too
    axes.tick_params(labelsize=_SIZE - 1)
    axes.tick_params(axis="y", labelleft=True)  # which `sharey` hides
    axes.set_title(profile.attack, fontsize=_SIZE + 1, parse_math=False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _without_prefix(layers: Sequence[str]) -> list[str]:
    """The layers' paths without the nested models that all of them are in."""
    parts = [layer.split("/") for layer in layers]
    common = 0
    while all(len(part) > common + 1 and part[common] == parts[0][common] for part in parts):
        common += 1
    return ["/".join(part[common:]) for part in parts]


def _short(layer: str) -> str:
    return layer if len(layer) <= _LONGEST else "..." + layer[-_LONGEST + 3 :]  # paths differ at their ends
