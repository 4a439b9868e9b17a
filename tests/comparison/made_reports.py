"""Reports that were made up, of one set of images in any order."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements

IMAGES = 12
EPSILONS = (0.02, 0.1)
KEYS = np.arange(IMAGES) * 7919 + 1
NAMES = np.array([f"{place}.png" for place in range(IMAGES)])
LABELS = np.arange(IMAGES) % 3


def made(
    seed: int = 0,
    order: Any = slice(None),
    epsilons: tuple[float, ...] = EPSILONS,
    explainers: tuple[str, ...] = ("grad_cam",),
    metrics: tuple[str, ...] = ("nissim",),
    target: str = "predicted",
    attacks: tuple[str, ...] = ("fgsm", "uniform_noise"),
    keys: Any = KEYS,
    names: Any = None,
    labels: Any = LABELS,
    labelled: str = "given",
    outputs: int = 0,
    missing: Any = 3,
    regression: bool = False,
    noise_seed: int = 3,
    **provenance: Any,
) -> EvaluationReport:
    """A report of twelve images, of which the fourth has a blank clean heatmap; with `outputs`, of a regression."""
    rng = np.random.default_rng(seed)
    known = Coordinates(attacks, explainers, metrics, (target,), epsilons, classes=outputs or 3)
    shape = (len(metrics), len(explainers), 1, len(attacks), len(epsilons), IMAGES)
    drift = rng.random(shape) * (1 + seed) / 5
    drift[..., missing] = np.nan
    arrays: dict[str, Any] = {
        "label": labels,
        "prediction": np.where(rng.random((known.size("condition"), IMAGES)) < 0.7, labels, 0),
        "dissimilarity": drift,
        "chance_dissimilarity": rng.random((len(metrics), len(explainers), IMAGES)),
        **({} if keys is None else {"image_key": keys}),
        **({} if names is None else {"name": names}),
    }
    if outputs:
        arrays["label"], arrays["prediction"] = np.zeros_like(labels), np.zeros_like(arrays["prediction"])
        arrays["true_values"] = 100 * rng.random((outputs, IMAGES), dtype="float32")
        arrays["predicted_values"] = 100 * rng.random((outputs, known.size("condition"), IMAGES), dtype="float32")
    arrays = {name: np.asarray(array)[..., order] for name, array in arrays.items()}
    usual = {
        "model": f"net{seed}",
        "aims": {name: "noise" for name in attacks if "noise" in name},
        "heatmap_size": [25, 25],
        "labels": labelled,
        "seed": noise_seed,
    }
    return EvaluationReport(Measurements.of(known, **arrays), {**usual, **provenance})
