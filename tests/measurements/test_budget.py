"""The share of its budget that an attack used."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai import EvaluationReport
from keras_advxai.measurements import Coordinates, Measurements
from keras_advxai.tensorboard import summaries

EPSILONS = (0.1, 0.0, 0.4)
NORMS = np.array([[0.1, 0.052, 0.0, 0.1], [0.0, 0.0, 0.0, 0.0], [0.4, 0.4, np.nan, 0.1]])


def make(norms=NORMS, explainers=("grad_cam",), distance=None) -> EvaluationReport:
    coordinates = Coordinates(("own",), explainers, ("nissim",), ("predicted",), EPSILONS, classes=2)
    arrays = {} if norms is None else {"perturbation_norm": [norms]}
    arrays |= {} if distance is None else {"distance": [distance]}
    found = Measurements.of(
        coordinates,
        label=np.zeros(4, int),
        prediction=np.zeros((4, 4), int),
        dissimilarity=np.full((1, len(explainers), 1, 1, 3, 4), 0.25),
        **arrays,
    )
    return EvaluationReport(found, {"model": "net"})


def test_it_is_the_mean_norm_over_epsilon():
    report = make()
    assert report.budget_used("own", 0.1) == pytest.approx(0.063 / 0.1)
    assert report.budget_used("own", 0.4) == pytest.approx(0.3 / 0.4)  # NaN is left out
    with pytest.raises(ValueError, match="one of the report's"):
        report.budget_used("own", 0.2)


def test_there_is_none_at_epsilon_0_and_where_nothing_was_measured():
    assert np.isnan(make().budget_used("own", 0.0))
    assert np.isnan(make(None).budget_used("own", 0.1))


def test_it_stands_beside_every_mod():
    report = make()
    assert [row.budget_used for row in report.rows] == pytest.approx([0.63, np.nan, 0.75], nan_ok=True)
    assert report.rows[0].to_dict()["budget_used"] == pytest.approx(0.63)
    assert report.to_dict()["rows"][1]["budget_used"] is None
    lines = str(report).splitlines()
    assert any("budget" in line for line in lines)
    cells = next(line for line in lines if line.split()[:1] == ["0.1"]).split()
    assert cells[cells.index("0.250") - 2 : cells.index("0.250") + 1] == ["63", "%", "0.250"]
    assert summaries.attack_scalars(report, report.rows[0].epsilon)["~advxai_details/budget_used/own"] == pytest.approx(
        0.63
    )


def test_accuracy_alone_has_none():
    report = make(explainers=())
    assert "budget" not in str(report)
    assert not any("budget" in tag for tag in summaries.attack_scalars(report, report.rows[0].epsilon))


def test_the_nearest_misclassified_images_are_named():
    assert "own (nearest misclassified)" in str(make(distance=[0.05, np.inf, 0.2, 0.0]))
    assert "nearest" not in str(make())
