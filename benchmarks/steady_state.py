"""A whole evaluation of many batches beside the bare passes that it needs: what is left when all is compiled.

    python -m benchmarks steady_state [--full]
    python -m benchmarks.steady_state [--full] [--rounds N]

The second needs no other library than the package's own.
"""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

import keras_advxai as kax
from benchmarks import command, passes, subjects
from benchmarks.cases import Ratio, of_networks, timed
from benchmarks.harness import ROUNDS, Candidate
from benchmarks.passes import Run

PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
EPSILONS = (4 / 255,)
BARE, SHORTER = "3F+B", "2F+B"
WHOLE, KEPT = "evaluation with noise control", "evaluation with noise control and journal"
WITHOUT, ATTACKED = "evaluation", "evaluation without explainers"
FORWARD = {BARE: 2, SHORTER: 1}
"""How many passes forward come to the one forward and backward: the adversarial images', and those with noise."""
RATIOS = (
    *(Ratio(WHOLE, BARE), Ratio(KEPT, BARE, main=True)),
    *(Ratio(WITHOUT, SHORTER), Ratio(ATTACKED, SHORTER)),
)
CASES = {
    "cnn": ("CNN, 32 px", 32, 128, (BARE, SHORTER, WHOLE, KEPT, WITHOUT, ATTACKED)),
    "mobilenet_v2": ("MobileNetV2, 224 px", 224, 8, (BARE, KEPT)),
    "resnet50": ("ResNet50, 224 px", 224, 2, (BARE, KEPT)),
}
"""Subject to its title, the side of its images, how many are in a batch, and what is timed, which takes long."""
BATCHES = 32


def report(full: bool, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure all networks, and not the small one alone.
        rounds: How often each candidate is timed.
    """
    return of_networks(list(CASES), measured, PACKAGES, full, rounds)


def measured(name: str, rounds: int) -> dict[str, Any]:
    """The ratios of one network."""
    title, side, count, ways = CASES[name]
    print(f"{title} ...", flush=True)
    model = subjects.subject(name, side)
    x = subjects.images(BATCHES * count, side)
    y = subjects.predictions(model, x)
    runs = {way: bare(model, x, y, count, forward) for way, forward in FORWARD.items()}
    runs |= {
        WHOLE: evaluation(model, x, y, count),
        KEPT: evaluation(model, x, y, count, journal=True),
        WITHOUT: evaluation(model, x, y, count, noise_control=False),
        ATTACKED: evaluation(model, x, y, count, noise_control=False, explainers=()),
    }
    candidates = [Candidate(way, runs[way]) for way in ways]
    ratios = [ratio for ratio in RATIOS if {ratio.of, ratio.to} <= set(ways)]
    return timed(title, f"{BATCHES} batches of {count}", candidates, ratios, rounds=rounds)


def bare(model: Any, x: np.ndarray, y: np.ndarray, count: int, forward: int) -> Run:
    """Compiled passes over all batches: forward and backward to the images once, and forward so many times."""
    run, gradient = passes.compiled_forward(model), passes.compiled_gradient(model)

    def passed() -> np.ndarray:
        found = []
        for first in range(0, len(x), count):
            images, classes = tf.constant(x[first : first + count]), tf.constant(y[first : first + count])
            gradient(images, classes).numpy()
            found += [run(images).numpy() for _ in range(forward)]
        return np.concatenate(found)

    return passed


def evaluation(model: Any, x: np.ndarray, y: np.ndarray, count: int, journal: bool = False, **settings: Any) -> Run:
    """FGSM and Grad-CAM at one epsilon, with the noise control where the settings do not say otherwise."""

    def evaluated(folder: str | None = None) -> Any:
        kept = None if folder is None else pathlib.Path(folder, "journal")
        return kax.evaluate(
            model, (x, y), epsilons=EPSILONS, batch_size=count, images=0, progress=False, journal=kept, **settings
        )

    def with_journal() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return evaluated(folder)

    return with_journal if journal else evaluated


if __name__ == "__main__":
    command.run("steady_state", report)
