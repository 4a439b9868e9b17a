"""What the first calls take, which trace and compile, beside the first calls of bare passes.

    python -m benchmarks first_calls [--full]
    python -m benchmarks.first_calls [--full] [--rounds N]

Each is the first one of a process of its own. The second needs no other library than the package's own.
"""

from __future__ import annotations

from typing import Any

import keras_advxai as kax
from benchmarks import command, passes, processes, subjects
from benchmarks.cases import Ratio, divided, of_networks
from benchmarks.harness import CLOCKS, Candidate, Timings, interleaved
from benchmarks.passes import Run

PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
BARE, EVALUATION, FGSM, PGD = "F and F+B", "evaluation", "FGSM", "PGD-10"
RATIOS = (Ratio(EVALUATION, BARE, main=True), Ratio(FGSM, BARE), Ratio(PGD, FGSM, main=True))
CASES = {
    "cnn": ("CNN, 32 px", 32),
    "mobilenet_v2": ("MobileNetV2, 224 px", 224),
    "resnet50": ("ResNet50, 224 px", 224),
}
"""Subject to its title and the side of its images."""
IMAGES, ROUNDS = 2, 3
EPSILON = 4 / 255


def report(full: bool, rounds: int | None = None) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to measure all networks, and not the small one alone.
        rounds: How many processes each candidate has. Defaults to `None`, 3 in full and 1 otherwise.
    """
    return of_networks(list(CASES), measured, PACKAGES, full, rounds or (ROUNDS if full else 1))


def measured(name: str, rounds: int) -> dict[str, Any]:
    """The ratios of one network."""
    title, _ = CASES[name]
    print(f"{title} ...", flush=True)
    ways = (BARE, EVALUATION, FGSM, PGD)
    rows: dict[str, dict[str, list[float]]] = {clock: {way: [] for way in ways} for clock in CLOCKS}
    for index in range(rounds):
        for way in ways if index % 2 == 0 else reversed(ways):
            found = processes.fresh("benchmarks.first_calls:first_call", network=name, way=way)
            for clock in CLOCKS:
                rows[clock][way].append(found[clock])
    return divided(title, f"{IMAGES} images, first call", Timings(rows), RATIOS, rounds=rounds)


def first_call(network: str, way: str) -> dict[str, float]:
    """The seconds of a call in this process, which has built the model and run nothing yet, by clock."""
    _, side = CASES[network]
    model = subjects.BUILDERS[network](side)
    x = subjects.images(IMAGES, side)
    candidate = Candidate(way, calls(model, x)[way])
    taken = interleaved([candidate], rounds=1, warm_up=0)
    return {clock: found[way][0] for clock, found in taken.seconds.items()}


def calls(model: Any, x: Any) -> dict[str, Run]:
    """The calls by name: bare passes, an evaluation with all its defaults but the journal, attacks."""
    y = [0] * len(x)

    def bare() -> Any:
        return passes.forward(model, x)(), passes.forward_backward(model, x, y)()

    def evaluation() -> Any:
        return kax.evaluate(model, (x, y), epsilons=(EPSILON,), progress=False)

    return {
        BARE: bare,
        EVALUATION: evaluation,
        FGSM: lambda: kax.attacks.FGSM()(model, x, y, EPSILON),
        PGD: lambda: kax.attacks.PGD(steps=10)(model, x, y, EPSILON),
    }


if __name__ == "__main__":
    command.run("first_calls", report)
