"""Images side by side: original and adversarial, what the model looked at in each, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from keras_advxai.figures.captions import ClassNames, class_text, flipped, number, percent
from keras_advxai.figures.overlay import CHANGE, as_heat, as_rgb, change, overlay
from keras_advxai.figures.scale import HeatScale, heat_scale
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.measurements.examples import Example
from keras_advxai.text import ending

_HEADINGS = ("original", "adversarial", "heatmap of original", "heatmap of adversarial", "difference")
_PANEL = 1.9  # inches
_SIZE = 9  # points
_NAME = 18  # characters of the name of an image
_VISIBLE = 0.5
"""A scale that ends from here on may as well end at 1."""


def comparison(
    examples: Example | Sequence[Example], *, class_names: ClassNames = None, title: str | None = None
) -> Figure:
    """One row for each example: original, adversarial image, a heatmap over each, and their difference.

    The colours mean the same in every row of an explainer. Where hardly any pixel comes near the hottest one, as with
    Integrated Gradients on large images, its colours end at less than 1, which the colour bar states: else nothing
    would be seen.

    Args:
        examples: One or several of `report.examples`; each makes a row.
        class_names: The names of the classes, a sequence or a dictionary. Defaults to their numbers.
        title: A heading. Defaults to none.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `examples` is something else.
        ValueError: There are no examples, or a class has no name.

    Example:

    >>> import numpy as np
    >>> from keras_advxai import figures
    >>> from keras_advxai.evaluation import Example
    >>> image, heatmap = np.full((8, 8, 1), 0.5), np.eye(8)
    >>> outcome = {"prediction": 1, "adversarial_prediction": 0, "dissimilarity": 0.0}
    >>> outcome |= {"confidence": 0.9, "adversarial_confidence": 0.6}
    >>> example = Example("fgsm", "grad_cam", 8 / 255, 0, 1, image, image, heatmap, heatmap, **outcome)
    >>> figure = figures.comparison(example, class_names=["cat", "dog"])
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['original', 'adversarial', 'heatmap of original']
    """
    rows = listed_examples(examples)
    height, width = rows[0].image.shape[:2]
    panel = _PANEL * min(2.0, max(0.5, height / width))  # a signal is a flat strip
    top = 0.35 if title else 0.0
    figure = StandaloneFigure(  # pyplot would keep it in a global list
        figsize=(5 * _PANEL + 1.4, len(rows) * (panel + 0.42) + 0.8 + top),
        facecolor="white",
        layout=ConstrainedLayoutEngine(h_pad=0.04, hspace=0.0),
    )
    grid = figure.add_gridspec(len(rows) + 1, 5, height_ratios=[panel] * len(rows) + [0.1])
    scales = _scales(rows)
    for place, example in enumerate(rows):
        axes = [figure.add_subplot(grid[place, column]) for column in range(5)]
        _draw(axes, example, scales[example.explainer])
        _caption(axes, example, class_names)
        if place == 0:
            for each, heading in zip(axes, _HEADINGS, strict=True):
                each.set_title(heading, fontsize=_SIZE, fontweight="bold")
    _color_bars(figure, grid[-1, 2:4], grid[-1, 4], scales)
    if title:
        figure.suptitle(title, fontsize=_SIZE + 3, parse_math=False)
    return figure


def listed_examples(examples: Any) -> tuple[Example, ...]:
    """One or several examples as a tuple.

    Raises:
        TypeError: They are something else.
        ValueError: There are none.
    """
    rows = (examples,) if isinstance(examples, Example) else examples
    rows = tuple(rows) if isinstance(rows, Iterable) else (rows,)
    wrong = [type(row).__name__ for row in rows if not isinstance(row, Example)]
    if wrong:
        raise TypeError(
            "Argument `examples` must be one or several of a report's examples, such as "
            f"`report.examples[:4]`. Received: {wrong[0]}"
        )
    if not rows:
        raise ValueError(
            "Argument `examples` must hold at least one example. Received: none. Evaluate with `images=8`; a "
            "report that was read from a file has no examples, because they are not saved with it."
        )
    return rows


def _scales(rows: Sequence[Example]) -> dict[str, HeatScale]:
    """The colour scale of each explainer."""
    maps: dict[str, list[np.ndarray]] = {}
    for row in rows:
        maps.setdefault(row.explainer, []).extend((row.heatmap, row.adversarial_heatmap))
    found = {name: heat_scale(each) for name, each in maps.items()}
    # What can be seen as it is keeps the colours that it has in every other figure.
    return {name: scale if scale.peak < _VISIBLE else HeatScale() for name, scale in found.items()}


def _draw(axes: Sequence[Axes], example: Example, scale: HeatScale) -> None:
    before, after = (
        np.minimum(as_heat(each) / scale.peak, 1) for each in (example.heatmap, example.adversarial_heatmap)
    )
    panels = (
        as_rgb(example.image),
        as_rgb(example.adversarial),
        overlay(example.image, before),
        overlay(example.adversarial, after),
        change(before, after),
    )
    for each, panel in zip(axes, panels, strict=True):
        each.imshow(panel, interpolation="nearest")  # smoothing would show heat where there is none
        each.set(xticks=[], yticks=[])
        each.spines[:].set(color="0.7", linewidth=0.6)


def _caption(axes: Sequence[Axes], example: Example, class_names: ClassNames) -> None:
    before = _prediction(example.prediction, example.confidence, class_names)
    if example.prediction != example.label:
        before += f"\nlabel: {class_text(example.label, class_names, longest=18)}"
    after = _prediction(example.adversarial_prediction, example.adversarial_confidence, class_names)
    if flipped(example):
        after += "\nprediction flipped"
    captions = (
        before,
        after,
        "" if example.heatmap.any() else "blank: no evidence",
        "" if example.adversarial_heatmap.any() else "blank: no evidence",
        f"NISSIM {number(example.dissimilarity)}",
    )
    for each, caption in zip(axes, captions, strict=True):
        each.set_xlabel(caption, fontsize=_SIZE, parse_math=False)  # a class may be called "$1"
    budget = example.level_text
    which = f"{example.index}: {ending(example.name, _NAME)}" if example.name else f"image {example.index}"
    label = (example.attack, budget, example.explainer, which)  # no fifth line: a panel may be a flat strip
    axes[0].set_ylabel(
        "\n".join(label), fontsize=_SIZE, rotation=0, ha="right", va="center", labelpad=8, parse_math=False
    )


def _prediction(index: int, confidence: float, class_names: ClassNames) -> str:
    name = class_text(index, class_names)
    return f"{name}{'  ' if len(name) < 16 else chr(10)}{percent(confidence)}"


def _color_bars(figure: Figure, heat: Any, difference: Any, scales: Mapping[str, HeatScale]) -> None:
    cut = ", ".join(f"{scale.peak:g} of {name}" for name, scale in scales.items() if scale.peak < 1)
    ends = f"\n1 stands for {cut} and more" if cut else ""
    ramp = np.linspace(0, 1, 256)[None]
    # Heat is laid over the image with a growing opacity, so that no colour map by itself is what one sees.
    colors = ListedColormap(list(overlay(np.full((1, 256), 0.5), ramp)[0]))
    bars = (
        (heat, ScalarMappable(Normalize(0, 1), colors), f"heat, over a mid-gray image{ends}", (0, 0.5, 1)),
        (difference, ScalarMappable(Normalize(-1, 1), CHANGE), "adversarial - original", (-1, 0, 1)),
    )
    for place, mappable, label, ticks in bars:
        bar = figure.colorbar(mappable, cax=figure.add_subplot(place), orientation="horizontal", ticks=ticks)
        bar.set_label(label, fontsize=_SIZE, parse_math=False)
        bar.ax.tick_params(labelsize=_SIZE - 1)
