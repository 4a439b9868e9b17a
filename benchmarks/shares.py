"""What the parts of an evaluation take beside the whole, and whether doing two of them at once would take less.

    python -m benchmarks shares [--full]
    python -m benchmarks.shares [--full] [--rounds N]

The second needs no other library than the package's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import command, passes, subjects
from benchmarks.cases import Ratio, of_networks, timed
from benchmarks.harness import ROUNDS, Candidate
from benchmarks.passes import FB, F, Run
from keras_advxai.ops.losses import pick

PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
EPSILONS = (0.005, 0.01, 0.02, 0.04, 0.08)
DOUBLE, TWICE = "F of twice the images", "2F"
TO_STEM, TO_MAP = "F+B to the stem's output", "F+B to Grad-CAM's layer"
ALONE, CONTROLLED, SSIM = "evaluation", "evaluation with noise control", "NISSIM of its pairs"
RATIOS = (
    *(Ratio(DOUBLE, TWICE), Ratio(TO_STEM, FB), Ratio(TO_MAP, F)),
    *(Ratio(SSIM, ALONE), Ratio(CONTROLLED, ALONE)),
)
CASES = {
    "cnn": ("CNN, 32 px", 32, 128, "conv1"),
    "mobilenet_v2": ("MobileNetV2, 224 px", 224, 8, "Conv1"),
}
"""Subject to its title, the side and number of images, and the layer that the images come to first."""


def report(full: bool, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure all networks, and not the small one alone.
        rounds: How often each candidate is timed.
    """
    return of_networks(list(CASES), measured, PACKAGES, full, rounds)


def measured(name: str, rounds: int) -> dict[str, Any]:
    """The ratios of one network."""
    title, side, count, stem = CASES[name]
    print(f"{title} ...", flush=True)
    model = subjects.subject(name, side)
    x = subjects.images(count, side)
    y = subjects.predictions(model, x)
    classifier = kax.ImageClassifier(model)
    layer = str(classifier.default_layer)
    runs = {
        F: passes.forward(model, x),
        DOUBLE: passes.forward(model, np.concatenate([x, x])),
        FB: gradient_to(classifier, x, y, None),
        TO_STEM: gradient_to(classifier, x, y, stem),
        TO_MAP: gradient_to(classifier, x, y, layer),
        ALONE: evaluation(model, x, y, noise_control=False),
        CONTROLLED: evaluation(model, x, y, noise_control=True),
        SSIM: nissim(len(EPSILONS) * count, side),
    }
    for run in runs.values():
        run()
    candidates = [Candidate(way, run) for way, run in runs.items()]
    return timed(title, f"{count} images", candidates, RATIOS, rounds=rounds, sums={TWICE: {F: 2.0}})


def gradient_to(classifier: kax.ImageClassifier, x: np.ndarray, y: np.ndarray, layer: str | None) -> Run:
    """One compiled pass forward, and backward to a layer's output or, by `None`, to the images."""
    images, classes = tf.constant(x), tf.constant(y)

    def both(classifier: kax.ImageClassifier, images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        return classifier.forward(images).gradient(score, classes, wrt=layer)

    return lambda: classifier.compiled(("shares", layer), both, images, classes).numpy()


def score(forward: Any, classes: tf.Tensor) -> tf.Tensor:
    """The logit of a class."""
    return pick(forward.logits, classes)


def evaluation(model: Any, x: np.ndarray, y: np.ndarray, *, noise_control: bool) -> Callable[[], Any]:
    """FGSM and Grad-CAM at five epsilons, as one batch."""
    return lambda: kax.evaluate(
        model,
        (x, y),
        epsilons=EPSILONS,
        batch_size=len(x),
        noise_control=noise_control,
        images=0,
        progress=False,
    )


def nissim(pairs: int, side: int) -> Run:
    """NISSIM of so many pairs of heatmaps that lie ready as tensors."""
    maps = tf.constant(np.random.default_rng(0).random((2, pairs, side, side, 1), dtype="float32"))
    # As a tensor, so that it is not checked for what an evaluation's own heatmaps are.
    return lambda: np.asarray(kax.metrics.nissim(maps[0], maps[1]))


if __name__ == "__main__":
    command.run("shares", report)
