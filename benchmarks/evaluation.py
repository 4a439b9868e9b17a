"""The evaluation by FGSM and Grad-CAM at one and at five epsilons: ours, the bare passes, and three peers together.

python -m benchmarks evaluation [--full]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import keras_advxai as kax
from benchmarks import memory, pipeline, subjects
from benchmarks.cases import Ratio, timed
from benchmarks.harness import ROUNDS, Candidate, environment
from benchmarks.passes import FB, F, Run, forward, forward_backward
from benchmarks.pipeline import OURS, PEERS

PACKAGES = ("keras-advxai", "tf-keras-vis", "cleverhans", "scikit-image", "tensorflow", "keras", "numpy")
EPSILONS = (1 / 255, 2 / 255, 4 / 255, 6 / 255, 8 / 255)
ONE, FIVE = EPSILONS[2:3], EPSILONS
NAMES = {ONE: "one epsilon", FIVE: "five epsilons"}
FLOORS = {"2F+B": {F: 1, FB: 1}, "6F+B": {F: 5, FB: 1}}


def named(who: str, epsilons: tuple[float, ...]) -> str:
    """The name of a candidate."""
    return f"{who}, {NAMES[epsilons]}"


RATIOS = (
    Ratio(named(OURS, ONE), "2F+B", main=True),
    Ratio(named(OURS, FIVE), "6F+B"),
    Ratio(named(PEERS, ONE), named(OURS, ONE), main=True),
    Ratio(named(PEERS, FIVE), named(OURS, FIVE), main=True),
)
"""What is divided by what."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how many images are evaluated.

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
    Case("MobileNetV2, 224 px", "mobilenet_v2", 224, 8, "out_relu"),
    Case("ResNet50, 224 px", "resnet50", 224, 8, "conv5_block3_out"),
)
SHORT = (dataclasses.replace(FULL[0], images=64), dataclasses.replace(FULL[1], images=2))


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    cases = [measured(case, ROUNDS if full else 3) for case in (FULL if full else SHORT)]
    found = {"environment": environment(PACKAGES), "cases": cases}
    return {**found, "memory": peaks()} if full else found


def measured(case: Case, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of a case."""
    print(f"{case.name} ...", flush=True)
    model = subjects.subject(case.model, case.side)
    x = subjects.images(case.images, case.side)
    y = subjects.predictions(model, x)
    y[::4] = (y[::4] + 1) % subjects.CLASSES
    candidates = [Candidate(F, forward(model, x)), Candidate(FB, forward_backward(model, x, y))]
    same = []
    for epsilons, name in NAMES.items():
        runs = {OURS: pipeline.ours(model, x, y, epsilons, [kax.explainers.GradCAM(layer=case.layer)])}
        runs[PEERS] = pipeline.of_peers(model, x, y, epsilons, [case.layer])
        same += pipeline.agreements(runs[OURS](), runs[PEERS](), name, len(x))
        candidates += [Candidate(named(who, epsilons), run) for who, run in runs.items()]
    return timed(case.name, f"{case.images} images", candidates, RATIOS, rounds=rounds, agreements=same, sums=FLOORS)


def peaks() -> list[dict[str, Any]]:
    """The memory of an evaluation at five epsilons."""
    case = FULL[1]
    return [
        {
            "library": library,
            "detail": f"evaluation at five epsilons, {case.name}, {case.images} images",
            **memory.peak(f"{__name__}:evaluated", library=library, images=case.images),
        }
        for library in (OURS, PEERS)
    ]


def evaluated(library: str, images: int) -> Run:
    """What is run in a process of its own to see how much memory it takes. MobileNetV2, any weights, any images."""
    case = FULL[1]
    model = subjects.BUILDERS[case.model](case.side)
    x = np.random.default_rng(0).random((images, case.side, case.side, 3), dtype="float32")
    y = np.zeros(images, "int32")
    if library == OURS:
        return pipeline.ours(model, x, y, FIVE, [kax.explainers.GradCAM(layer=case.layer)])
    return pipeline.of_peers(model, x, y, FIVE, [case.layer])
