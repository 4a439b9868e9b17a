"""The figures that are written to TensorBoard beside the montages, and how they become pixels."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.colors
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image import metadata
from tensorboard.util.tensor_util import make_tensor_proto

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures import comparison, depth, drift, scores
from keras_advxai.figures.captions import ClassNames
from keras_advxai.tensorboard.explained import charted, profiles
from keras_advxai.tensorboard.montage import is_drawable, which
from keras_advxai.tensorboard.names import REPORTED, safe
from keras_advxai.text import epsilon_text
from keras_advxai.viewer.png import encode

FEW = 2  # images of each attack
LARGEST = 2000  # pixels
NEUTRAL = "#858585"
"""A gray that is as far from white as from the background of TensorBoard's dark theme."""

_GRID = 0.25
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_DARKEST = 0.13
"""The least luminance of a colour: three times that of the dark theme's background, as WCAG measures contrast."""

_COLORS = "The brighter, the more the region matters to the class."

Drawn = tuple[str, str, Callable[[], Figure]]


def figures_of(report: EvaluationReport, class_names: ClassNames) -> Iterator[Drawn]:
    """The figures of a report: tag, description, and what draws it.

    The curves over epsilon; where layers were compared, the profile over depth; and for each attack the first images,
    at the largest epsilon, and where explainers come with and without softmax, both side by side.

    Args:
        report: The report.
        class_names: The names of the classes; `None` for their numbers.
    """
    yield from _curves(report)
    largest = max(report.epsilons)
    for attack in report.attacks:
        if report.aims[attack] != "noise":
            yield from _images(report, attack, largest, class_names)


def _curves(report: EvaluationReport) -> Iterator[Drawn]:
    names = charted(report)
    for metric in report.metrics:
        end = "" if metric == "nissim" else f"/{safe(metric)}"
        words = "Accuracy under attack and MOD, with its 95 % interval, against epsilon. Dashed: MOD by chance."
        yield f"{REPORTED}/1_drift{end}", words, functools.partial(drift, report, metric, list(names))
    layers = report.provenance["layers"]
    for (family, found), metric in itertools.product(profiles(report).items(), report.metrics):
        once = list({layers[name][0]: name for name in found}.values())  # two at one layer would be a zigzag
        end = safe(family) if metric == "nissim" else f"{safe(family)}/{safe(metric)}"
        words = f"MOD of {family} at each layer, in the order of the network. Dashed: MOD by chance."
        yield f"{REPORTED}/2_depth/{end}", _ascii(words), functools.partial(depth, report, once, metric)


def _images(report: EvaluationReport, attack: str, epsilon: float, class_names: ClassNames) -> Iterator[Drawn]:
    found = [example for example in report.select(attack=attack, epsilon=epsilon) if is_drawable(example)]
    shown = list(dict.fromkeys(example.index for example in found))[:FEW]  # several explainers show one image
    found = [example for example in found if example.index in shown]
    condition = f"{attack} at epsilon {epsilon_text(epsilon)}"
    for explainer, name in charted(report).items():
        rows = [example for example in found if example.explainer == explainer]
        if rows:
            words = f"{condition}, heatmaps of {explainer} over both images. {_COLORS}"
            tag = f"{REPORTED}/3_comparison/{safe(attack)}/{name}"
            yield tag, _ascii(words), functools.partial(comparison, rows, class_names=class_names)
    pairs = report.provenance.get("score_pairs", {})
    for index in shown if pairs else ():
        examples = {example.explainer: example for example in found if example.index == index}
        complete = [pair for pair in pairs.items() if set(pair) <= set(examples)]
        if complete:
            one = which(next(iter(examples.values())))
            words = f"{one}. {condition}, heatmaps of the class's logit and of its probability. {_COLORS}"
            draw = functools.partial(scores, list(examples.values()), complete, class_names=class_names)
            yield f"advxai_scores/{safe(attack)}/{index}", _ascii(words), draw


def as_pixels(figure: Figure) -> np.ndarray:
    """A figure as RGBA, `(height, width, 4)` uint8, for either theme, at its own resolution; a very high one at less.

    Its background becomes transparent, and what is black or gray in it a gray that both themes show.
    """
    figure.dpi = min(figure.dpi, LARGEST / max(figure.get_size_inches()))
    figure.set_facecolor("none")
    for axes in figure.axes:
        if not axes.images:
            axes.set_facecolor("none")
    for artist in figure.findobj(include_self=False):
        _make_neutral(artist)
    canvas = FigureCanvasAgg(figure)  # pyplot would keep the figure
    with warnings.catch_warnings():
        # Of names that leave no room for anything else. A log is not to be stopped by it, nor is its user to be told.
        warnings.filterwarnings("ignore", message="constrained_layout not applied", category=UserWarning)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def image_pb(tag: str, pixels: np.ndarray, description: str) -> Any:
    """A picture as a summary.

    Args:
        tag: The name of the picture.
        pixels: `(height, width, 3)` or `(height, width, 4)` uint8.
        description: What it shows.
    """
    height, width = pixels.shape[:2]
    png = encode(pixels, quick=True)  # after every epoch, in half the time of TensorFlow's
    summary = Summary()
    summary.value.add(
        tag=tag,
        metadata=metadata.create_summary_metadata(display_name=None, description=description),
        tensor=make_tensor_proto([f"{width}".encode(), f"{height}".encode(), png]),
    )
    return summary


def _make_neutral(artist: Artist) -> None:
    if isinstance(artist, Spine):
        artist.set_edgecolor(NEUTRAL)
    elif isinstance(artist, (Text, Line2D)):
        *rgb, alpha = matplotlib.colors.to_rgba(artist.get_color())
        if max(rgb) - min(rgb) < 0.1:
            artist.set_color(NEUTRAL)
            # A light grid is to be seen no more than on white.
            artist.set_alpha(_GRID if min(rgb) > 0.8 else alpha)
        else:
            artist.set_color(_lightened(rgb))


def _lightened(rgb: list[float]) -> str:
    """A dark colour with as much white as it takes to be seen on a dark background: the end of a scale is violet."""
    linear = np.where(np.array(rgb) <= 0.04045, np.array(rgb) / 12.92, ((np.array(rgb) + 0.055) / 1.055) ** 2.4)
    share = max(0.0, (_DARKEST - float(linear @ _LUMA)) / (1 - float(linear @ _LUMA)))
    mixed = (1 - share) * linear + share
    encoded = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
    return matplotlib.colors.to_hex(np.clip(encoded, 0, 1).tolist())


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")
