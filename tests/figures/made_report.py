"""A small report, made up, with everything that is hard to show: NaN, blank heatmaps, flips."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from keras_advxai.evaluation import EvaluationReport, Example, Samples

ATTACKS = ("fgsm", "uniform_noise")
EPSILONS = (8 / 255, 16 / 255)
EXPLAINERS = ("grad_cam", "integrated_gradients")
IMAGES = 6
NAN = float("nan")


def make_report(
    seed: int = 0,
    epsilons: tuple[float, ...] = EPSILONS,
    attacks: tuple[str, ...] = ATTACKS,
    **provenance: Any,
) -> EvaluationReport:
    """Six images, two with pictures. All clean heatmaps of `integrated_gradients` are blank."""
    generator = np.random.default_rng(seed)
    labels = np.array([0, 1, 0, 1, 0, 1], "int32")
    predictions = np.array([0, 1, 0, 1, 0, 0], "int32")
    levels = len(epsilons)
    attacked = {name: generator.integers(0, 2, (levels, IMAGES)).astype("int32") for name in attacks}
    drift = {name: generator.random((levels, IMAGES)) for name in attacks}
    for values in drift.values():
        values[:, -1] = NAN
    nothing = np.full((levels, IMAGES), NAN)
    samples = Samples(
        epsilons=epsilons,
        labels=labels,
        predictions=predictions,
        confidence=np.full(IMAGES, 0.75, "float32"),
        attacked=attacked,
        nissim={
            name: {
                "grad_cam": {"predicted": drift[name], "clean": drift[name] / 2},
                "integrated_gradients": {"predicted": nothing},
            }
            for name in attacks
        },
        blank={name: dict.fromkeys(EXPLAINERS, np.isnan(nothing)) for name in attacks},
        reference_blank={
            "grad_cam": np.arange(IMAGES) == IMAGES - 1,
            "integrated_gradients": np.full(IMAGES, True),
        },
    )
    settings = {
        "model": "net",
        "bounds": [0.0, 1.0],
        "preprocess": None,
        "target": "predicted",
        "labels": "given",
        "seed": 3,
    }
    return EvaluationReport(samples, {**settings, **provenance}, examples=_examples(samples))


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
        nissim=0.5,
    )
    return dataclasses.replace(example, **changes)


def without_explainers(report: EvaluationReport) -> EvaluationReport:
    """The same evaluation, of accuracy alone."""
    samples = dataclasses.replace(report.samples, nissim={}, blank={}, reference_blank={})
    return dataclasses.replace(report, samples=samples, examples=())


def _examples(samples: Samples) -> tuple[Example, ...]:
    blank = np.zeros((5, 6), "float32")
    return tuple(
        make_example(
            attack=attack,
            explainer=explainer,
            epsilon=epsilon,
            index=index,
            label=int(samples.labels[index]),
            prediction=int(samples.predictions[index]),
            adversarial_prediction=int(samples.attacked[attack][level, index]),
            nissim=float(samples.nissim[attack][explainer]["predicted"][level, index]),
            **({} if explainer == "grad_cam" else {"heatmap": blank}),
        )
        for index in range(2)
        for attack in samples.attacked
        for explainer in EXPLAINERS
        for level, epsilon in enumerate(samples.epsilons)
    )
