"""Score-CAM: ours, the bare passes forward over as many masked images, and tf-keras-vis.

python -m benchmarks score_cam [--full]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import peers, subjects
from benchmarks.cases import Ratio, agreement, relative, timed
from benchmarks.harness import ROUNDS, Candidate, best, environment
from benchmarks.passes import Run, compiled_forward
from benchmarks.peers import TF_KERAS_VIS

PACKAGES = ("keras-advxai", "tf-keras-vis", "tensorflow", "keras", "numpy")
OURS, BARE = "keras-advxai", "bare passes"
RATIOS = (Ratio(TF_KERAS_VIS, OURS, main=True), Ratio(OURS, BARE))
"""What is divided by what, and what it should be."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how many images are explained at once.

    Attributes:
        name: How the table calls it.
        model: A key of `subjects.BUILDERS`.
        side: Height and width of the images.
        images: How many.
        layer: The explained layer.
        sizes: Batch sizes that tf-keras-vis is tried with.
    """

    name: str
    model: str
    side: int
    images: int
    layer: str
    sizes: tuple[int, ...]


FULL = (
    Case("CNN, 32 px, 128 channels", "cnn", 32, 32, "conv3", (32, 256, 1024)),
    Case("MobileNetV2, 160 px, 1280 channels", "mobilenet_v2", 160, 2, "out_relu", (32, 64, 128)),
)
SHORT = (dataclasses.replace(FULL[0], images=8), dataclasses.replace(FULL[1], images=1, sizes=(32,)))
TOLERANCE = 1e-3


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    rounds = ROUNDS if full else 3
    cases = [measured(case, rounds) for case in (FULL if full else SHORT)]
    return {"environment": environment(PACKAGES), "cases": cases}


def measured(case: Case, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of a case."""
    print(f"{case.name} ...", flush=True)
    model = subjects.subject(case.model, case.side)
    x = subjects.images(case.images, case.side)
    targets = subjects.predictions(model, x)
    explainer = kax.explainers.ScoreCAM(layer=case.layer)

    def peer(size: int, **settings: Any) -> Run:
        return peers.tf_keras_vis(model, x, targets, case.layer, "scorecam", batch_size=size, **settings)

    raw = peer(case.sizes[0], expand_cam=False, normalize_cam=False)()
    apart = relative(raw, explainer.attributions(model, x, targets)[..., 0])
    fastest, trials = best([Candidate(str(size), peer(size)) for size in case.sizes])
    size = int(fastest.name)
    channels = int(model.get_layer(case.layer).output.shape[-1])
    candidates = [
        Candidate(OURS, lambda: explainer(model, x, targets)),
        Candidate(BARE, bare(model, x, channels)),
        Candidate(TF_KERAS_VIS, peer(size), {"batch": size}),
    ]
    found = timed(
        case.name,
        f"{case.images} images",
        candidates,
        RATIOS,
        rounds=rounds,
        agreements=[agreement(f"{TF_KERAS_VIS}: its maps from ours, as a part of their norm", apart, TOLERANCE)],
    )
    return {**found, "trials": {"images": case.images, "seconds": trials}}


def bare(model: Any, x: np.ndarray, channels: int) -> Run:
    """Passes forward over as many images as there are channels of all images, in batches of the size that ours has."""
    forward = compiled_forward(model)
    size = int(kax.explainers.ScoreCAM().images_at_once(kax.ImageClassifier(model), tf.constant(x)))
    whole, rest = divmod(len(x) * channels, size)
    batch = tf.constant(np.resize(x, (size, *x.shape[1:])))

    def run() -> np.ndarray:
        found = forward(batch[: max(rest, 1)])
        for _ in range(whole):
            found = forward(batch)
        return found.numpy()

    return run
