"""The same attacks under other conditions."""

from __future__ import annotations

import keras
import masked_models as masked
import numpy as np
import pytest
import tensorflow as tf
from helpers import SHAPE, Executions, linear_model, random_images

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Ensemble, MultiTargetPGD, Square, UniformNoise
from keras_advxai.audit import audit
from keras_advxai.audit.reruns import doubled
from keras_advxai.contrib import CleverHans
from keras_advxai.models.rescaled import RescaledClassifier

SETTINGS = {"explainers": (), "epsilons": (0.05, 0.1), "progress": False, "noise_control": False, "checks": "all"}


def findings(report):
    return {finding.id: finding for finding in report.warnings}


class Shifted(FGSM):
    """Does something whatever its budget."""

    def __call__(self, model, x, y=None, epsilon=8 / 255, *, forward=None):
        return tf.clip_by_value(super().__call__(model, x, y, epsilon, forward=forward) + 0.01, *model.bounds)


@pytest.mark.slow
def test_an_attack_that_is_not_idle_at_epsilon_0(faces_model, test_faces):
    error = findings(kax.evaluate(faces_model, test_faces, attacks=[Shifted()], **SETTINGS))["epsilon-zero-differs"]
    assert error.severity == "error"
    assert "At epsilon 0, shifted changes 50 of 50 images" in error


@pytest.mark.slow
def test_cross_entropy_on_large_logits_depends_on_their_scale_and_fails_at_full_range(build, test_faces):
    model = masked.behind(lambda z: 30 * z, build("linear"))
    found = findings(kax.evaluate(model, test_faces, attacks=PGD(steps=5, loss="cross_entropy"), **SETTINGS))
    assert {"depends-on-scale", "full-range", "zero-gradients", "saturated-logits", "unused-budget"} <= set(found)
    assert "With the logits times 0.1" in found["depends-on-scale"]


@pytest.mark.slow
def test_attacks_that_stop_too_early(faces_model, test_faces):
    settings = {**SETTINGS, "epsilons": (0.05,)}
    short = PGD(steps=2, step_size=0.1)
    found = findings(kax.evaluate(faces_model, test_faces, attacks=short, **settings))
    assert "on which no attack has succeeded: robust accuracy would be lower by" in found["more-steps"]
    assert "robust to all iterative attacks (linf)" in found["full-range"]
    beside = findings(kax.evaluate(faces_model, test_faces, attacks=[short, PGD()], **settings))
    assert "more-steps" not in beside  # the worst case is what counts


def test_what_twice_as_much_is():
    assert doubled(PGD(steps=3, restarts=2, loss="margin")) == PGD(steps=6, restarts=4, loss="margin")
    assert doubled(PGD(keep="last")) == PGD(keep="last", steps=20)
    assert doubled(DDN(steps=30)) == DDN(steps=60)
    members = ["fgsm", MultiTargetPGD(steps=2)]
    assert doubled(Ensemble(members)) == Ensemble(["fgsm", MultiTargetPGD(steps=4, restarts=2)])
    assert [doubled(attack) for attack in (FGSM(), Square(), UniformNoise(), Ensemble(["fgsm"]))] == [None] * 4


def test_steps_are_known_by_the_names_that_attacks_have_for_them():
    assert doubled(CleverHans("basic_iterative_method")) == CleverHans("basic_iterative_method", nb_iter=20)
    assert doubled(CleverHans("madry_et_al", nb_iter=3)) == CleverHans("madry_et_al", nb_iter=6)
    assert [doubled(attack) for attack in (CleverHans(), CleverHans("spsa"))] == [None] * 2


class Brighter(kax.attacks.Attack):
    """A user's own attack, which says nothing of gradients."""

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon


def test_attacks_without_gradients_are_run_at_epsilon_0_only():
    spy = Executions()
    model = keras.Sequential([keras.Input((2, 2, 1)), spy, linear_model(np.eye(4)[:, :2], (2, 2, 1))])
    x, y = random_images(8, (2, 2, 1)), np.array([0, 1] * 4)
    classifier, settings = kax.ImageClassifier(model), kax.EvaluationSettings(attacks=[Brighter()], **PLAIN)
    report = kax.evaluate(model, (x, y), settings=settings, progress=False)
    audit(classifier, report, settings, [(x, y)])
    before = spy.seen.computed
    audit(classifier, report, settings, [(x, y)])
    assert spy.seen.computed - before == 2 + 2 + 4 + 3 + 2  # of the attack, a pass before and one after


PLAIN = {"explainers": (), "epsilons": (0.05, 0.1), "noise_control": False}


def test_it_takes_no_more_than_the_first_images(faces_model, test_faces):
    x, y = test_faces
    x, y = np.concatenate([x] * 3), np.concatenate([y] * 3)
    settings = kax.EvaluationSettings(attacks=Shifted(), **PLAIN)
    report = kax.evaluate(faces_model, (x, y), settings=settings, progress=False)
    classifier, taken = kax.ImageClassifier(faces_model), []

    def batches():
        for begin in range(0, 150, 50):
            taken.append(begin)
            yield x[begin : begin + 50], y[begin : begin + 50]
        raise AssertionError("no more are needed")

    found = {finding.id: finding for finding in audit(classifier, report, settings, batches())}
    assert taken == [0, 50, 100]
    assert "changes 128 of 128 images" in found["epsilon-zero-differs"]
    with pytest.raises(ValueError, match="at least one batch"):
        audit(classifier, report, settings, [])


@pytest.mark.slow
def test_targeted_attacks_and_data_without_labels_are_run_again_too(faces_model, test_faces):
    attacks = [FGSM(targeted=True), FGSM()]
    for data, targets in ((test_faces, 1 - test_faces[1]), (test_faces[0], "runner_up")):
        report = kax.evaluate(faces_model, data, attacks=attacks, attack_targets=targets, batch_size=32, **SETTINGS)
        assert not {"epsilon-zero-differs", "depends-on-scale", "other-predictions"} & set(findings(report))


@pytest.mark.slow
def test_another_output_than_the_one_that_was_evaluated(build, test_faces):
    wrong = kax.ImageClassifier(build("sigmoid"), from_logits=True)  # it is a probability
    error = findings(kax.evaluate(wrong, test_faces, attacks="fgsm", batch_size=20, **SETTINGS))["other-predictions"]
    assert error.severity == "error"
    assert "for 25 of 50 images. Its accuracy is 98.0 %, and was seen as 48.0 %." in error
    report = kax.evaluate(build("sigmoid"), test_faces, attacks="fgsm", **SETTINGS)
    assert "other-predictions" not in findings(report)


@pytest.mark.slow
def test_how_many_passes_they_take():
    spy = Executions()
    model = keras.Sequential([keras.Input((2, 2, 1)), spy, linear_model(np.eye(4)[:, :2], (2, 2, 1))])
    x, y = random_images(8, (2, 2, 1)), np.array([0, 1] * 4)
    computed = {}
    for checks in ("cheap", "all"):
        settings = {**SETTINGS, "checks": checks}
        kax.evaluate(model, (x, y), attacks="fgsm", **settings)
        before = spy.seen.computed
        kax.evaluate(model, (x, y), attacks="fgsm", **settings)
        computed[checks] = spy.seen.computed - before
    assert computed["cheap"] == 1 + 2  # clean, and at each epsilon
    # the model's own call twice; where gradients stop, twice; a tiny change and a small step, two each; pixels without
    # a gradient and those with one, and a clean pass; FGSM at epsilon 0 and for logits of two scales, each with one
    assert computed["all"] - computed["cheap"] == 2 + 2 + 4 + 3 + 3 * 2


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "linear"])
def test_a_classifier_with_other_logits(head, build, few):
    classifier = kax.ImageClassifier(build(head), from_logits=None)

    def look(model, x, factor):
        plain, scaled = model.forward(x), RescaledClassifier(model, factor).forward(x)
        return {name: [getattr(item, name) for item in (plain, scaled)] for name in NAMES}

    x = tf.constant(few[0])
    seen = classifier.compiled("look", look, x, tf.constant(10.0))
    for name in ("logits", "scores"):
        np.testing.assert_allclose(seen[name][1], 10 * seen[name][0], rtol=1e-6)
    np.testing.assert_array_equal(*seen["predictions"])
    np.testing.assert_allclose(seen["probabilities"][1], tf.nn.softmax(seen["logits"][1]), rtol=1e-5)
    again = classifier.compiled("look", look, x, tf.constant(1.0))
    np.testing.assert_allclose(*again["probabilities"], rtol=1e-5)


NAMES = ("logits", "scores", "probabilities", "predictions")


def test_independent_sigmoids_stay_independent(few):
    units = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3, "sigmoid")])
    classifier = kax.ImageClassifier(units)

    def look(model, x):
        forward = RescaledClassifier(model, 2.0).forward(x)
        return forward.logits, forward.probabilities

    logits, probabilities = classifier.compiled("look", look, tf.constant(few[0]))
    np.testing.assert_allclose(probabilities, tf.sigmoid(logits), rtol=1e-6)
