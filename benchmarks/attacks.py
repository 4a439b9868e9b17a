"""FGSM and PGD: ours, the bare passes forward and backward, cleverhans, Foolbox and ART.

python -m benchmarks attacks [--full]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

import keras_advxai as kax
from benchmarks import memory, peers, subjects
from benchmarks.cases import Ratio, agreement, apart, timed
from benchmarks.harness import ROUNDS, Candidate, best, environment
from benchmarks.passes import FB, Run, forward_backward
from benchmarks.peers import ART, CLEVERHANS, FOOLBOX

PACKAGES = (
    "keras-advxai",
    "cleverhans",
    "foolbox",
    "adversarial-robustness-toolbox",
    "tensorflow",
    "keras",
    "numpy",
)
EPSILON, STEPS = 4 / 255, 10

FGSM, UNLABELLED = "FGSM", "FGSM without labels"
HANS, HANS_UNLABELLED = CLEVERHANS, f"{CLEVERHANS} without labels"
HANS_COMPILED = f"{CLEVERHANS} without labels, compiled model"
ONE_STEP = (
    Ratio(FGSM, FB, main=True),
    Ratio(HANS, FGSM, main=True),
    Ratio(HANS_UNLABELLED, UNLABELLED, main=True),
    Ratio(HANS_COMPILED, UNLABELLED),
)

PGD, FLOOR = f"PGD-{STEPS}", f"{STEPS}(F+B)"
FIRST_HIT = f"{PGD}, keep='first_hit'"
FOOLBOX_COMPILED, ART_COMPILED = f"{FOOLBOX}, compiled model", f"{ART}, compiled model"
COMPILED = (FOOLBOX_COMPILED, ART_COMPILED)


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how many images are attacked at once.

    Attributes:
        name: How the table calls it.
        model: A key of `subjects.BUILDERS`.
        side: Height and width of the images.
        images: How many.
        iterative: Whether PGD is timed, too, beside Foolbox' and ART's.
        compared: After how many steps of PGD images are compared; docs/benchmarks.md says why not always after all.
        beside: What else is timed beside PGD.
    """

    name: str
    model: str
    side: int
    images: int
    iterative: bool = False
    compared: int = STEPS
    beside: tuple[str, ...] = ()

    @property
    def many_steps(self) -> tuple[Ratio, ...]:
        """The ratios of PGD."""
        of_peers = (Ratio(name, PGD, main=True) for name in (FOOLBOX, ART))
        return (Ratio(PGD, FLOOR, main=True), *of_peers, *(Ratio(name, PGD) for name in self.beside))


FULL = (
    Case("CNN, 32 px", "cnn", 32, 256, iterative=True, beside=(*COMPILED, FIRST_HIT)),
    Case("MobileNetV2, 224 px", "mobilenet_v2", 224, 8, iterative=True, compared=1, beside=COMPILED),
    Case("ResNet50, 224 px", "resnet50", 224, 8),
)
SHORT = (
    dataclasses.replace(FULL[0], images=64, beside=()),
    dataclasses.replace(FULL[1], images=2, beside=()),
)
DIFFERENT = 0.01
"""The part of the pixels that may be elsewhere: a gradient near zero has either sign in float32."""


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure what the documentation tells, or a little of it.
    """
    cases = []
    for case in FULL if full else SHORT:
        print(f"{case.name} ...", flush=True)
        model = subjects.subject(case.model, case.side)
        x = subjects.images(case.images, case.side)
        y = subjects.predictions(model, x)
        cases.append(one_step(case, model, x, y, ROUNDS if full else 3))
        if case.iterative:
            cases.append(many_steps(case, model, x, y, ROUNDS if full else 3))
    found = {"environment": environment(PACKAGES), "cases": cases}
    return {**found, "memory": peaks()} if full else found


def one_step(case: Case, model: keras.Model, x: np.ndarray, y: np.ndarray, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of FGSM."""
    attack = kax.attacks.FGSM(loss="cross_entropy")
    candidates = [
        Candidate(FGSM, lambda: attack(model, x, y, EPSILON)),
        Candidate(FB, forward_backward(model, x, y)),
        Candidate(HANS, peers.cleverhans(model, x, y, EPSILON)),
        Candidate(UNLABELLED, lambda: attack(model, x, epsilon=EPSILON)),
        Candidate(HANS_UNLABELLED, peers.cleverhans(model, x, None, EPSILON)),
        Candidate(HANS_COMPILED, peers.cleverhans(model, x, None, EPSILON, compiled=True)),
    ]
    found = candidates[0].run()
    same = [compared(candidate, found) for candidate in candidates[2:]]
    return timed(case.name, f"FGSM, {len(x)} images", candidates, ONE_STEP, rounds=rounds, agreements=same)


def many_steps(case: Case, model: keras.Model, x: np.ndarray, y: np.ndarray, rounds: int) -> dict[str, Any]:
    """Agreement and ratios of PGD. All take every step with every image, but for the one that is named so."""
    given = (model, x, y, EPSILON)
    sizes = sorted({max(1, len(x) // part) for part in (1, 2, 4)})

    def art(name: str, compiled: bool) -> Candidate:
        fastest, _ = best([Candidate(str(size), peers.art(*given, 2, size, compiled)) for size in sizes])
        size = int(fastest.name)
        return Candidate(name, peers.art(*given, STEPS, size, compiled), {"batch": size})

    beside = {
        FOOLBOX_COMPILED: lambda: Candidate(FOOLBOX_COMPILED, peers.foolbox(*given, STEPS, compiled=True)),
        ART_COMPILED: lambda: art(ART_COMPILED, compiled=True),
        FIRST_HIT: lambda: Candidate(FIRST_HIT, ours(*given, keep="first_hit")),
    }
    candidates = [
        Candidate(PGD, ours(*given)),
        Candidate(FB, forward_backward(model, x, y)),
        Candidate(FOOLBOX, peers.foolbox(*given, STEPS)),
        art(ART, compiled=False),
        *(beside[name]() for name in case.beside),
    ]
    return timed(
        case.name,
        f"{PGD}, {len(x)} images",
        candidates,
        case.many_steps,
        rounds=rounds,
        agreements=after(case, *given),
        sums={FLOOR: {FB: STEPS}},
    )


def ours(
    model: keras.Model, x: np.ndarray, y: np.ndarray, epsilon: float, steps: int = STEPS, keep: str = "last"
) -> Run:
    """PGD of keras-advxai, from the images themselves."""
    attack = kax.attacks.PGD(steps=steps, step_size=peers.STEP, loss="cross_entropy", keep=keep)
    return lambda: attack(model, x, y, epsilon)


def after(case: Case, *given: Any) -> list[dict[str, Any]]:
    """How far the images of Foolbox and ART are from ours after so many steps of PGD.

    Raises:
        RuntimeError: Too far.
    """
    steps = case.compared
    found = ours(*given, steps=steps)()
    others = {
        FOOLBOX: lambda: peers.foolbox(*given, steps),
        ART: lambda: peers.art(*given, steps, len(found)),
        FOOLBOX_COMPILED: lambda: peers.foolbox(*given, steps, compiled=True),
        ART_COMPILED: lambda: peers.art(*given, steps, len(found), compiled=True),
    }
    timed_too = {FOOLBOX, ART, *case.beside}
    return [
        compared(Candidate(f"step {steps} of {name}", prepare()), found)
        for name, prepare in others.items()
        if name in timed_too
    ]


def compared(candidate: Candidate, ours: np.ndarray) -> dict[str, Any]:
    """How many pixels of a peer's images are elsewhere than ours.

    Raises:
        RuntimeError: Too many.
    """
    different = apart(candidate.run(), ours, EPSILON / 100)
    return agreement(f"{candidate.name}: the part of the pixels that differ from ours", different, DIFFERENT)


def peaks() -> list[dict[str, Any]]:
    """The memory of PGD."""
    case = FULL[1]
    return [
        {
            "library": name,
            "detail": f"{PGD}, {case.name}, {case.images} images",
            **memory.peak(f"{__name__}:attacked", library=name, images=case.images),
        }
        for name in (PGD, FOOLBOX, ART)
    ]


def attacked(library: str, images: int) -> Run:
    """What is run in a process of its own to see how much memory it takes. MobileNetV2, any weights, any images."""
    case = FULL[1]
    model = subjects.BUILDERS[case.model](case.side)
    x = np.random.default_rng(0).random((images, case.side, case.side, 3), dtype="float32")
    y = np.zeros(images, "int32")
    if library == PGD:
        return ours(model, x, y, EPSILON)
    if library == FOOLBOX:
        return peers.foolbox(model, x, y, EPSILON, STEPS)
    return peers.art(model, x, y, EPSILON, STEPS, images)
