"""The worst case over attacks and epsilons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import keras_advxai as kax
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.measurements.statistics import wilson_interval

EPSILONS = (0.2, 0.1)  # in any order
LABELS = np.array([0, 1, 1, 0, 1])
CLEAN = np.array([0, 1, 1, 0, 0])


def report(norms=None):
    fgsm, noise = [[0, 1, 0, 0, 0], [1, 1, 1, 0, 0]], [[0, 0, 1, 0, 1], [0, 1, 1, 0, 0]]
    coordinates = Coordinates(("fgsm", "uniform_noise"), (), ("nissim",), ("predicted",), EPSILONS, classes=2)
    found = Measurements.of(coordinates, label=LABELS, prediction=[CLEAN, *fgsm, *noise])
    return EvaluationReport(found, {"norms": norms or {}, "seed": 0})


def test_a_success_of_any_attack_at_any_smaller_epsilon_counts():
    found = report()
    assert found.robust(0.1).tolist() == [False, True, True, True, False]
    assert found.robust(0.2).tolist() == [False, False, False, True, False]
    assert found.robust_accuracy(0.1) == 0.6
    assert found.robust_accuracy(0.2) == 0.2
    assert found.accuracy("fgsm", 0.2) == 0.6  # each attack and epsilon by itself, below


def test_a_success_is_one_on_an_image_that_was_right_before():
    found = report()  # the last image is not
    rates = [found.attack_success_rate(attack, epsilon) for attack in ("fgsm", "uniform_noise") for epsilon in EPSILONS]
    assert rates == [0.25, 0.25, 0.25, 0.0]


def test_one_attack_alone():
    found = report()
    assert found.robust(0.2, attack="fgsm").tolist() == [False, True, False, True, False]
    assert found.robust(0.2, attack="uniform_noise").tolist() == [True, False, True, True, False]


def test_what_was_wrong_before_is_not_robust():
    assert not report().robust(0.1, attack="uniform_noise")[4]


def test_norms_do_not_compare():
    found = report({"fgsm": "linf", "uniform_noise": "l2"})
    assert found.robust(0.2, norm="linf").tolist() == found.robust(0.2, attack="fgsm").tolist()
    assert found.robust(0.2, norm="l2").tolist() == found.robust(0.2, attack="uniform_noise").tolist()
    with pytest.raises(ValueError, match="several norms, linf and l2"):
        found.robust_accuracy(0.2)
    with pytest.raises(ValueError, match=r"the norm linf\. Received: norm='l2'"):
        report().robust_accuracy(0.2, norm="l2")


@pytest.mark.parametrize(("count", "total"), [(0, 10), (3, 10), (10, 10), (61, 128)])
def test_wilson_intervals_are_scipys(count, total):
    expected = stats.binomtest(count, total).proportion_ci(method="wilson")
    assert wilson_interval(count, total) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_intervals_of_a_report():
    found = report()
    assert found.robust_interval(0.2) == wilson_interval(1, 5)
    assert found.accuracy_interval("fgsm", 0.2) == wilson_interval(3, 5)
    assert found.accuracy_interval(None) == wilson_interval(4, 5)
    assert all(np.isnan(wilson_interval(0, 0)))


@pytest.mark.slow
def test_it_is_the_headline(faces_model, test_faces):
    attacks = ["fgsm", kax.attacks.FGSM(norm="l2")]
    found = kax.evaluate(faces_model, test_faces, attacks=attacks, epsilons=(0.05, 0.1), progress=False)
    assert found.norms == {"fgsm": "linf", "fgsm_l2": "l2", "uniform_noise": "linf", "uniform_noise_l2": "l2"}
    text = " ".join(str(found).split())
    title = "Robust accuracy (linf), the worst case over fgsm and uniform_noise (95 % intervals): "
    line = text.partition(title)[2].partition("Robust accuracy (l2)")[0]
    low, high = found.robust_interval(0.1, norm="linf")
    share = found.robust_accuracy(0.1, norm="linf")
    assert f"{100 * share:.1f} % ({100 * low:.1f}-{100 * high:.1f}) at 0.1" in line
    assert found.robust_accuracy(0.1, norm="linf") <= found.accuracy("fgsm", 0.1)
    again = EvaluationReport.from_json(found.to_json())
    assert again.robust_accuracy(0.1, norm="l2") == found.robust_accuracy(0.1, norm="l2")


def test_the_smallest_epsilon_that_flips_an_image():
    found = report()
    assert found.minimum_perturbation("fgsm").tolist() == [0.1, np.inf, 0.2, np.inf, 0.0]
    assert found.median_perturbation("uniform_noise") == np.inf
    assert found.median_perturbation("fgsm") == np.inf


@pytest.mark.slow
def test_a_minimum_norm_attack_gives_its_distances(faces_model, test_faces):
    attack = kax.attacks.DDN(steps=30)
    found = kax.evaluate(faces_model, test_faces, attacks=attack, explainers=(), epsilons=(0.5, 1, 2), progress=False)
    expected = attack.distances(faces_model, *test_faces)
    np.testing.assert_allclose(found.minimum_perturbation(attack), expected, rtol=0.02)
    right = expected > 0
    assert found.median_perturbation(attack) == pytest.approx(np.median(expected[right]), rel=0.02)
    for epsilon in found.epsilons:
        assert found.accuracy(attack, epsilon) == pytest.approx(np.mean(expected > epsilon), abs=0.021)
    again = EvaluationReport.from_json(found.to_json())
    np.testing.assert_allclose(again.minimum_perturbation(attack), found.minimum_perturbation(attack))
    assert found.to_dict()["median_perturbation"][attack.name] == found.median_perturbation(attack)
