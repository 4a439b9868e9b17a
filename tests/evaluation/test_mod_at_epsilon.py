"""MOD at epsilon: where explanations are compared, attacks use their whole budget on all images."""

from __future__ import annotations

import helpers
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Ensemble, MultiTargetPGD, Square

ATTACKS = [PGD(steps=3), MultiTargetPGD(steps=3, targets=2), Square(queries=40)]
EPSILONS = (0.02, 0.1)
MODEL = linear.model(linear.weights(6))
X = linear.images(12)
WRONG = np.arange(12) % 4 == 0  # labelled otherwise than the model says
Y = (linear.predictions(MODEL, X) + WRONG) % 6


class Edges(kax.explainers.Explainer):
    """The image itself, so that a heatmap tells how far the image was changed."""

    def attribute(self, model, x, targets, forward):
        return forward.images


def run(model=MODEL, data=(X, Y), attacks=ATTACKS, **settings):
    settings = {"explainers": (Edges(),), "epsilons": EPSILONS, "noise_control": False, "progress": False, **settings}
    return kax.evaluate(model, data, attacks=attacks, **settings)


@pytest.fixture(scope="module")
def reports():
    return {"with": run(), "without": run(explainers=())}


@pytest.mark.slow
def test_the_budget_is_used_up_on_all_images(reports):
    for attack in ATTACKS:
        for epsilon in EPSILONS:
            norms = reports["with"].measurements.at("perturbation_norm", attack=attack, epsilon=epsilon)
            np.testing.assert_allclose(norms, epsilon, rtol=0.01)
            assert reports["with"].budget_used(attack, epsilon) == pytest.approx(1, abs=0.01)
    assert "mod-below-epsilon" not in {finding.id for finding in reports["with"].warnings}


@pytest.mark.slow
def test_accuracy_alone_stops_early(reports):
    report = reports["without"]
    assert all(report.budget_used(attack, 0.1) < 0.8 for attack in ATTACKS)
    assert "mod-below-epsilon" not in {finding.id for finding in report.warnings}


def test_what_succeeds_does_so_either_way_and_names_stay(reports):
    whole, early = reports["with"], reports["without"]
    assert whole.attacks == early.attacks == ("pgd_steps3", *early.attacks[1:])
    for attack in ATTACKS:
        found, before = (report.measurements.at("prediction", attack=attack) for report in (whole, early))
        label = whole.measurements.at("label")
        assert ((found != label) >= (before != label)).all()
        assert whole.settings.attacks == early.settings.attacks == tuple(ATTACKS)


@pytest.mark.slow
def test_a_choice_counts_and_a_finding_says_so():
    report = run(attacks=[PGD(steps=3, keep="first_hit"), Ensemble(["fgsm"])])
    found = {finding for finding in report.warnings if finding.id == "mod-below-epsilon"}
    assert {finding.partition(" ")[0] for finding in found} == {"pgd_steps3_first_hit", "ensemble_fgsm"}
    for attack in ("pgd_steps3_first_hit", "ensemble_fgsm"):
        assert not report.measurements.at("perturbation_norm", attack=attack)[:, WRONG].any()


@pytest.mark.slow
def test_targeted_attacks_leave_alone_what_is_of_their_class_and_nothing_else():
    attacks = [PGD(steps=3, targeted=True), FGSM(targeted=True), DDN(steps=5, targeted=True)]
    target = int(Y[1])
    reports = [run(attacks=attacks, attack_targets=target, explainers=each) for each in ((Edges(),), ())]
    own = target == Y
    assert 0 < own.sum() < 9
    whole, early = (
        [report.measurements.at("perturbation_norm", attack=item) for item in attacks] for report in reports
    )
    for norms in whole[:2]:
        assert not norms[:, own].any()
        np.testing.assert_allclose(norms[:, ~own], np.array(EPSILONS)[:, None].repeat((~own).sum(), 1), rtol=0.01)
    for norms in (*early, whole[2]):  # the nearest image is at distance 0 where there is nothing to attack
        assert not norms[:, own | WRONG].any()
    for attack in attacks:
        rates = [[report.targeted_success_rate(attack, epsilon) for epsilon in EPSILONS] for report in reports]
        np.testing.assert_allclose(*rates)


def mean_brightening(clean, other):
    """A dissimilarity that can be computed by hand."""
    return tf.reduce_mean(tf.abs(clean - other), axis=(1, 2, 3))


@pytest.mark.slow
def test_a_mod_is_that_of_its_epsilon():
    """In closed form: a model of brightness, attacked by a quarter of it, and heatmaps that are the images."""
    net = helpers.linear_model(np.tile([[1.0, -1.0]], (64, 1)) / 64, (8, 8, 1), (0.0, 0.9))
    x = np.full((4, 8, 8, 1), 0.5, "float32")
    x[:, 0, 0] = 1  # by which heatmaps are scaled
    y = np.array([0, 0, 0, 1])  # the last one is misclassified before, and made brighter
    report = run(net, (x, y), PGD(steps=8), epsilons=(0.25,), noise_control=False, metrics=mean_brightening)
    darker, brighter = 0.5 - 0.25 / 0.75, 0.75 - 0.5
    expected = 63 / 64 * (3 * darker + brighter) / 4
    assert report.mod("pgd_steps8", "edges", 0.25) == pytest.approx(expected, rel=1e-5)
    early = run(
        net, (x, y), PGD(steps=8, keep="first_hit"), epsilons=(0.25,), noise_control=False, metrics=mean_brightening
    )
    assert early.mod("pgd_steps8_first_hit", "edges", 0.25) < expected / 2
