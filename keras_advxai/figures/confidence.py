"""When the softmax matters to explanations: dissimilarity against the model's confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_advxai.figures.captions import LONGEST, percent
from keras_advxai.figures.sheet import LINE, MARGIN, TINY, WIDTH, Sheet, heading_lines, joined
from keras_advxai.measurements.scores import ScoreComparison, ScoredImages
from keras_advxai.text import epsilon_text

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito 2008
_MARKERS = "os^Dv*"
_TEN = math.log(10)
_PROBABILITIES = {
    -9 * _TEN: "1e-9",
    -6 * _TEN: "1e-6",
    -3 * _TEN: "0.1 %",
    0.0: "50 %",
    math.log(9): "90 %",
    math.log(99): "99 %",
    math.log(999): "99.9 %",
    6 * _TEN: "1 - 1e-6",
    9 * _TEN: "1 - 1e-9",
    15 * _TEN: "1 - 1e-15",
    30 * _TEN: "1 - 1e-30",
    60 * _TEN: "1 - 1e-60",
}
"""By their log-odds."""
_POINT: dict[str, Any] = {"markersize": 3.5, "linestyle": "none", "clip_on": False}
_LEFT, _RIGHT, _GAP = 0.92, 0.16, 0.14  # inches
_PANEL, _ABOVE = 1.2, 0.5
_BLOCK = _ABOVE + _PANEL + 0.36
_APART = 0.12  # of the height, from one of the rows below the points to the next
_LETTER, _EDGE = 0.05, 1.06  # of the width of the axes: a letter of a tick's label, and where it has to end
_ARRAYS = ("confidence", "log_odds", "zero_gradient")
_BY_EXPLAINER = ("nissim", "blank")


def confidence(comparison: ScoreComparison | Mapping[str, ScoredImages], *, title: str | None = None) -> Figure:
    """NISSIM between the heatmaps without and with softmax, against the model's confidence.

    One panel for each group of images and one colour and marker for each explainer. Confidences pile up at 1, so the
    axis is that of their log-odds, with the probabilities above it; infinite ones are at its ends. A hollow marker
    has a blank heatmap on one side, so that its NISSIM means little. Rows below the points mark the images with a
    blank heatmap, and those on which the gradient of the probability is exactly zero.

    Args:
        comparison: What `keras_advxai.compare_scores` returned, or a mapping from names to images, each an object with
            the arrays `confidence`, `log_odds` and `zero_gradient`, `(images,)`, and the mappings `nissim` and `blank`
            from explainers to such arrays.
        title: A heading. Defaults to what is measured.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `comparison` is something else, or its images lack one of the arrays.
        ValueError: There are no images, no explainers, or the arrays do not fit together.

    Example:

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from keras_advxai import figures
    >>> images = SimpleNamespace(
    ...     confidence=np.array([0.5, 0.9]),
    ...     log_odds=np.array([0.0, 2.2]),
    ...     nissim={"grad_cam": np.array([0.1, 0.3])},
    ...     blank={"grad_cam": np.array([False, False])},
    ...     zero_gradient=np.array([False, False]),
    ... )
    >>> figure = figures.confidence({"original": images})
    >>> [text.get_text() for text in figure.texts][1:3]
    ['original', 'median confidence 70.0 %']
    """
    panels = comparison.panels if isinstance(comparison, ScoreComparison) else comparison
    explainers = _checked(panels)
    groups = list(panels.values())
    heading = joined(_heading(comparison)) if title is None else heading_lines(title)
    columns = min(2, len(groups))
    width = (WIDTH - MARGIN - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    top = MARGIN + len(heading) * LINE
    below = top + math.ceil(len(groups) / columns) * _BLOCK
    sheet = Sheet(below + math.ceil(len(explainers) / 2) * LINE + MARGIN)
    sheet.text(WIDTH / 2, MARGIN, "\n".join(heading))
    ends = _ends(groups)
    top_value, rows = _heights(groups, explainers)
    for place, (name, group) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        left, upper = MARGIN + _LEFT + column * (width + _GAP), top + row * _BLOCK
        axes = sheet.axes(left, upper + _ABOVE, width, _PANEL)
        sheet.text(left + width / 2, upper, name)
        sheet.text(left + width / 2, upper + LINE - 0.02, f"median confidence {_median(group)}", fontsize=TINY)
        sheet.text(left + width / 2, upper + _ABOVE + _PANEL + 0.14, "log-odds of the prediction", fontsize=TINY)
        _draw_axes(axes, ends, top_value, rows, is_first=column == 0)
        _draw_points(axes, group, explainers, ends)
        _draw_rows(axes, group, explainers, ends, rows)
        if column == 0:
            sheet.upright(MARGIN, upper + _ABOVE + _PANEL / 2, "NISSIM", "left")
    handles, names = sheet.figure.axes[0].get_legend_handles_labels()
    names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..." for name in names]
    style: dict[str, Any] = {"ncols": 2, "fontsize": TINY, "frameon": False, "borderpad": 0, "handlelength": 1}
    anchor = (0.5, MARGIN / sheet.height / 2)
    for text in sheet.figure.legend(handles, names, loc="lower center", bbox_to_anchor=anchor, **style).get_texts():
        text.set_parse_math(False)
    return sheet.figure


def _heading(comparison: Any) -> list[str]:
    if not isinstance(comparison, ScoreComparison):
        return ["NISSIM between heatmaps without and with softmax"]
    condition = f"{comparison.attack} at epsilon {epsilon_text(comparison.epsilon)}"
    return ["NISSIM without and with softmax", condition]


def _ends(groups: Sequence[ScoredImages]) -> tuple[float, float]:
    """The ends of the axis, a little outside of all finite log-odds."""
    odds = np.concatenate([np.asarray(group.log_odds, "float64") for group in groups])
    finite = odds[np.isfinite(odds)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    apart = 0.06 * (high - low) or 1.0  # all odds may be the same
    return low - apart, high + apart


def _heights(groups: Sequence[ScoredImages], explainers: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The upper end of the vertical axis, and the heights of the rows that are needed below the points."""
    values = np.concatenate([np.asarray(group.nissim[name], "float64") for group in groups for name in explainers])
    top = max(0.05, 1.08 * float(np.max(values[np.isfinite(values)], initial=0.0)))
    needed = {
        "blank": any(np.any(group.blank[name]) for group in groups for name in explainers),
        "zero gradient": any(np.any(group.zero_gradient) for group in groups),
    }
    names = [name for name in needed if needed[name]]
    return top, {name: -_APART * top * (place + 1) for place, name in enumerate(names)}


def _draw_axes(axes: Axes, ends: tuple[float, float], top: float, rows: Mapping[str, float], is_first: bool) -> None:
    ticks = _ticks(0, top, 4)
    labels = [*(f"{tick:g}" for tick in ticks), *rows]
    # All panels have one scale, and there is no room for its numbers between them.
    axes.set_yticks([*ticks, *rows.values()], labels if is_first else [""] * len(labels))
    axes.set_ylim(-_APART * top * (len(rows) + 0.5), top)
    axes.set_xlim(*ends)
    places = _ticks(*ends, 5)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.tick_params(labelsize=TINY, pad=2, length=2)
    axes.grid(axis="y", color="0.92", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)  # the grid, or it would cross the points
    if rows:
        axes.axhline(0, color="0.6", linewidth=0.6)  # below it heights mean nothing
    _draw_probabilities(axes, ends)


def _ticks(low: float, high: float, most: int) -> list[float]:
    return [float(tick) for tick in MaxNLocator(most).tick_values(low, high) if low <= tick <= high]


def _draw_points(axes: Axes, group: ScoredImages, explainers: Sequence[str], ends: tuple[float, float]) -> None:
    odds = _within(group.log_odds, ends)
    for name, color, marker in zip(explainers, cycle(_COLORS), cycle(_MARKERS), strict=False):
        distance = np.asarray(group.nissim[name], "float64")
        blank = np.asarray(group.blank[name], bool)
        style: dict[str, Any] = {"color": color, "marker": marker, **_POINT}
        axes.plot(odds[~blank], distance[~blank], label=name, alpha=0.75, markeredgewidth=0, **style)
        axes.plot(odds[blank], distance[blank], markerfacecolor="none", **style)  # NISSIM of a blank map means little


def _draw_rows(
    axes: Axes, group: ScoredImages, explainers: Sequence[str], ends: tuple[float, float], rows: Mapping[str, float]
) -> None:
    odds = _within(group.log_odds, ends)
    style: dict[str, Any] = {"markerfacecolor": "none", **_POINT}
    if "blank" in rows:
        for name, color, marker in zip(explainers, cycle(_COLORS), cycle(_MARKERS), strict=False):
            marked = odds[np.asarray(group.blank[name], bool)]
            axes.plot(marked, np.full(len(marked), rows["blank"]), color=color, marker=marker, **style)
    if "zero gradient" in rows:
        marked = odds[np.asarray(group.zero_gradient, bool)]
        axes.plot(marked, np.full(len(marked), rows["zero gradient"]), color="black", marker="x", **style)


def _draw_probabilities(axes: Axes, ends: tuple[float, float]) -> None:
    """The probabilities that belong to the log-odds, above the axes, as far as their labels have room."""
    kept: dict[float, tuple[float, float]] = {}
    # 50 % in any case, then from the right, where confident models are.
    for odds in (0.0, *sorted(_PROBABILITIES, reverse=True)):
        place = (odds - ends[0]) / (ends[1] - ends[0])
        half = _LETTER * len(_PROBABILITIES[odds]) / 2
        has_room = all(place + half < low or place - half > high for low, high in kept.values())
        if 0 <= place <= 1 and place + half < _EDGE and has_room:
            kept[odds] = place - half, place + half
    above = axes.secondary_xaxis("top")
    above.set_xticks(list(kept), [_PROBABILITIES[odds] for odds in kept])
    above.tick_params(labelsize=TINY, pad=1, length=2)
    above.spines["top"].set(color="0.7", linewidth=0.6)


def _within(log_odds: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    return np.asarray(np.clip(np.asarray(log_odds, "float64"), *ends))  # infinite ones to the ends; NaN stays away


def _median(group: ScoredImages) -> str:
    values = np.asarray(group.confidence, "float64")
    values = values[np.isfinite(values)]
    return percent(float(np.median(values))) if len(values) else "-"


def _checked(panels: Any) -> list[str]:
    """The names of the explainers, the same in all panels."""
    if not isinstance(panels, Mapping):
        raise TypeError(
            'Argument `comparison` must be a ScoreComparison or a mapping from names, such as "original", to images. '
            f"Received: {type(panels).__name__}"
        )
    if not panels:
        raise ValueError("Argument `comparison` must hold at least one group of images. Received: none")
    explainers: list[str] | None = None  # one legend and one colour each in all panels
    for name, group in panels.items():
        for key in (*_ARRAYS, *_BY_EXPLAINER):
            if not hasattr(group, key):
                raise TypeError(
                    f"Argument `comparison` must hold objects with the arrays {', '.join((*_ARRAYS, *_BY_EXPLAINER))}. "
                    f"Received: {name!r} with a {type(group).__name__} without {key!r}"
                )
        own = list(group.nissim)
        explainers = own if explainers is None else explainers
        if not own or set(own) != set(explainers) or set(own) != set(group.blank):
            raise ValueError(
                "Argument `comparison` must have `nissim` and `blank` of the same explainers, one or more, everywhere. "
                f"Received: {name!r} with {own} and {list(group.blank)}, after {explainers}"
            )
        arrays = {key: getattr(group, key) for key in _ARRAYS}
        arrays |= {f"{key}[{item!r}]": getattr(group, key)[item] for key in _BY_EXPLAINER for item in own}
        for key, array in arrays.items():
            if np.shape(array) != (np.size(group.log_odds),):
                raise ValueError(
                    f"Argument `comparison` must hold one value for each image in every array. Received: {name!r} with "
                    f"{key} of shape {np.shape(array)} and log_odds of shape {np.shape(group.log_odds)}"
                )
    return list(explainers or ())
