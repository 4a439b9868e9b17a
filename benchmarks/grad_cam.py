"""Grad-CAM: ours, a bare pass forward, tf-keras-vis and xplique.

python -m benchmarks grad_cam [--full]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import memory, peers, subjects
from benchmarks.cases import Ratio, agreement, relative, timed
from benchmarks.harness import ROUNDS, Candidate, environment
from benchmarks.passes import FB, F, Run, forward, forward_backward
from benchmarks.peers import TF_KERAS_VIS, XPLIQUE

PACKAGES = ("keras-advxai", "tf-keras-vis", "xplique", "tensorflow", "keras", "numpy")
OURS = "keras-advxai"
RATIOS = (
    Ratio(OURS, F, main=True),
    Ratio(TF_KERAS_VIS, OURS, main=True),
    Ratio(XPLIQUE, OURS),
    Ratio(FB, F),
)
"""What is divided by what."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how many images are explained at once.

    Attributes:
        name: How the table calls it.
        model: A key of `subjects.BUILDERS`.
        side: Height and width of the images.
        images: How many.
        layer: The explained layer.
    """

    name: str
    model: str
    side: int
    images: int
    layer: str


FULL = (
    Case("CNN, 32 px", "cnn", 32, 256, "conv3"),
    Case("MobileNetV2, 224 px", "mobilenet_v2", 224, 16, "out_relu"),
    Case("ResNet50, 224 px", "resnet50", 224, 8, "conv5_block3_out"),
)
SHORT = (dataclasses.replace(FULL[0], images=64), dataclasses.replace(FULL[1], images=4))
TOLERANCE = 1e-3


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    found = {
        "environment": environment(PACKAGES),
        "cases": [measured(case, ROUNDS) for case in (FULL if full else SHORT)],
    }
    return {**found, "memory": peaks()} if full else found


def measured(case: Case, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of a case."""
    print(f"{case.name} ...", flush=True)
    model, another = (subjects.subject(case.model, case.side) for _ in range(2))
    x = subjects.images(case.images, case.side)
    targets = subjects.predictions(model, x)
    explainer = kax.explainers.GradCAM(layer=case.layer)
    candidates = [
        Candidate(OURS, lambda: explainer(model, x, targets)),
        Candidate(F, forward(model, x)),
        Candidate(FB, forward_backward(model, x, targets)),
        Candidate(TF_KERAS_VIS, peers.tf_keras_vis(model, x, targets, case.layer)),
        Candidate(XPLIQUE, peers.xplique(another, x, targets, case.layer)),
    ]
    return timed(
        case.name,
        f"{case.images} images",
        candidates,
        RATIOS,
        rounds=rounds,
        agreements=agreements(model, another, x[:8], targets[:8], case.layer),
    )


def agreements(
    model: keras.Model, another: keras.Model, x: np.ndarray, targets: np.ndarray, layer: str
) -> list[dict[str, Any]]:
    """How far each peer's raw maps are from ours, as a part of their norm.

    Args:
        model: The model.
        another: An equal one for xplique, which puts an attribute into the layer.
        x: Images.
        targets: Classes.
        layer: The explained layer.

    Raises:
        RuntimeError: They differ.
    """
    ours = kax.explainers.GradCAM(layer=layer).attributions(model, x, targets)
    raw = peers.tf_keras_vis(model, x, targets, layer, expand_cam=False, normalize_cam=False)()
    large = tf.image.resize(ours, x.shape[1:3], method="bicubic").numpy()
    of_xplique = peers.xplique(another, x, targets, layer)().reshape(large.shape)
    text = "{}: its maps from ours, as a part of their norm"
    return [
        agreement(text.format(TF_KERAS_VIS), relative(raw, ours[..., 0]), TOLERANCE),
        agreement(text.format(XPLIQUE), relative(of_xplique, large), TOLERANCE),
    ]


def peaks() -> list[dict[str, Any]]:
    """The memory of ours and of tf-keras-vis."""
    case = FULL[1]
    return [
        {
            "library": name,
            "detail": f"{case.name}, {case.images} images",
            **memory.peak(f"{__name__}:explanation", library=name, images=case.images),
        }
        for name in (OURS, TF_KERAS_VIS)
    ]


def explanation(library: str, images: int) -> Run:
    """What is run in a process of its own to see how much memory it takes. MobileNetV2, any weights, any images."""
    case = FULL[1]
    model = subjects.BUILDERS[case.model](case.side)
    x = np.random.default_rng(0).random((images, case.side, case.side, 3), dtype="float32")
    targets = np.zeros(images, "int32")
    if library == OURS:
        explainer = kax.explainers.GradCAM(layer=case.layer)
        return lambda: explainer(model, x, targets)
    return peers.tf_keras_vis(model, x, targets, case.layer)
