"""Signs that a figure reflects a weak attack instead of a robust model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Ensemble, ExplanationPGD, MultiTargetPGD, Square, UniformNoise
from keras_advxai.checks import Evidence, findings
from keras_advxai.contrib import CleverHans
from keras_advxai.evaluation import Coordinates, Measurements

COUNT = 200
EPSILONS = (0.1, 0.2)


class RandomSigns(kax.attacks.Attack):
    """A user's own attack without gradients."""

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon * tf.sign(tf.random.stateless_uniform(tf.shape(x), (0, 1), -1.0, 1.0))


class OwnSteps(RandomSigns):
    """A user's own attack that says that it follows gradients in steps."""

    uses_gradients = True
    iterative = True
    fills_budget = True


def outcome(wrong, norms=None, out_of_bounds=None, zero=(), explainers=(), targets=0):
    """What the checks look at where so many of 200 images become class 1: attack to a number for each epsilon."""
    coordinates = Coordinates(
        tuple(attack.name for attack in wrong), explainers, ("nissim",), ("predicted",), EPSILONS, classes=3
    )
    predictions = [(np.arange(COUNT) < number).astype(int) for numbers in wrong.values() for number in numbers]
    whole = np.broadcast_to(np.array(EPSILONS)[:, None], (2, COUNT)) * (1 if norms is None else norms)
    share = dict(zero)
    measurements = Measurements.of(
        coordinates,
        label=np.zeros(COUNT, int),
        prediction=[np.zeros(COUNT, int), *predictions],
        confidence=np.ones((1 + len(predictions), COUNT)),
        perturbation_norm=[whole] * len(wrong),
        out_of_bounds=[np.zeros((2, COUNT), bool) if out_of_bounds is None else out_of_bounds] * len(wrong),
        zero_gradient=[share.get(attack.name, 0) > np.arange(COUNT) / COUNT for attack in wrong],
        attack_target=[np.full(COUNT, -1) + (1 + targets) * attack.targeted for attack in wrong],
        dissimilarity=np.zeros((1, len(explainers), 1, len(wrong), 2, COUNT)),
    )
    return Evidence(measurements, tuple(wrong))


def found(evidence):
    return {finding.id: finding for finding in findings(evidence)}


def test_what_is_as_it_should_be_raises_nothing():
    numbers = {FGSM(): (50, 90), PGD(): (70, 120), MultiTargetPGD(): (71, 121), Square(): (40, 80)}
    wrong = {**numbers, RandomSigns(): (30, 60), UniformNoise(): (5, 20)}
    assert not found(outcome(wrong, zero=[("fgsm", 0.0)], explainers=("grad_cam",)))


@pytest.mark.parametrize(
    ("wrong", "id", "text"),
    [
        (
            {PGD(): (70, 60)},
            "not-monotone",
            "succeeds on fewer images at epsilon 0.2 than at a smaller one, by 5.0 points",
        ),
        (
            {PGD(): (50, 90), FGSM(): (60, 90)},
            "weaker-than-single-step",
            "than fgsm, by 5.0 points at epsilon 0.1",
        ),
        ({FGSM(): (50, 60), UniformNoise(): (50, 80)}, "weaker-than-noise", "by 10.0 points at epsilon 0.2"),
        ({PGD(): (50, 60), MultiTargetPGD(): (55, 60)}, "weaker-than-multi-target", "by 2.5 points at epsilon 0.1"),
        ({PGD(): (50, 60), Square(): (51, 60)}, "black-box-stronger", "succeeds on 1 images at epsilon 0.1"),
        (
            {PGD(): (50, 60), RandomSigns(): (50, 65)},
            "black-box-stronger",
            "random_signs, which uses no gradients, succeeds on 5 images at epsilon 0.2",
        ),
        ({OwnSteps(): (50, 60), Square(): (50, 65)}, "black-box-stronger", "square, which uses no gradients"),
        (
            {OwnSteps(): (50, 60), FGSM(): (60, 60)},
            "weaker-than-single-step",
            "own_steps succeeds on fewer images than fgsm",
        ),
        ({OwnSteps(): (50, 60), UniformNoise(): (60, 60)}, "weaker-than-noise", "own_steps succeeds on fewer images"),
        ({OwnSteps(): (50, 40)}, "not-monotone", "own_steps succeeds on fewer images at epsilon 0.2"),
    ],
)
def test_what_contradicts_itself_is_found(wrong, id, text):
    said = found(outcome(wrong))
    assert set(said) == {id}
    assert text in said[id]
    assert said[id].severity == "warning"


def test_a_point_is_no_difference_and_norms_do_not_compare():
    assert not found(outcome({PGD(): (50, 60), FGSM(): (52, 60)}))
    assert set(found(outcome({PGD(): (50, 60), FGSM(norm="l2"): (90, 90)}))) == {"l2-epsilon"}
    assert not found(outcome({FGSM(): (50, 40)}))  # a single step may overshoot
    assert set(found(outcome({PGD(norm="l2"): (50, 60), DDN(): (60, 70)}))) == {"l2-epsilon"}  # it takes many


def test_what_an_attack_of_ones_own_is_its_class_says():
    """One without gradients is no measure for others without, and not held to what attacks with gradients must do."""
    assert not found(outcome({RandomSigns(): (50, 60), Square(): (60, 70)}))
    assert not found(outcome({RandomSigns(): (5, 4), FGSM(): (50, 60), UniformNoise(): (20, 30)}, norms=1))
    assert not found(outcome({RandomSigns(): (50, 60)}, norms=0.5))  # it need not use its budget
    assert "unused-budget" in found(outcome({OwnSteps(): (50, 60)}, norms=0.5))
    assert not found(outcome({CleverHans("spsa"): (50, 60), Square(): (60, 70)}))
    assert set(found(outcome({CleverHans(): (50, 60), CleverHans("spsa"): (50, 65)}))) == {"black-box-stronger"}
    only = Ensemble([RandomSigns(), "square"])
    assert not found(outcome({only: (50, 60), Square(): (60, 70)}))
    assert set(found(outcome({Ensemble(["fgsm", "square"]): (50, 60), Square(): (60, 70)}))) == {"black-box-stronger"}


def test_what_is_after_an_explanation_is_not_held_to_labels():
    wrong = {ExplanationPGD(): (9, 0), FGSM(): (50, 60), UniformNoise(): (20, 30), Square(): (50, 60)}
    assert not found(outcome(wrong))


def test_budgets():
    assert found(outcome({FGSM(): (1, 2)}, norms=1.01))["budget-exceeded"].severity == "error"
    out_of_bounds = np.eye(2, COUNT, dtype=bool)
    said = found(outcome({FGSM(): (1, 2)}, out_of_bounds=out_of_bounds))["budget-exceeded"]
    assert "0 images by more than epsilon, and 2 beyond" in said
    unused = found(outcome({FGSM(): (100, 200)}, norms=0.5))["unused-budget"]
    assert "100.0 % of the images on which it failed" in unused
    assert "unused-budget" not in found(outcome({UniformNoise(): (100, 200)}, norms=0.5))


def test_zero_gradients_and_no_noise():
    assert "on 5.0 % of the images" in found(outcome({FGSM(): (1, 2)}, zero=[("fgsm", 0.05)]))["zero-gradients"]
    assert "no-noise-control" in found(outcome({FGSM(): (1, 2)}, explainers=("grad_cam",)))


def test_targeted_attacks_are_compared_with_their_own_kind():
    targeted, norms = PGD(targeted=True), 1.0 * (np.arange(COUNT) >= 100)

    def checked(numbers, targets):
        return set(found(outcome(numbers, norms=norms, targets=targets)))

    ones = np.ones(COUNT, int)
    assert checked({targeted: (20, 30), FGSM(): (90, 150), Square(): (10, 20)}, ones) == {"unused-budget"}
    assert "weaker-than-single-step" in checked({targeted: (20, 30), FGSM(targeted=True): (90, 150)}, ones)
    assert "not-monotone" in checked({targeted: (30, 20)}, ones)
    assert "not-monotone" not in checked({targeted: (30, 20)}, 2 * ones)  # it never reaches its class
    mixed = np.where(np.arange(COUNT) < 100, 0, 1)  # those of the class are left as they are
    assert not checked({targeted: (0, 0)}, mixed)


@pytest.fixture(scope="module")
def large(build):
    """The trained model with logits 200 times as large."""
    model = build()
    head = model.get_layer("head")
    head.set_weights([200 * weight for weight in head.get_weights()])
    return model


def ids(report):
    return {finding.id for finding in report.warnings}


@pytest.mark.slow
def test_cross_entropy_on_a_confident_model_has_no_gradient_and_log_odds_has(large, test_faces):
    settings = {"explainers": (), "epsilons": (0.02, 0.05), "progress": False}
    masked = kax.evaluate(large, test_faces, attacks=FGSM(loss="cross_entropy"), **settings)
    assert {"zero-gradients", "unused-budget", "few-images"} <= ids(masked)
    plain = kax.evaluate(large, test_faces, attacks=[FGSM(), PGD()], **settings)
    assert ids(plain) == {"few-images", "saturated-logits"}  # the second is for whoever uses another loss
    assert plain.accuracy("fgsm", 0.05) < masked.accuracy(FGSM(loss="cross_entropy"), 0.05)


def test_unknown_checks(faces_model):
    with pytest.raises(ValueError, match=r"`checks` must be one of cheap, all\. Received: checks='some'"):
        kax.evaluate(faces_model, np.zeros((1, 25, 25, 1)), checks="some")


class Broken(kax.attacks.Attack):
    """Returns what is no number."""

    def perturb(self, model, x, y, epsilon, forward):
        return x * float("nan")


def test_an_attack_that_returns_nan_is_an_error(faces_model, few):
    settings = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}
    report = kax.evaluate(faces_model, few, attacks=["fgsm", Broken()], **settings)
    said = {finding.id: finding for finding in report.warnings}
    assert said["budget-exceeded"].startswith(
        "broken changed 6 images by more than epsilon, and 6 beyond the bounds or"
    )
    assert said["budget-exceeded"].severity == "error"


def test_cleverhans_attacks_are_looked_at_like_ours(large, test_faces):
    """Where its L2 attacks hardly move, as the floor under the gradient's norm makes them, they fail below budget."""
    x, y = test_faces
    attack = kax.contrib.CleverHans("projected_gradient_descent", norm="l2", loss="cross_entropy", nb_iter=3)
    settings = {"explainers": (), "epsilons": (1.0,), "noise_control": False, "progress": False}
    report = kax.evaluate(large, (x, y), attacks=[attack], **settings)
    assert "unused-budget" in {finding.id for finding in report.warnings}


@pytest.mark.slow
def test_each_loss_is_looked_at_and_a_multi_target_attack_alone_has_none(large, test_faces):
    x, y = test_faces
    settings = {"explainers": (), "epsilons": (0.02,), "noise_control": False, "progress": False}
    attacks = [FGSM(), FGSM(loss="cross_entropy"), PGD(loss="cross_entropy", steps=2)]
    report = kax.evaluate(large, (x, y), attacks=attacks, **settings)
    zero = {name: report.measurements.at("zero_gradient", attack=name).any() for name in report.attacks}
    assert zero == {"fgsm": False, "fgsm_cross_entropy": True, "pgd_cross_entropy_steps2": False}
    assert "fgsm_cross_entropy" in next(item for item in report.warnings if item.id == "zero-gradients")
    alone = kax.evaluate(large, (x[:8], y[:8]), attacks=MultiTargetPGD(steps=2), **settings)
    assert not alone.measurements.at("zero_gradient").any()
