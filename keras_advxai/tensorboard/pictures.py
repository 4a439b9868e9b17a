"""The figures that are written to TensorBoard beside the montages, and how they become pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image import metadata
from tensorboard.util.tensor_util import make_tensor_proto

from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures import explanation, scores
from keras_advxai.figures.captions import ClassNames
from keras_advxai.tensorboard.montage import is_drawable, which
from keras_advxai.tensorboard.names import safe
from keras_advxai.text import epsilon_text

FEW = 2  # images of each attack
LARGEST = 2000  # pixels

_COLORS = "The brighter, the more the region matters to the class."


def figures_of(report: EvaluationReport, attack: str, class_names: ClassNames) -> Iterator[tuple[str, str, Figure]]:
    """The figures of one attack at the largest epsilon: tag, description and figure.

    Of the first two images that can be drawn: for each explainer what it shows before and after the attack, and,
    where explainers come with and without softmax, both side by side.

    Args:
        report: The report.
        attack: The name of the attack.
        class_names: The names of the classes; `None` for their numbers.
    """
    largest = max(report.epsilons)
    found = [e for e in report.select(attack=attack, epsilon=largest) if is_drawable(e)]
    shown = list(dict.fromkeys(example.index for example in found))[:FEW]  # several explainers show one image
    condition = f"{attack} at epsilon {epsilon_text(largest)}"
    for example in found:
        if example.index in shown:
            tag = f"advxai_figures/{safe(attack)}/{safe(example.explainer)}/{example.index}"
            words = f"{which(example)}. {condition}, heatmaps of {example.explainer} over both images. {_COLORS}"
            yield tag, _ascii(words), explanation(example, class_names=class_names)
    pairs = report.provenance.get("score_pairs", {})
    for index in shown if pairs else ():
        examples = {example.explainer: example for example in found if example.index == index}
        complete = [pair for pair in pairs.items() if set(pair) <= set(examples)]
        if complete:
            one = which(next(iter(examples.values())))
            words = f"{one}. {condition}, heatmaps of the class's logit and of its probability. {_COLORS}"
            figure = scores(list(examples.values()), complete, class_names=class_names)
            yield f"advxai_scores/{safe(attack)}/{index}", _ascii(words), figure


def as_pixels(figure: Figure) -> np.ndarray:
    """A figure as RGB, `(height, width, 3)` uint8, at its own resolution; a very high one at less."""
    figure.dpi = min(figure.dpi, LARGEST / max(figure.get_size_inches()))
    canvas = FigureCanvasAgg(figure)  # pyplot would keep the figure
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def image_pb(tag: str, pixels: np.ndarray, description: str) -> Any:
    """A picture as a summary.

    Args:
        tag: The name of the picture.
        pixels: `(height, width, 3)` uint8.
        description: What it shows.
    """
    height, width = pixels.shape[:2]
    png = tf.io.encode_png(pixels).numpy()
    summary = Summary()
    summary.value.add(
        tag=tag,
        metadata=metadata.create_summary_metadata(display_name=None, description=description),
        tensor=make_tensor_proto([f"{width}".encode(), f"{height}".encode(), png]),
    )
    return summary


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")
