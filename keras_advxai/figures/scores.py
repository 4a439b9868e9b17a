"""The effect of the softmax on explanations: the heatmaps of the logit beside those of the probability."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_advxai.figures.captions import ClassNames, class_text, image_text, number, percent
from keras_advxai.figures.comparison import listed_examples
from keras_advxai.figures.overlay import as_heat
from keras_advxai.figures.scale import heat_scale, views
from keras_advxai.figures.sheet import (
    BAR,
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
from keras_advxai.metrics import nissim

_NAMES = 0.32  # inches, for the name of the explainer at the left
_GAPS = (0.0, 0.04, 0.2, 0.24)
_PANEL = (WIDTH - 2 * MARGIN - _NAMES - BAR - _GAPS[-1]) / 4
_LEAST, _MOST = 0.75, 1.2
_MOST_PIXELS = 64  # about what a panel has on a card
_NAME = 14  # characters of a class name
_LINE = 12  # characters of an explainer's name in a line
_SCORES = ("no softmax", "softmax")
_STRIP = 8  # a signal is shown as a strip, so many times as wide as high


def scores(
    examples: Sequence[Example],
    pairs: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    index: int | None = None,
    class_names: ClassNames = None,
    title: str | None = None,
    peak: float | None = None,
) -> Figure:
    """Heatmaps of one image without and with the softmax: a row for each pair of explainers.

    The left half shows the original, the right half the adversarial image, each with the heatmap of the class's logit
    and with that of its probability, and with NISSIM between the two. (NISSIM is `-` where the map without softmax is
    blank; that of a video is computed from its frames side by side.) All panels have one colour scale. With several
    rows it follows the square root of the heat, so that smooth maps and maps of single pixels can be read next to one
    another. Of maps of more than 64 pixels a side, each block of pixels is shown by the largest heat in it.

    Args:
        examples: Examples at one attack and epsilon, such as `report.select(attack="fgsm", epsilon=0.05)` or those of
            a `ScoreComparison`. Those of explainers that are not in `pairs` are left out.
        pairs: Names of explainers that differ only in their score: from that of the logit to that of the probability,
            as in `report.provenance["score_pairs"]` and in the `pairs` of a `ScoreComparison`.
        index: Which image, by its index in the data. Defaults to the only one.
        class_names: The names of the classes, a sequence or a dictionary. Defaults to their numbers.
        title: A heading. Defaults to the attack, its epsilon and the image.
        peak: The heat from which on the last colour is shown, up to 1. Defaults to the 98th percentile of the pixels
            that have heat, rounded up to one digit.

    Returns:
        A figure that belongs to no backend; `figure.savefig("figure.png")` writes it.

    Raises:
        TypeError: `examples`, `pairs` or `peak` is something else.
        ValueError: There are no pairs, the examples are of several images, attacks or epsilons, or there is none of an
            explainer or of the image.

    Example:

    >>> import numpy as np
    >>> from keras_advxai import figures
    >>> from keras_advxai.evaluation import Example
    >>> image, heatmap = np.full((8, 8, 1), 0.5), np.eye(8)
    >>> outcome = {"prediction": 1, "adversarial_prediction": 0, "dissimilarity": 0.0}
    >>> outcome |= {"confidence": 0.9, "adversarial_confidence": 0.6}
    >>> names = "grad_cam", "grad_cam_probability"
    >>> examples = [Example("fgsm", name, 0.1, 0, 1, image, image, heatmap, heatmap, **outcome) for name in names]
    >>> figure = figures.scores(examples, dict([names]), class_names=["cat", "dog"])
    >>> [text.get_text() for text in figure.texts][:5]
    ['fgsm at epsilon 0.1, image 0', 'original', 'dog 90.0 %', 'no softmax', 'softmax']
    """
    names = _checked_pairs(pairs)
    found = _of_one_image(examples, names, index)
    one = found[names[0][0]]
    shown = {name: views(example, _MOST_PIXELS) for name, example in found.items()}
    # The root shows maps of single pixels beside smooth ones; a pair by itself is of one kind and needs none.
    scale = heat_scale([heatmap for sides in shown.values() for _, heatmap in sides], peak, root=len(names) > 1)
    words = [f"{one.attack} at {one.level_text}", image_text(one)]
    if one.prediction != one.label:
        words.append(f"label: {class_text(one.label, class_names, _NAME)}")
    heading = joined(words) if title is None else heading_lines(title)
    panel = panel_height(shown[names[0][0]][0][0], _PANEL, _LEAST, _MOST)
    head = MARGIN + len(heading) * LINE
    top = head + 3 * LINE + 0.03
    block = panel + LINE + 0.06
    sheet = Sheet(top + len(names) * block + 0.02)
    sheet.text(WIDTH / 2, MARGIN, "\n".join(heading))
    _draw_heads(sheet, head, one, class_names)
    for place, pair in enumerate(names):
        upper = top + place * block
        sheet.upright(MARGIN, upper + panel / 2, "\n".join(_name_lines(pair[0])), "left")
        for column, (side, name) in enumerate(itertools.product((0, 1), pair)):
            image, heatmap = shown[name][side]
            axes = sheet.picture(_left(column), upper, _PANEL, panel, scale.overlay(image, heatmap))
            if not heatmap.any():
                say_blank(axes)  # as behind a saturated softmax
        for side, distance in enumerate(_distances(found[pair[0]], found[pair[1]])):
            sheet.text(_middle(side), upper + panel + 0.03, f"NISSIM {number(distance)}")
    if len(names) == 1:
        sheet.bar(head + 0.05, sheet.height - head - 0.1 - MARGIN, scale)  # one row is too low for its label
    else:
        sheet.bar(top, (len(names) - 1) * block + panel, scale)
    return sheet.figure


def _checked_pairs(pairs: Any) -> list[tuple[str, str]]:
    if isinstance(pairs, Mapping):
        pairs = list(pairs.items())
    listed = list(pairs) if isinstance(pairs, Iterable) and not isinstance(pairs, str) else [pairs]
    for pair in listed:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or [type(name) for name in pair] != [str, str]:
            raise TypeError(
                "Argument `pairs` must hold names of two explainers each, of the logit and of the probability, such as "
                f"{{'grad_cam': 'grad_cam_probability'}}. Received: {pair!r}"
            )
    if not listed:
        raise ValueError(
            "Argument `pairs` must hold at least one pair of explainers. Received: none. Evaluate with each explainer "
            'twice, such as explainers=[GradCAM(), GradCAM(score="probability")].'
        )
    return [(pair[0], pair[1]) for pair in listed]


def _of_one_image(examples: Any, pairs: Sequence[tuple[str, str]], index: int | None) -> dict[str, Example]:
    """The example of each explainer, by its name."""
    needed = {name for pair in pairs for name in pair}
    given = listed_examples(examples)
    found = [example for example in given if index is None or example.index == index]
    if not found:
        shown = ", ".join(str(place) for place in dict.fromkeys(example.index for example in given))
        raise ValueError(f"Argument `index` must be that of an image among the examples, {shown}. Received: {index!r}")
    kept = [example for example in found if example.explainer in needed]
    names = dict.fromkeys(example.explainer for example in found)
    missing = sorted(needed.difference(names))
    if missing:
        raise ValueError(
            f"Argument `examples` must hold one of each explainer in `pairs`. Received: none of {', '.join(missing)}, "
            f"but of {', '.join(names)}"
        )
    if len(kept) > len(needed):
        conditions = dict.fromkeys(f"image {e.index}, {e.attack} at {e.level_text}" for e in kept)
        raise ValueError(
            "Argument `examples` must be of one image, attack and epsilon. Choose with `index=` and "
            f"`report.select(attack=..., epsilon=...)`. Received: {'; '.join(conditions)}"
        )
    return {example.explainer: example for example in kept}


def _left(column: int) -> float:
    return MARGIN + _NAMES + column * _PANEL + _GAPS[column]


def _middle(half: int) -> float:
    """The middle of the original's panels (0) or of the adversarial image's (1)."""
    return (_left(2 * half) + _left(2 * half + 1) + _PANEL) / 2


def _draw_heads(sheet: Sheet, top: float, example: Example, class_names: ClassNames) -> None:
    heads = (
        ("original", example.prediction, example.confidence),
        ("adversarial", example.adversarial_prediction, example.adversarial_confidence),
    )
    for half, (name, prediction, confidence) in enumerate(heads):
        words = f"{name}\n{class_text(prediction, class_names, _NAME)} {percent(confidence)}"
        sheet.text(_middle(half), top, words)
        for place, score in enumerate(_SCORES):
            sheet.text(_left(2 * half + place) + _PANEL / 2, top + 2 * LINE, score)


def _distances(logit: Example, probability: Example) -> list[float]:
    """NISSIM of the heatmaps of the two scores on the original and on the adversarial image."""
    pairs = (
        (logit.heatmap, probability.heatmap),
        (logit.adversarial_heatmap, probability.adversarial_heatmap),
    )
    return [_distance(*pair) for pair in pairs]


def _distance(logit: np.ndarray, probability: np.ndarray) -> float:
    """NISSIM of two heatmaps; NaN where the first is blank."""
    # There is nothing to compare with, as where MOD leaves a pair out.
    if not logit.any():
        return math.nan
    maps = [as_heat(heatmap)[None, ..., None] for heatmap in (logit, probability)]
    height, width = logit.shape
    # A signal is kept as a strip, whose SSIM has another window than that of the signal itself.
    is_signal = height == max(1, width // _STRIP) and all((each == each[:, :1]).all() for each in maps)
    return float(nissim(*(each[:, 0] if is_signal else each for each in maps))[0])


def _name_lines(name: str) -> list[str]:
    """The name of an explainer in two lines that fit beside a panel."""
    lines = [""]
    for word in name.split("_"):
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= _LINE or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    if len(lines) > 2:
        lines = [lines[0], " ".join(lines[1:])]
    return [line if len(line) <= _LINE + 2 else line[: _LINE - 1] + "..." for line in lines]
