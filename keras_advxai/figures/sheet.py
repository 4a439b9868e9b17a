"""A figure whose parts are placed in inches, made for the width of a card in TensorBoard."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from keras_advxai.figures.scale import HeatScale
from keras_advxai.figures.standalone import StandaloneFigure

WIDTH = 4.25  # inches: 340 pixels at 80 dots per inch, 680 at DPI
DPI = 160  # twice what a card shows, so that a card's pixels and a screen's with twice as many are whole
LARGE, SMALL, TINY = 10, 9, 8  # points: 11, 10 and 9 pixels on a card
LINE = 0.17  # inches
_ASCENT = 0.125
_TINY_LETTER = 0.066
MARGIN = 0.06
BAR = 0.74  # a colour bar with its numbers and its label

_HEADING = 54  # characters


class Sheet:
    """A white figure of the width of a card, with places counted in inches from the upper left corner.

    Args:
        height: Its height, in inches.

    Attributes:
        figure: The figure. It belongs to no backend.
    """

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = StandaloneFigure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place."""
        place = (left / WIDTH, 1 - (top + height) / self.height, width / WIDTH, height / self.height)
        return self.figure.add_axes(place)

    def picture(self, left: float, top: float, width: float, height: float, pixels: np.ndarray) -> Axes:
        """Axes with a picture: sharp pixels where it is enlarged, their mean where it is reduced."""
        axes = self.axes(left, top, width, height)
        axes.imshow(pixels, interpolation="auto")  # sharp if enlarged, else the mean
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color="0.7", linewidth=0.6)
        return axes

    def text(self, x: float, top: float, words: str, **style: Any) -> None:
        """Lines of words below a place, centred unless the style says otherwise, each on its line."""
        style = {"ha": "center", "va": "baseline", "fontsize": SMALL, **style}
        for place, line in enumerate(words.split("\n") if words else ()):
            y = 1 - (top + place * LINE + _ASCENT) / self.height
            self.figure.text(x / WIDTH, y, line, parse_math=False, **style)  # "$1" is no formula

    def upright(self, x: float, middle: float, words: str, side: str) -> None:
        """Words from the bottom to the top, whose `side` ("left" or "right") is at a position."""
        y = 1 - middle / self.height
        style: dict[str, Any] = {"rotation": 90, "va": "center", "ha": side, "fontsize": TINY, "linespacing": 1.0}
        self.figure.text(x / WIDTH, y, words, parse_math=False, **style)

    def bar(self, top: float, height: float, scale: HeatScale) -> None:
        """The colour bar at the right edge, with its numbers and its label."""
        scale.draw(self.figure, self.axes(WIDTH - MARGIN - BAR + 0.07, top, 0.1, height), TINY)
        lines = joined(scale.label.split(", "), int(height / _TINY_LETTER))
        self.upright(WIDTH - MARGIN, top + height / 2, "\n".join(lines), "right")


def heading_lines(title: str) -> list[str]:
    """A heading in lines that fit the width; none for an empty one."""
    return textwrap.wrap(title, _HEADING)


def joined(parts: Sequence[str], most: int = _HEADING) -> list[str]:
    """Parts with commas between them, in lines of at most so many characters; no part is broken."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}, {part}" if lines else ""
        lines = [*lines[:-1], longer] if lines and len(longer) <= most else [*lines, part]
    return lines


def panel_height(image: np.ndarray, panel: float, least: float, most: float) -> float:
    """How high a panel of the width `panel` has to be for an image, within limits, in inches."""
    return float(min(most, max(least, panel * image.shape[0] / image.shape[1])))


def say_blank(axes: Axes) -> None:
    """Write over a picture that its heatmap is blank."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}
    axes.text(0.5, 0.5, "blank", transform=axes.transAxes, ha="center", va="center", fontsize=SMALL, bbox=box)
