"""How far explanations drift under attacks on them, beside attacks on the label and noise. Nothing is timed.

python -m benchmarks explanation_attacks [--full]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

import keras_advxai as kax
from benchmarks import subjects
from benchmarks.harness import environment
from keras_advxai.cli.demo import build_model

NAME = "explanation_attacks"
PACKAGES = ("keras-advxai", "tensorflow", "keras", "numpy")
IMAGES = 128
ATTACKS = ("uniform_noise", "sign_noise", "fgsm", "pgd", "explanation_pgd")
"""By the names that they have with their default settings."""
EXPLAINERS: dict[str, tuple[type[kax.explainers.Explainer], dict[str, Any]]] = {
    "Grad-CAM": (kax.explainers.GradCAM, {}),
    "saliency": (kax.explainers.Saliency, {}),
    "Integrated Gradients, 8 steps": (kax.explainers.IntegratedGradients, {"steps": 8}),
}
MODELS = {
    "digits, plain": "plain",
    "digits, over-confident": "overconfident",
    "digits, adversarially trained": "adversarial",
}
"""How the table calls a model, to its kind in `tests/digits.py`."""
FACES = "faces"
FACES_EPSILONS = (0.02, 0.05, 0.1)


def report(full: bool) -> dict[str, Any]:
    """Measure MOD of the heatmaps of the clean prediction, and how many predictions changed.

    Args:
        full: Whether to take all models and norms, or two in L-infinity.
    """
    rows = [
        row(name, model, data, norm, epsilon, explainer)
        for name, model, data, budgets in cases(full)
        for norm, epsilon in budgets
        for explainer in EXPLAINERS
    ]
    return {"environment": environment(PACKAGES), "rows": rows}


def cases(full: bool) -> Iterator[tuple[str, keras.Model, tuple[np.ndarray, np.ndarray], list[tuple[str, float]]]]:
    """The name of each model, the model, its images and labels, and the norms with their epsilons."""
    digits = subjects.digits()
    x, y = (part[:IMAGES] for part in digits.data()[1])
    for name in MODELS if full else list(MODELS)[:1]:
        budgets = list(digits.EPSILONS.items())
        yield name, digits.model(digits.train(MODELS[name])), (x, y), budgets if full else budgets[:1]
    train, test = kax.datasets.faces.load_data()
    keras.utils.set_random_seed(0)
    model = build_model()
    model.fit(*train, batch_size=16, epochs=15, verbose=0)
    yield FACES, model, test, [("linf", epsilon) for epsilon in (FACES_EPSILONS if full else FACES_EPSILONS[:1])]


def row(
    name: str, model: keras.Model, data: tuple[np.ndarray, np.ndarray], norm: str, epsilon: float, explainer: str
) -> dict[str, Any]:
    """One model, one budget and one explainer, under all attacks."""
    print(f"{name}, {norm} {epsilon:g}, {explainer} ...", flush=True)
    kind, options = EXPLAINERS[explainer]
    aimed = kax.attacks.ExplanationPGD(explainer=kind(**options), norm=norm)
    others = [kind_of(norm=norm) for kind_of in (kax.attacks.SignNoise, kax.attacks.FGSM, kax.attacks.PGD)]
    found = kax.evaluate(
        model,
        data,
        attacks=[*others, aimed],
        explainers=[kind(**options)],
        target="clean",
        epsilons=(epsilon,),
        batch_size=IMAGES,
        progress=False,
    )
    shown = found.explainers[0]
    flipped = {entry.attack: round(entry.flip_rate * len(data[0])) for entry in found.rows if entry.explainer == shown}
    return {
        "model": name,
        "norm": norm,
        "epsilon": epsilon,
        "explainer": explainer,
        "images": len(data[0]),
        "mod": {short(attack): found.mod(attack, shown, epsilon) for attack in found.attacks},
        "flipped": {short(attack): count for attack, count in flipped.items()},
    }


def short(attack: str) -> str:
    """An attack's name in the results, without its settings."""
    return next(name for name in ATTACKS if attack.startswith(name))
