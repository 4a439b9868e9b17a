"""What attacks reach on three CNNs: ours, those of cleverhans, Foolbox and ART at equal budgets, and AutoAttack's.

python -m benchmarks robustness [--full]
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import keras_advxai as kax
from benchmarks import auto_attack, subjects
from benchmarks.attackers import LIBRARIES, METHODS, SIZES, STEPS, Run, Task, cleverhans, configured, ours, wrapped
from benchmarks.harness import ROUNDS, Candidate, environment, interleaved, spread

NAME = "robustness"
IMAGES = 128
OURS, STANDARD, AUTO_ATTACK = "keras-advxai", "standard", "AutoAttack"
MODELS: dict[str, tuple[str, float]] = {
    "plain": ("plain", 1),
    "over-confident": ("overconfident", 1),
    "adversarially trained": ("adversarial", 1),
    "plain, logits x 20": ("plain", 20),
    "adversarially trained, logits x 20": ("adversarial", 20),
}
"""How the tables call a model, to its kind in `tests/digits.py` and the factor of its logits."""

TIMED = ("plain", "over-confident", "adversarially trained")
"""The models on which PGD is timed, and `standard` held against AutoAttack."""

PACKAGES = ("keras-advxai", "cleverhans", "foolbox", "adversarial-robustness-toolbox", "tensorflow", "keras", "numpy")
MORE = ("pyautoattack", "torch")


def report(full: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        full: Whether to run AutoAttack and to time, too, or to attack two models only.
    """
    digits = subjects.digits()
    x, y = (part[:IMAGES] for part in digits.data()[1])
    names = MODELS if full else ("plain", "plain, logits x 20")
    weights = {kind: digits.train(kind) for kind in dict.fromkeys(MODELS[name][0] for name in names)}
    models = {name: digits.model(weights[MODELS[name][0]], factor=MODELS[name][1]) for name in names}
    tasks = {
        (name, norm): Task(model, x, y, norm, epsilon)
        for name, model in models.items()
        for norm, epsilon in digits.EPSILONS.items()
    }
    found = {
        "environment": environment(PACKAGES + MORE * full),
        "images": IMAGES,
        "steps": STEPS,
        "step_sizes": SIZES,
        "epsilons": digits.EPSILONS,
        "clean": {name: int((digits.predictions(model, x) == y).sum()) for name, model in models.items()},
        "rows": [row(*key, task, method) for key, task in tasks.items() for method in METHODS],
    }
    if full:
        found["pgd"] = [timed(*key, task) for key, task in tasks.items() if key[0] in TIMED]
        found["full"] = [against_auto_attack(*key, task) for key, task in tasks.items() if key[0] in TIMED]
    return found


def row(name: str, norm: str, task: Task, method: str) -> dict[str, Any]:
    """What one attack of every library leaves of a model."""
    print(f"{name}, {norm}, {method} ...", flush=True)
    found: dict[str, Any] = {"model": name, "norm": norm, "attack": method, "robust": {}, "invalid": {}, "errors": {}}
    for library, prepare in LIBRARIES.items():
        outcome = attempt(lambda prepare=prepare: prepare(task, method)(), task)
        if isinstance(outcome, str):
            found["errors"][library] = outcome
        else:
            found["robust"][library], found["invalid"][library] = (int(flags.sum()) for flags in outcome)
    return found


def attempt(run: Run, task: Task) -> tuple[np.ndarray, np.ndarray] | str:
    """Which images still stand and which leave budget or bounds; or what the error says.

    The model itself says what it predicts, and lengths are measured here. An image that leaves the budget or the bounds
    does not count as a success.
    """
    try:
        images = run()
    except ImportError:
        raise
    except Exception as error:  # whatever a peer raises is its result
        return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
    return judged(np.asarray(images, "float32"), task)


def judged(images: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Which images still stand, and which leave budget or bounds."""
    digits = subjects.digits()
    allowed = digits.within(task.x, images, task.norm, task.epsilon)
    right = digits.predictions(task.model, task.x) == task.y
    return right & ((digits.predictions(task.model, images) == task.y) | ~allowed), ~allowed


def timed(name: str, norm: str, task: Task) -> dict[str, Any]:
    """The time of our PGD as a part of that of cleverhans'."""
    print(f"{name}, {norm}, times of PGD ...", flush=True)
    candidates = [
        Candidate(OURS, ours(task, "pgd")),
        Candidate(f"{OURS}, all steps", ours(task, "pgd", keep="last")),
        Candidate("CleverHans(...)", wrapped(task, "pgd")),
        Candidate("cleverhans", cleverhans(task, "pgd")),
    ]
    timings = interleaved(candidates, ROUNDS, warm_up=2)
    ratios = {candidate.name: timings.ratio(candidate.name, "cleverhans") for candidate in candidates[:-1]}
    return {"model": name, "norm": norm, "rounds": ROUNDS, "seconds": timings.seconds, "ratios": ratios}


def against_auto_attack(name: str, norm: str, task: Task, rounds: int = 3) -> dict[str, Any]:
    """`standard` and AutoAttack's full run, which takes its turn once, between two halves of ours."""
    print(f"{name}, {norm}, AutoAttack ...", flush=True)
    runs = {
        STANDARD: configured(task, kax.attacks.Ensemble.preset("standard", norm=task.norm)),
        AUTO_ATTACK: auto_attack.full(task),
    }
    first, _ = clocked(runs[STANDARD])
    before = [clocked(runs[STANDARD]) for _ in range(rounds)]
    theirs, images = clocked(runs[AUTO_ATTACK])
    after = [clocked(runs[STANDARD]) for _ in range(rounds)]
    robust, invalid = {}, {}
    for library, found in ((STANDARD, after[-1][1]), (AUTO_ATTACK, images)):
        robust[library], invalid[library] = judged(found, task)
    return {
        "model": name,
        "norm": norm,
        "robust": {library: int(flags.sum()) for library, flags in robust.items()},
        "invalid": {library: int(flags.sum()) for library, flags in invalid.items()},
        "only": {
            STANDARD: int((robust[STANDARD] & ~robust[AUTO_ATTACK]).sum()),
            AUTO_ATTACK: int((robust[AUTO_ATTACK] & ~robust[STANDARD]).sum()),
        },
        "seconds": {
            f"{STANDARD}, first call": first,
            STANDARD: [seconds for seconds, _ in before + after],
            AUTO_ATTACK: theirs,
        },
        "ratio": spread(theirs / seconds for seconds, _ in before + after),
    }


def clocked(run: Run) -> tuple[float, np.ndarray]:
    """The seconds of a run, and its images."""
    begin = time.perf_counter()
    images = run()
    return time.perf_counter() - begin, images
