"""What the model looked at in an image and in its adversarial version, in a figure as wide as a card."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from keras_advxai.figures.captions import ClassNames, class_text, flipped, image_text, number, percent
from keras_advxai.figures.comparison import listed_examples
from keras_advxai.figures.scale import heat_scale, views
from keras_advxai.figures.sheet import (
    BAR,
    LARGE,
    LINE,
    MARGIN,
    WIDTH,
    Sheet,
    heading_lines,
    joined,
    panel_height,
    say_blank,
)
from keras_advxai.measurements.examples import Example
from keras_advxai.models.inputs import check_flag

_GAP = 0.08
_PANEL = (WIDTH - 2 * MARGIN - _GAP - BAR) / 2
_LEAST, _MOST = 1.2, 2.4  # inches: the bar has to have room for its label
_MOST_PIXELS = 132  # what a panel has on a card
_NAME = 14  # characters of a class name


def explanation(
    examples: Example | Sequence[Example],
    *,
    class_names: ClassNames = None,
    title: str | None = None,
    images: bool = False,
    peak: float | None = None,
) -> Figure:
    """The heatmap over the original beside the heatmap over the adversarial image, with classes and NISSIM.

    It is made for the cards of TensorBoard: 340 pixels wide, its smallest letters have 9. All panels have one
    colour scale, which the colour bar shows as it looks on a mid-gray image. Heatmaps of which few pixels stand out,
    as those of integrated gradients, end it at a heat below 1; the bar says so, and no number changes. Of maps of more
    than 132 pixels a side, each block of pixels is shown by the largest heat in it.

    Args:
        examples: One or several of `report.examples`; each makes a row.
        class_names: The names of the classes, a sequence or a dictionary. Defaults to their numbers.
        title: A heading. Defaults to the explainer, the attack, its epsilon and the image.
        images: Whether to show the images above their overlays. Defaults to `False`.
        peak: The heat from which on the last colour is shown, up to 1. Defaults to the 98th percentile of the pixels
            that have heat, rounded up to one digit.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `examples`, `peak` or `images` is something else.
        ValueError: There are no examples, a class has no name, or `peak` is not in (0, 1].

    Example:

    >>> import numpy as np
    >>> from keras_advxai import figures
    >>> from keras_advxai.evaluation import Example
    >>> image, heatmap = np.full((8, 8, 1), 0.5), np.eye(8)
    >>> outcome = {"prediction": 1, "adversarial_prediction": 0, "dissimilarity": 0.0}
    >>> outcome |= {"confidence": 0.9, "adversarial_confidence": 0.6}
    >>> example = Example("fgsm", "grad_cam", 8 / 255, 0, 1, image, image, heatmap, heatmap, **outcome)
    >>> figure = figures.explanation(example, class_names=["cat", "dog"])
    >>> [text.get_text() for text in figure.texts][:3]
    ['grad_cam, fgsm at epsilon 8/255, image 0', 'original', 'dog 90.0 %']
    """
    check_flag("images", images)
    rows = listed_examples(examples)
    shown = [views(row, _MOST_PIXELS) for row in rows]
    # One for all panels, so that a colour means the same in each.
    scale = heat_scale([heatmap for sides in shown for _, heatmap in sides], peak)
    words = [_words(row) for row in rows]
    # What all rows share is said once, in the heading, for which a card has room.
    common = [word for word, *others in zip(*words, strict=True) if set(others) <= {word}]
    heading = joined(common) if title is None else heading_lines(title)
    panel = panel_height(shown[0][0][0], _PANEL, _LEAST, _MOST)
    below = LINE + 0.08 if len(rows) == 1 else 2 * LINE + 0.16
    block = 2 * LINE + 0.04 + panel + below + (panel + _GAP if images else 0)
    top = MARGIN + len(heading) * LINE
    sheet = Sheet(top + len(rows) * block)
    sheet.text(WIDTH / 2, MARGIN, "\n".join(heading))
    overlays = top + 2 * LINE + 0.04 + (panel + _GAP if images else 0)
    for place, (row, sides) in enumerate(zip(rows, shown, strict=True)):
        _draw_heads(sheet, top + place * block, row, class_names)
        for column, (image, heatmap) in enumerate(sides):
            left, upper = MARGIN + column * (_PANEL + _GAP), overlays + place * block
            if images:
                sheet.picture(left, upper - panel - _GAP, _PANEL, panel, image)
            axes = sheet.picture(left, upper, _PANEL, panel, scale.overlay(image, heatmap))
            if not heatmap.any():
                say_blank(axes)  # or it would pass for an image without an overlay
        own = ", ".join(word for word in words[place] if word not in common)
        caption = ([own] if len(rows) > 1 else []) + [_outcome(row, class_names)]
        sheet.text(MARGIN + _PANEL + _GAP / 2, upper + panel + 0.05, "\n".join(filter(None, caption)))
    sheet.bar(overlays, (len(rows) - 1) * block + panel, scale)
    return sheet.figure


def _draw_heads(sheet: Sheet, top: float, example: Example, class_names: ClassNames) -> None:
    heads = (
        ("original", example.prediction, example.confidence),
        ("adversarial", example.adversarial_prediction, example.adversarial_confidence),
    )
    for column, (name, prediction, confidence) in enumerate(heads):
        words = f"{name}\n{class_text(prediction, class_names, _NAME)} {percent(confidence)}"
        sheet.text(MARGIN + column * (_PANEL + _GAP) + _PANEL / 2, top, words, fontsize=LARGE)


def _words(example: Example) -> tuple[str, str, str]:
    condition = f"{example.attack} at {example.level_text}"
    return example.explainer, condition, image_text(example)


def _outcome(example: Example, class_names: ClassNames) -> str:
    parts = [f"NISSIM {number(example.dissimilarity)}"]
    is_wrong = example.prediction != example.label
    if flipped(example):
        parts.append("flipped" if is_wrong else "prediction flipped")  # the label has to fit in beside it
    if is_wrong:
        parts.append(f"label: {class_text(example.label, class_names, _NAME)}")
    return ", ".join(parts)
