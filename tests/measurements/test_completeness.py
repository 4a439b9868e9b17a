"""The completeness gap of attributions in the report."""

from __future__ import annotations

import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.explainers import GradCAM, IntegratedGradients
from keras_advxai.measurements import QUANTITIES, Coordinates, Measurements
from keras_advxai.measurements.completeness import (
    Completeness,
    decides_steps,
    relative_gaps,
    steps_needed,
    steps_used,
)

EPSILONS = (0.02, 0.1)
GRADIENTS = IntegratedGradients(steps=8)


@pytest.fixture(scope="module")
def report(faces_model, test_faces):
    return kax.evaluate(faces_model, test_faces, explainers=[GradCAM(), GRADIENTS], epsilons=EPSILONS, progress=False)


@pytest.mark.slow
def test_the_gaps_are_those_of_the_public_calls(report, faces_model, test_faces):
    x, y = test_faces
    by_hand = GRADIENTS.completeness_gap(faces_model, x, relative=True)
    np.testing.assert_allclose(report.completeness_gap(GRADIENTS), by_hand, rtol=0.02, atol=1e-4)
    adversarial = kax.attacks.FGSM()(faces_model, x, y, epsilon=0.1)
    by_hand = GRADIENTS.completeness_gap(faces_model, adversarial, relative=True)
    np.testing.assert_allclose(report.completeness_gap(GRADIENTS, "fgsm", 0.1), by_hand, rtol=0.02, atol=1e-4)


def test_the_summary_is_over_all_explanations(report):
    everything = [report.completeness_gap(GRADIENTS)]
    everything += [report.completeness_gap(GRADIENTS, attack, e) for attack in report.attacks for e in EPSILONS]
    gaps = np.concatenate(everything)
    assert gaps.shape == (5 * 50,)
    found = report.completeness(GRADIENTS)
    assert found == (np.median(gaps), gaps.max(), np.mean(gaps > 0.05))
    assert report.to_dict()["completeness"] == {GRADIENTS.name: found._asdict()}
    assert kax.EvaluationReport.from_json(report.to_json()).completeness(GRADIENTS) == found


def test_few_steps_make_a_warning_and_the_table_tells_the_gap(report):
    (note,) = [note for note in report.warnings if GRADIENTS.name in note]
    assert f"{100 * report.completeness(GRADIENTS).exceeded:.1f} % of the attributions" in note
    assert f"{GRADIENTS.name}, completeness gap: median " in str(report)


@pytest.mark.slow
def test_enough_steps_make_none(faces_model, test_faces):
    explainer = IntegratedGradients(steps=16, baseline="mean")
    x, y = test_faces
    report = kax.evaluate(faces_model, (x[:4], y[:4]), explainers=explainer, epsilons=(0.02,), progress=False)
    assert report.completeness(explainer).exceeded == 0
    assert not any("attributions" in note for note in report.warnings)


def test_an_explainer_without_a_sum_has_no_gap(report):
    with pytest.raises(ValueError, match="'grad_cam' do not promise"):
        report.completeness("grad_cam")
    with pytest.raises(ValueError, match="`epsilon` must be one of"):
        report.completeness_gap(GRADIENTS, "fgsm")
    with pytest.raises(ValueError, match="clean images have no epsilon"):
        report.completeness_gap(GRADIENTS, epsilon=0.1)


@pytest.mark.parametrize(("gap", "steps"), [(0.01, 32), (0.1, 70), (0.5, 320)])
def test_the_steps_that_are_advised_grow_as_the_gap_to_the_next_ten(gap, steps):
    known = Coordinates(("fgsm",), ("integrated_gradients",), ("nissim",), ("predicted",), (0.1, 0.2), classes=2)
    values = np.ones((1, 3, 4), "float32")
    labels = {"label": [0, 1, 1, 0], "prediction": [[0, 1, 1, 0]] * 3}
    found = Measurements.of(known, **labels, completeness_gap=gap * values, score_change=-values)
    assert steps_needed(found, "integrated_gradients", 32) == steps


def test_no_change_of_the_score():
    gaps = relative_gaps(np.array([0.0, 0.1, 0.1]), np.array([0.0, 0.0, -1.0]))
    assert gaps.tolist() == [0.0, np.inf, 0.1]
    assert Completeness.of(np.append(gaps, np.nan)) == (0.1, np.inf, 2 / 3)
    assert all(np.isnan(Completeness.of(np.array([np.nan]))))


def test_steps_are_counted_where_an_explainer_decided_them():
    known = Coordinates(("fgsm",), ("grad_cam", "by_itself"), ("nissim",), ("predicted",), (0.1,), classes=2)
    steps = np.full(QUANTITIES["steps_used"].shape(known, 4), -1, "int32")
    steps[1].flat[:4] = [0, 7, 95, 23]  # and the rest was not measured
    found = Measurements.of(known, label=[0] * 4, prediction=[[0] * 4] * 2, steps_used=steps)
    assert (decides_steps(found, "by_itself"), decides_steps(found, "grad_cam")) == (True, False)
    assert steps_used(found, "by_itself") == (15.0, 95)
    none = np.where(steps < 0, steps, 0)  # of images that are their baselines
    assert decides_steps(Measurements.of(known, label=[0] * 4, prediction=[[0] * 4] * 2, steps_used=none), "by_itself")
    with pytest.raises(
        ValueError, match="'grad_cam' takes as many steps for every image, so there is nothing to count"
    ):
        steps_used(found, "grad_cam")
