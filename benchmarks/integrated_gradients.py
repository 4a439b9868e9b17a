"""Integrated Gradients: ours, the bare passes that none can do without, and alibi.

python -m benchmarks integrated_gradients [--full]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import engines, memory, subjects
from benchmarks.cases import Ratio, agreement, relative, timed
from benchmarks.harness import ROUNDS, Candidate, best, environment

NAME = "integrated_gradients"
PACKAGES = ("keras-advxai", "alibi", "tensorflow", "keras", "numpy")
OURS, BARE, WHOLE = "keras-advxai", "bare passes", "bare passes, all images at once"
ALIBI, COMPILED = "alibi", "alibi, compiled model"
RATIOS = (
    Ratio(OURS, BARE, main=True),
    Ratio(OURS, WHOLE),
    Ratio(ALIBI, OURS, main=True),
    Ratio(COMPILED, OURS),
)
"""What is divided by what."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how much of it is explained.

    Attributes:
        name: How the table calls it.
        model: A key of `subjects.BUILDERS`.
        side: Height and width of the images.
        images: How many are explained at once.
        steps: Points on each path.
        sizes: Batch sizes that the bare passes and alibi are tried with.
        tried: Images in those trials.
        tolerance: How far an explanation may be from the reference, as a part of the reference's norm.
    """

    name: str
    model: str
    side: int
    images: int
    steps: int
    sizes: tuple[int, ...]
    tried: int
    tolerance: float


FULL = (
    Case("CNN, 32 px", "cnn", 32, 256, 50, (256, 512, 1024, 2048), tried=64, tolerance=1e-3),
    Case("MobileNetV2, 160 px", "mobilenet_v2", 160, 16, 50, (16, 32, 64, 128), tried=4, tolerance=3e-2),
)
SHORT = (
    dataclasses.replace(FULL[0], images=32, tried=32, steps=10, sizes=(64, 320)),
    dataclasses.replace(FULL[1], images=4, tried=4, steps=10, sizes=(16, 40)),
)

SIDE, IMAGES, STEPS = 224, (16, 64), (10, 50, 100)
"""Of the images whose memory is measured; how many of them; how many steps with the fewer of them."""


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
    """Agreement, the best batch sizes, and the ratios of a case."""
    print(f"{case.name} ...", flush=True)
    model = subjects.subject(case.model, case.side)
    x = subjects.images(case.images, case.side)
    targets = subjects.predictions(model, x)
    agreements = compared(case, model, x[:4], targets[:4])
    few = (x[: case.tried], targets[: case.tried])
    makers: dict[str, Callable[..., engines.Explain]] = {
        BARE: engines.bare,
        ALIBI: engines.alibi,
        COMPILED: lambda *given: engines.alibi(*given, compiled=True),
    }
    candidates, trials = [Candidate(OURS, engines.ours(model, x, targets, case.steps))], {}
    for name, make in makers.items():
        sizes = [Candidate(str(size), make(model, *few, case.steps, size)) for size in case.sizes]
        fastest, trials[name] = best(sizes)
        size = int(fastest.name)
        candidates.append(Candidate(name, make(model, x, targets, case.steps, size), {"batch": size}))
    whole = engines.bare(model, x, targets, case.steps, case.images)
    candidates.append(Candidate(WHOLE, whole, {"batch": case.images}))
    report = timed(
        case.name,
        f"{case.images} images, {case.steps} steps",
        candidates,
        RATIOS,
        rounds=rounds,
        agreements=agreements,
    )
    return {**report, "trials": {"images": case.tried, "seconds": trials}}


def compared(case: Case, model: Any, x: np.ndarray, targets: np.ndarray) -> list[dict[str, Any]]:
    """How far each library is from the float64 reference, as a part of the norm of an image's attributions.

    Raises:
        RuntimeError: One is further away than the tolerance, or ours twice as far as alibi, so times would not compare
            the same thing.
    """
    precise = subjects.subject(case.model, case.side, "float64")
    expected = engines.reference(precise, x, targets, case.steps)
    size = case.sizes[0]
    found = {
        OURS: engines.ours(model, x, targets, case.steps)(),
        ALIBI: engines.alibi(model, x, targets, case.steps, size)(),
        COMPILED: engines.alibi(model, x, targets, case.steps, size, compiled=True)(),
    }
    errors = {name: relative(maps, expected) for name, maps in found.items()}
    text = "{}: difference from the float64 reference, as a part of its norm"
    agreement("ours beside alibi's difference from the reference", errors[OURS] / errors[ALIBI], 2)
    return [agreement(text.format(name), value, case.tolerance) for name, value in errors.items()]


def peaks() -> list[dict[str, Any]]:
    """The memory of ours by images and by steps, and of alibi by images."""
    fewer, more = IMAGES
    wanted = [(OURS, fewer, steps) for steps in STEPS] + [(OURS, more, STEPS[1])]
    wanted += [(ALIBI, count, STEPS[1]) for count in (fewer // 4, fewer)]
    return [
        {
            "library": name,
            "detail": f"MobileNetV2, {SIDE} px, {count} images, {steps} steps",
            "images": count,
            "steps": steps,
            **memory.peak(f"{__name__}:explanation", engine=name, images=count, steps=steps),
        }
        for name, count, steps in wanted
    ]


def explanation(engine: str, images: int, steps: int) -> engines.Explain:
    """What is run in a process of its own to see how much memory it takes. MobileNetV2, any weights, any images."""
    model = subjects.BUILDERS["mobilenet_v2"](SIDE)
    x = np.random.default_rng(0).random((images, SIDE, SIDE, 3), dtype="float32")
    targets = np.zeros(images, "int32")
    if engine == OURS:
        return engines.ours(model, x, targets, steps)
    return engines.alibi(model, x, targets, steps, 16)
