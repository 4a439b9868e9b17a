"""The evaluation at every convolution of a model: against peers on VGG16, against one layer on ResNet50.

python -m benchmarks layers [--full]
"""

from __future__ import annotations

from typing import Any

import keras_advxai as kax
from benchmarks import pipeline, subjects
from benchmarks.cases import Ratio, timed
from benchmarks.evaluation import FIVE, ONE
from benchmarks.harness import ROUNDS, Candidate, environment
from benchmarks.pipeline import OURS, PEERS

PACKAGES = ("keras-advxai", "tf-keras-vis", "cleverhans", "scikit-image", "tensorflow", "keras", "numpy")
SWEEP = (Ratio(PEERS, OURS, main=True),)
EVERY, SINGLE = "every convolution", "one layer"
DEPTH = (Ratio(EVERY, SINGLE, main=True),)
SWEEP_ROUNDS = 3
"""The peers take minutes for one round."""


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    cases = [sweep(8 if full else 1, FIVE if full else ONE, SWEEP_ROUNDS if full else 1)]
    if full:
        cases.append(depth(8, ROUNDS))
    return {"environment": environment(PACKAGES), "cases": cases}


def sweep(images: int, epsilons: tuple[float, ...], rounds: int) -> dict[str, Any]:
    """Agreement and ratio at every convolution of VGG16."""
    print("VGG16, 64 px ...", flush=True)
    model = subjects.subject("vgg16", 64)
    x = subjects.images(images, 64)
    y = subjects.predictions(model, x)
    explainers = kax.explainers.GradCAM.every_layer(model)
    names = [explainer.layer for explainer in explainers]
    runs = {
        OURS: pipeline.ours(model, x, y, epsilons, explainers),
        PEERS: pipeline.of_peers(model, x, y, epsilons, names),
    }
    what = f"{len(names)} layers, {len(epsilons)} epsilon{'s' * (len(epsilons) > 1)}"
    return timed(
        "VGG16, 64 px",
        f"{what}, {images} images",
        [Candidate(name, run) for name, run in runs.items()],
        SWEEP,
        rounds=rounds,
        agreements=pipeline.agreements(runs[OURS](), runs[PEERS](), what, len(x)),
    )


def depth(images: int, rounds: int) -> dict[str, Any]:
    """What every convolution of ResNet50 costs beside its default layer. No peer, so nothing is compared."""
    print("ResNet50, 224 px ...", flush=True)
    model = subjects.subject("resnet50", 224)
    x = subjects.images(images, 224)
    y = subjects.predictions(model, x)
    explainers = {EVERY: kax.explainers.GradCAM.every_layer(model), SINGLE: [kax.explainers.GradCAM()]}
    candidates = [Candidate(name, pipeline.ours(model, x, y, ONE, found)) for name, found in explainers.items()]
    return timed(
        "ResNet50, 224 px",
        f"{len(explainers[EVERY])} layers, one epsilon, {images} images",
        candidates,
        DEPTH,
        rounds=rounds,
    )
