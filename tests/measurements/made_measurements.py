"""Made-up measurements with every quantity, and a report of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_advxai import EvaluationReport
from keras_advxai.measurements import QUANTITIES, Coordinates, Finding, Measurements
from keras_advxai.measurements.outcomes import Numbers, SeveralLabels

EXPLAINERS = ("grad_cam", "grad_cam_probability", "integrated_gradients")
COORDINATES = Coordinates(
    attacks=("ddn", "pgd_targeted", "uniform_noise"),
    explainers=EXPLAINERS,
    metrics=("nissim", "rank_distance"),
    targets=("predicted", "clean"),
    epsilons=(0.1, 0.02),
    classes=3,
    corruptions=("fog", "snow"),
    severities=(5, 1),
)


def make_measurements(images: int = 5, seed: int = 0, coordinates: Coordinates = COORDINATES) -> Measurements:
    """Every quantity of a classifier, with what is unknown where evaluations have it, and with NaN and infinity."""
    draw = np.random.default_rng([images, seed])
    known, arrays = coordinates, {}
    for name, item in QUANTITIES.items():
        if name in SeveralLabels.quantities | Numbers.quantities:  # a report is of one task
            continue
        shape = item.shape(known, images)
        if item.dtype == "bool":
            arrays[name] = draw.random(shape) < 0.2
        elif item.is_text:
            arrays[name] = np.array([f"{'ä' * index}/{seed}.png" for index in range(images)])
        elif item.dtype == "int32":
            arrays[name] = draw.integers(0, known.classes, shape).astype("int32")
        else:
            arrays[name] = draw.random(shape).astype(item.dtype)
    arrays["dissimilarity"][..., :1, :, -1] = math.nan
    arrays["dissimilarity"][:, 2, 1] = math.nan
    arrays["corrupted_dissimilarity"][:, 2, 1] = math.nan
    arrays["completeness_gap"][:2] = arrays["score_change"][:2] = arrays["score_nissim"][1:] = math.nan
    arrays["confidence"][-1, 0] = math.nan
    arrays["attack_target"][np.array(known.attacks) != "pgd_targeted"] = -1
    arrays["distance"][np.array(known.attacks) != "ddn"] = -1
    arrays["distance"][0, 0] = math.inf
    return Measurements.of(known, **arrays)


def make_report(images: int = 5, draw: int = 0, **provenance: Any) -> EvaluationReport:
    """A report with all there can be in one."""
    given = {
        "model": "net",
        "norms": {"ddn": "l2", "pgd_targeted": "linf", "uniform_noise": "linf"},
        "aims": {"uniform_noise": "noise"},
        "attack_targets": "random",
        "score_pairs": {"grad_cam": "grad_cam_probability"},
        "layers": {"grad_cam": ["conv"], "grad_cam_probability": ["conv"], "integrated_gradients": []},
        "depths": {"grad_cam": [3], "grad_cam_probability": [3], "integrated_gradients": []},
        "heatmap_size": [25, 25],
        "ssim": "7x7 uniform window",
        "data_sha256": "00ff",
        "versions": {"numpy": "2"},
        "settings": {"attacks": [{"class_name": "FGSM", "config": {}, "registered_name": "keras_advxai>FGSM"}]},
    }
    found = make_measurements(images, draw)
    warnings = (Finding("Mind the gap.", id="gap", severity="warning"), Finding("Few images.", id="few-images"))
    return EvaluationReport(found, {**given, **provenance}, warnings)


def assert_same(one: Measurements, other: Measurements) -> None:
    """Bit by bit, types included."""
    assert one.coordinates == other.coordinates
    assert set(one.arrays) == set(other.arrays)
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert array.shape == other.arrays[name].shape
        assert array.tobytes() == other.arrays[name].tobytes(), name
