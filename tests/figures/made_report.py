"""A small report, made up, with everything that is hard to show: NaN, blank heatmaps, flips."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_advxai.evaluation import Coordinates, EvaluationReport, Example, Measurements
from keras_advxai.measurements import QUANTITIES

ATTACKS = ("fgsm", "uniform_noise")
EPSILONS = (8 / 255, 16 / 255)
EXPLAINERS = ("grad_cam", "integrated_gradients")
IMAGES = 6
NAN = float("nan")


def make_report(
    seed: int = 0,
    epsilons: tuple[float, ...] = EPSILONS,
    attacks: tuple[str, ...] = ATTACKS,
    metrics: tuple[str, ...] = ("nissim",),
    chance: bool = False,
    **provenance: Any,
) -> EvaluationReport:
    """Six images, two with pictures. All clean heatmaps of `integrated_gradients` are blank.

    What the second dissimilarity and further ones say is half of what the one before says. With `chance`, that of
    `grad_cam` is 0.25.
    """
    generator = np.random.default_rng(seed)
    coordinates = Coordinates(attacks, EXPLAINERS, metrics, ("predicted", "clean"), epsilons, classes=2)
    shape = (len(attacks), len(epsilons), IMAGES)
    predictions = np.array([0, 1, 0, 1, 0, 0], "int32")
    attacked = generator.integers(0, 2, shape)
    drift = generator.random(shape)
    drift[..., -1] = NAN
    blank = np.full((2, coordinates.size("condition"), IMAGES), True)
    blank[0, 0] = np.arange(IMAGES) == IMAGES - 1
    nothing = np.full(shape, NAN)
    measurements = Measurements.of(
        coordinates,
        label=[0, 1, 0, 1, 0, 1],
        prediction=np.concatenate([predictions[None], attacked.reshape(-1, IMAGES)]),
        confidence=np.full((coordinates.size("condition"), IMAGES), 0.75),
        blank=blank,
        **({"chance_dissimilarity": [[np.arange(IMAGES) / 10, [NAN] * IMAGES]] * len(metrics)} if chance else {}),
        dissimilarity=[[[drift / 2**k, drift / 2 ** (k + 1)], [nothing, nothing]] for k in range(len(metrics))],
    )
    settings = {
        "model": "net",
        "bounds": [0.0, 1.0],
        "preprocess": None,
        "target": "predicted",
        "labels": "given",
        "aims": {attack: "noise" for attack in attacks if "noise" in attack},
        "seed": 3,
    }
    return EvaluationReport(measurements, {**settings, **provenance}, examples=_examples(measurements))


def make_example(**changes: Any) -> Example:
    """A gray image of 5x6 pixels whose heatmap moves from the left to the right; the prediction flips."""
    image = np.linspace(0, 1, 30, dtype="float32").reshape(5, 6, 1)
    heatmap = np.linspace(1, 0, 6, dtype="float32")[None].repeat(5, axis=0)
    example = Example(
        attack="fgsm",
        explainer="grad_cam",
        epsilon=8 / 255,
        index=0,
        label=0,
        image=image,
        adversarial=image[::-1],
        heatmap=heatmap,
        adversarial_heatmap=heatmap[:, ::-1],
        prediction=0,
        adversarial_prediction=1,
        confidence=0.9,
        adversarial_confidence=0.6,
        dissimilarity=0.5,
    )
    return dataclasses.replace(example, **changes)


def without_explainers(report: EvaluationReport) -> EvaluationReport:
    """The same evaluation, of accuracy alone."""
    return with_explainers(report, {})


def with_explainers(report: EvaluationReport, chosen: dict[str, str]) -> EvaluationReport:
    """The same evaluation with other explainers, by name: each has measured what one of the report's has."""
    found = report.measurements
    places = [found.coordinates.index("explainer", own) for own in chosen.values()]
    coordinates = dataclasses.replace(found.coordinates, explainers=tuple(chosen))
    axes = {name: QUANTITIES[name].dims.index("explainer") for name in found.arrays if _has_explainers(name)}
    arrays = {
        name: np.take(array, places, axes[name]) if name in axes else array for name, array in found.arrays.items()
    }
    return dataclasses.replace(report, measurements=Measurements(coordinates, arrays), examples=())


def _has_explainers(name: str) -> bool:
    return "explainer" in QUANTITIES[name].dims


def _examples(found: Measurements) -> tuple[Example, ...]:
    blank = np.zeros((5, 6), "float32")
    known = found.coordinates
    return tuple(
        make_example(
            attack=attack,
            explainer=explainer,
            epsilon=epsilon,
            index=index,
            label=int(found.at("label")[index]),
            prediction=int(found.at("prediction")[index]),
            adversarial_prediction=int(found.at("prediction", attack=attack, epsilon=epsilon)[index]),
            dissimilarity=float(found.at("dissimilarity", attack=attack, epsilon=epsilon, explainer=explainer)[index]),
            **({} if explainer == "grad_cam" else {"heatmap": blank}),
        )
        for index in range(2)
        for attack in known.attacks
        for explainer in EXPLAINERS
        for epsilon in known.epsilons
    )
