"""NISSIM of batches of heatmaps: ours, and a loop over scikit-image.

python -m benchmarks ssim [--full]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import keras_advxai as kax
from benchmarks import peers, subjects
from benchmarks.cases import Ratio, agreement, largest, timed
from benchmarks.harness import ROUNDS, Candidate, environment
from benchmarks.peers import SKIMAGE

PACKAGES = ("keras-advxai", "scikit-image", "tensorflow", "keras", "numpy")
OURS = "keras-advxai"
TOLERANCE = 1e-9
MANY_ROUNDS = 3 * ROUNDS
"""A round takes milliseconds, so what else the machine does shows; more rounds make the median steady."""


@dataclasses.dataclass(frozen=True)
class Case:
    """How many maps of which size are compared.

    Attributes:
        side: Height and width of the maps.
        pairs: How many pairs.
    """

    side: int
    pairs: int


FULL = (Case(224, 32), Case(32, 256))
SHORT = tuple(dataclasses.replace(case, pairs=case.pairs // 2) for case in FULL)


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    cases = [measured(case, MANY_ROUNDS) for case in (FULL if full else SHORT)]
    return {"environment": environment(PACKAGES), "cases": cases}


def measured(case: Case, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of a case."""
    a, b = heatmaps(case.pairs, case.side)
    candidates = [
        Candidate(OURS, lambda: kax.metrics.nissim(a, b)),
        Candidate(SKIMAGE, lambda: peers.skimage_nissim(a, b)),
    ]
    error = largest(candidates[0].run(), candidates[1].run())
    return timed(
        f"NISSIM, {case.side} px",
        f"{case.pairs} pairs",
        candidates,
        [Ratio(SKIMAGE, OURS, main=True)],
        rounds=rounds,
        agreements=[agreement("largest difference of NISSIM", error, TOLERANCE)],
    )


def heatmaps(pairs: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth maps with some noise, `(pairs, side, side, 1)` float64, each divided by its maximum."""
    found = subjects.images(2 * pairs, side)[..., :1].astype("float64")
    found /= found.max(axis=(1, 2, 3), keepdims=True)
    return found[:pairs], found[pairs:]
