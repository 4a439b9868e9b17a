"""Pictures for TensorBoard's image dashboard: both heatmaps and their difference, with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_advxai.figures.captions import ClassNames, class_text, flipped, number, percent
from keras_advxai.figures.overlay import change, overlay
from keras_advxai.measurements.examples import Example

SMALLEST = 96  # pixels, as all of these
LARGEST = 512
GAP = 4
LINE = 14
FONT = 11
NAME = 16  # characters of a class name
CARD = 340  # about the width at which TensorBoard shows a picture; what is wider gets larger letters

_DPI = 64  # a power of two, so that pixels make whole inches


def montage(example: Example, class_names: ClassNames = None) -> np.ndarray:
    """The original and the adversarial image with their heatmaps, the difference, and a caption below.

    Small images are enlarged by a whole factor and large ones thinned.

    Args:
        example: One of a report's examples.
        class_names: The names of the classes. Defaults to their numbers.

    Returns:
        RGB, `(height, width, 3)` uint8.
    """
    panels = (
        overlay(example.image, example.heatmap),
        overlay(example.adversarial, example.adversarial_heatmap),
        change(example.heatmap, example.adversarial_heatmap),
    )
    first, second, third = (_resized(np.round(panel * 255).astype("uint8")) for panel in panels)
    gap = np.full((len(first), GAP, 3), 255, "uint8")
    row = np.concatenate([first, gap, second, gap, third], axis=1)
    missing = max(0, 3 * SMALLEST + 2 * GAP - row.shape[1])  # the caption would be cut off
    row = np.pad(row, ((0, 0), (0, missing), (0, 0)), constant_values=255)
    # The caption is in the picture, since TensorBoard keeps one description for all steps and predictions change.
    return np.concatenate([row, _text(caption(example, class_names), row.shape[1])])


def caption(example: Example, class_names: ClassNames = None) -> list[str]:
    """The lines below a picture: both predictions and NISSIM, in ASCII.

    Args:
        example: One of a report's examples.
        class_names: The names of the classes. Defaults to their numbers.
    """
    before = class_text(example.prediction, class_names, NAME)
    after = class_text(example.adversarial_prediction, class_names, NAME)
    before = f"original: {before} {percent(example.confidence)}"
    after = f"adversarial: {after} {percent(example.adversarial_confidence)}"
    blank = [
        name
        for name, heatmap in (("original", example.heatmap), ("adversarial", example.adversarial_heatmap))
        if not heatmap.any()
    ]
    after += ", flipped" if flipped(example) else ""
    last = ", blank: ".join([f"NISSIM {number(example.dissimilarity)}", *([" and ".join(blank)] if blank else [])])
    lines = (before, after, last)
    return [line.encode("ascii", "replace").decode("ascii") for line in lines]


def description(example: Example, label: str | None) -> str:
    """What a picture shows, in words that hold for all steps.

    Args:
        example: One of a report's examples.
        label: The true class; `None` where there are no labels.
    """
    text = (
        f"{which(example)}{f', labelled {label}' if label else ''}. {example.attack} at "
        f"{example.level_text}, heatmaps of {example.explainer}: on the original (left), on the "
        "adversarial image (middle), and what changed (right: red for more heat, blue for less)."
    )
    return text.encode("ascii", "replace").decode("ascii")


def which(example: Example) -> str:
    """Which image it is, at the beginning of a description: its place in the data, and its name if it has one."""
    # TensorBoard reads descriptions as Markdown, in which a name with underscores would be something else.
    name = example.name.replace("`", "'")
    return f"Image {example.index}{f', `{name}`' if name else ''}"


def is_drawable(example: Example) -> bool:
    """Whether all of its numbers are finite, which they are not once a training has diverged."""
    arrays = (example.image, example.adversarial, example.heatmap, example.adversarial_heatmap)
    return all(np.isfinite(array).all() for array in arrays)


def _resized(panel: np.ndarray) -> np.ndarray:
    """Every pixel several times, or every n-th pixel once."""
    shorter, longer = sorted(panel.shape[:2])
    skip = math.ceil(longer / LARGEST)
    copies = max(1, min(math.ceil(SMALLEST / shorter), LARGEST // longer))
    return panel[::skip, ::skip].repeat(copies, axis=0).repeat(copies, axis=1)  # pixels stay sharp


def _text(lines: Sequence[str], width: int) -> np.ndarray:
    """Lines of text as a picture, `(height, width, 3)` uint8."""
    scale = max(1, width // CARD)  # what is wide is shown reduced
    height = scale * (LINE * len(lines) + 2 * GAP)
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)  # pyplot would keep the figure
    size = scale * FONT * 72 / _DPI
    for place, line in enumerate(lines):
        y = 1 - scale * (GAP + LINE * (place + 0.5)) / height
        # A class may be called "$5 or $10", which is no formula.
        figure.text(scale * 2 / width, y, line, size=size, va="center", color="black", parse_math=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # the canvas takes its memory along
