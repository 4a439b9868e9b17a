"""Whether a MOD is what its epsilon says."""

from __future__ import annotations

import numpy as np
import pytest
from checks.test_attack_checks import COUNT, EPSILONS, found, outcome

from keras_advxai.attacks import DDN, FGSM, PGD, Ensemble, ExplanationPGD, UniformNoise
from keras_advxai.checks import Evidence, findings
from keras_advxai.evaluation import Coordinates, Measurements

OVER = np.array([[0.5], [1.0]])


def said(attack, norms, explainers=("grad_cam",), **options):
    return found(outcome({attack: (50, 90)}, norms=norms, explainers=explainers, **options))


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (PGD(keep="first_hit"), "leave `keep` out"),
        (Ensemble(["fgsm", "pgd"]), "evaluate its attacks by themselves"),
        (FGSM(), "Gradients vanish"),
        (UniformNoise(), "can change them one way only"),
        (ExplanationPGD(), "it returns the image itself"),
    ],
)
def test_less_than_the_budget(attack, reason):
    finding = said(attack, OVER)["mod-below-epsilon"]
    assert finding.severity == "warning"
    assert f"{attack.name} used 50.0 % of its budget on average at epsilon 0.1: its MOD is that of smaller" in finding
    assert reason in finding


def test_several_epsilons_are_counted():
    finding = said(PGD(), [[0.6], [0.4]])["mod-below-epsilon"]
    assert "used 40.0 % of its budget on average at epsilon 0.2, and less than 95 % at 2 of the epsilons:" in finding


@pytest.mark.parametrize("norms", [1.0, 0.951, np.nan, np.where(np.arange(COUNT) < 0.04 * COUNT, 0, 1)])
def test_what_is_used_nearly_is_used(norms):
    assert "mod-below-epsilon" not in said(PGD(), norms)


def test_accuracy_alone_is_not_looked_at():
    assert "mod-below-epsilon" not in said(PGD(), OVER, explainers=())


def test_images_of_the_class_to_reach_are_the_reason():
    finding = said(PGD(targeted=True), 0.9, targets=0)["mod-below-epsilon"]
    assert "100.0 % of the images are of the class that it is to reach, and not attacked." in finding
    assert "Gradients vanish" in said(PGD(targeted=True), 0.9, targets=1)["mod-below-epsilon"]


def test_a_minimum_norm_attack_is_named_as_one():
    findings = said(DDN(), OVER)
    assert "mod-below-epsilon" not in findings
    note = findings["minimum-norm-mod"]
    assert note.severity == "note"
    assert "The MOD of ddn is that of the nearest misclassified images" in note
    assert "it used 50.0 % of its budget on average at epsilon 0.1." in note
    assert EPSILONS == (0.1, 0.2)


def measured(blank, chance):
    """Two images under one attack at two epsilons: which heatmaps are blank, clean ones first, and chance."""
    coordinates = Coordinates(("fgsm",), ("grad_cam",), ("nissim",), ("predicted",), (0.1, 0.2), classes=2)
    values = {"label": [0, 1], "prediction": np.zeros((3, 2)), "blank": np.array([blank], bool)}
    measurements = Measurements.of(coordinates, **values, chance_dissimilarity=np.array([[chance]]))
    return {finding.id: finding for finding in findings(Evidence(measurements, (FGSM(),)))}


def test_blank_adversarial_heatmaps_are_told_where_the_clean_ones_are_not_blank():
    finding = measured([[0, 0], [0, 0], [1, 0]], [np.nan, 0.3])["blank-adversarial-heatmaps"]
    assert finding.severity == "warning"
    assert finding.startswith("50.0 % of the heatmaps of grad_cam under fgsm at epsilon 0.2 are blank")
    assert "100.0 %" in measured([[1, 0], [1, 0], [1, 1]], [np.nan, 0.3])["blank-adversarial-heatmaps"]
    for blank in ([[1, 0], [1, 0], [1, 0]], [[0, 0]] * 3, [[1, 1]] * 3):
        assert "blank-adversarial-heatmaps" not in measured(blank, [np.nan, 0.3])


@pytest.mark.parametrize(("chance", "is_said"), [(0.005, True), (0.05, False), (np.nan, False)])
def test_heatmaps_that_are_nearly_the_same_for_all_images(chance, is_said):
    found = measured([[0, 0]] * 3, [np.nan, chance])
    assert ("small-chance" in found) == is_said
    if is_said:
        assert "by nissim they are 0.005 apart on average" in found["small-chance"]
