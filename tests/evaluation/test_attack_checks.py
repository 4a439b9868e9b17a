"""Signs that a figure tells of a weak attack instead of a robust model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, MultiTargetPGD, Square, UniformNoise
from keras_advxai.evaluation import Samples
from keras_advxai.evaluation.attack_checks import attack_findings

COUNT = 200
EPSILONS = (0.1, 0.2)
RIGHT = np.zeros(COUNT, int)


def outcome(wrong, lengths=None, outside=None, zero=()):
    """Samples in which so many images are misclassified: attack to a number for each strength."""
    attacked = {
        attack.name: np.stack([(np.arange(COUNT) < number).astype(int) for number in numbers])
        for attack, numbers in wrong.items()
    }
    whole = np.broadcast_to(np.array(EPSILONS)[:, None], (2, COUNT))
    return Samples(
        EPSILONS,
        RIGHT,
        RIGHT,
        np.ones(COUNT),
        attacked,
        {},
        {},
        {},
        lengths={attack.name: whole * (1 if lengths is None else lengths) for attack in wrong},
        outside={attack.name: np.zeros((2, COUNT), bool) if outside is None else outside for attack in wrong},
        zero_gradients={name: share > np.arange(COUNT) / COUNT for name, share in zero},
    )


def found(samples, *attacks, explains=False):
    return {finding.id: finding for finding in attack_findings(samples, attacks, explains)}


def test_what_is_as_it_should_be_raises_nothing():
    attacks = (FGSM(), PGD(), MultiTargetPGD(), Square(), UniformNoise())
    numbers = {FGSM(): (50, 90), PGD(): (70, 120), MultiTargetPGD(): (71, 121), Square(): (40, 80)}
    assert not found(outcome({**numbers, UniformNoise(): (5, 20)}, zero=[("fgsm", 0.0)]), *attacks, explains=True)


@pytest.mark.parametrize(
    ("wrong", "id", "text"),
    [
        ({PGD(): (70, 60)}, "not-monotone", "turns fewer images at epsilon 0.2 than at a smaller one, by 5.0 points"),
        (
            {PGD(): (50, 90), FGSM(): (60, 90)},
            "weaker-than-single-step",
            "than fgsm, by 5.0 points at epsilon 0.1",
        ),
        ({FGSM(): (50, 60), UniformNoise(): (50, 80)}, "weaker-than-noise", "by 10.0 points at epsilon 0.2"),
        ({PGD(): (50, 60), MultiTargetPGD(): (55, 60)}, "weaker-than-multi-target", "by 2.5 points at epsilon 0.1"),
        ({PGD(): (50, 60), Square(): (51, 60)}, "black-box-stronger", "turns 1 images at epsilon 0.1"),
    ],
)
def test_what_contradicts_itself_is_found(wrong, id, text):
    findings = found(outcome(wrong), *wrong)
    assert set(findings) == {id}
    assert text in findings[id]
    assert findings[id].severity == "warning"


def test_a_point_is_no_difference_and_norms_do_not_compare():
    assert not found(outcome({PGD(): (50, 60), FGSM(): (52, 60)}), PGD(), FGSM())
    assert not found(outcome({PGD(): (50, 60), FGSM(norm="l2"): (90, 90)}), PGD(), FGSM(norm="l2"))
    assert not found(outcome({FGSM(): (50, 40)}), FGSM())  # a single step may overshoot
    assert not found(outcome({PGD(norm="l2"): (50, 60), DDN(): (60, 70)}), PGD(norm="l2"), DDN())  # it takes many


def test_budgets():
    assert found(outcome({FGSM(): (1, 2)}, lengths=1.01), FGSM())["budget-exceeded"].severity == "error"
    outside = np.eye(2, COUNT, dtype=bool)
    assert (
        "0 images by more than epsilon, and 2 beyond"
        in found(outcome({FGSM(): (1, 2)}, outside=outside), FGSM())["budget-exceeded"]
    )
    unused = found(outcome({FGSM(): (100, 200)}, lengths=0.5), FGSM())["unused-budget"]
    assert "100.0 % of the images that withstood it" in unused
    assert "unused-budget" not in found(outcome({UniformNoise(): (100, 200)}, lengths=0.5), UniformNoise())


def test_zero_gradients_few_images_and_no_noise():
    assert "on 5.0 % of the images" in found(outcome({FGSM(): (1, 2)}, zero=[("fgsm", 0.05)]), FGSM())["zero-gradients"]
    assert "no-noise-control" in found(outcome({FGSM(): (1, 2)}), FGSM(), explains=True)


@pytest.fixture(scope="module")
def large(build):
    """The trained model with logits 200 times as large."""
    model = build()
    head = model.get_layer("head")
    head.set_weights([200 * weight for weight in head.get_weights()])
    return model


def ids(report):
    return {finding.id for finding in report.warnings}


def test_cross_entropy_on_a_confident_model_has_no_gradient_and_log_odds_has(large, test_faces):
    settings = {"explainers": (), "epsilons": (0.02, 0.05), "progress": False}
    masked = kax.evaluate(large, test_faces, attacks=FGSM(loss="cross_entropy"), **settings)
    assert {"zero-gradients", "unused-budget", "few-images"} <= ids(masked)
    plain = kax.evaluate(large, test_faces, attacks=[FGSM(), PGD()], **settings)
    assert ids(plain) == {"few-images", "saturated-logits"}  # the second is for whoever uses another loss
    assert plain.accuracy("fgsm", 0.05) < masked.accuracy(FGSM(loss="cross_entropy"), 0.05)


class Noisy(keras.layers.Layer):
    def call(self, x):
        return x + tf.random.normal(tf.shape(x), stddev=0.2)


class Counting(keras.layers.Layer):
    def build(self, shape):
        self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, x):
        self.count.assign(self.count + 1)
        return x


def with_first(layer, model):
    return keras.Sequential([keras.Input((25, 25, 1)), layer, model])


@pytest.mark.parametrize(
    ("layer", "id"), [(Noisy(), "random-model"), (Counting(), "stateful-model"), (keras.layers.Rescaling(1.0), None)]
)
def test_models_that_are_random_or_change_their_state(layer, id, build, test_faces):
    model = with_first(layer, build())
    before = [np.array(weight) for weight in model.get_weights()]
    settings = {"explainers": (), "epsilons": (0.02, 0.05), "progress": False}
    report = kax.evaluate(model, test_faces, checks="all", **settings)
    assert ids(report) & {"random-model", "stateful-model", "other-predictions"} == ({id} if id else set())
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not ids(kax.evaluate(model, test_faces, **settings)) & {"random-model", "stateful-model"}


def test_unknown_checks(faces_model):
    with pytest.raises(ValueError, match=r"`checks` must be 'cheap' or 'all'\. Received: checks='some'"):
        kax.evaluate(faces_model, np.zeros((1, 25, 25, 1)), checks="some")


class Broken(kax.attacks.Attack):
    """Returns what is no number."""

    def perturb(self, model, x, y, radius, forward):
        return x * float("nan")


class Darker(kax.attacks.Attack):
    def perturb(self, model, x, y, radius, forward):
        return x - radius


def test_an_attack_that_returns_nan_is_an_error(faces_model, few):
    settings = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}
    report = kax.evaluate(faces_model, few, attacks=["fgsm", Broken()], **settings)
    said = {finding.id: finding for finding in report.warnings}
    assert said["budget-exceeded"].startswith(
        "broken changed 6 images by more than epsilon, and 6 beyond the bounds or"
    )
    assert said["budget-exceeded"].severity == "error"


def test_outputs_that_are_no_numbers_under_an_attack_are_an_error():
    root = keras.layers.Lambda(lambda x: keras.ops.sqrt(x - 0.2))
    model = keras.Sequential([keras.Input((4, 4, 1)), root, keras.layers.Flatten(), keras.layers.Dense(2)])
    x = np.full((3, 4, 4, 1), 0.3, "float32")
    settings = {"explainers": (), "epsilons": (0.05, 0.15), "noise_control": False, "progress": False}
    report = kax.evaluate(model, x, attacks=[Darker()], **settings)
    said = {finding.id: finding for finding in report.warnings}
    assert said["not-finite"].startswith("Under darker the model's outputs are NaN or infinite for 3 of 3 images")
    assert said["not-finite"].severity == "error"
    again = type(report).from_json(report.to_json()).samples.broken["darker"]
    np.testing.assert_array_equal(again, [[False] * 3, [True] * 3])


def test_cleverhans_attacks_are_looked_at_like_ours(large, test_faces):
    """Where its L2 attacks hardly move, as the floor under the gradient's norm makes them, they fail below budget."""
    x, y = test_faces
    attack = kax.attacks.CleverHans("projected_gradient_descent", norm="l2", loss="cross_entropy", nb_iter=3)
    settings = {"explainers": (), "epsilons": (1.0,), "noise_control": False, "progress": False}
    report = kax.evaluate(large, (x, y), attacks=[attack], **settings)
    assert "unused-budget" in {finding.id for finding in report.warnings}


def test_each_loss_is_looked_at_and_a_multi_target_attack_alone_has_none(large, test_faces):
    x, y = test_faces
    settings = {"explainers": (), "epsilons": (0.02,), "noise_control": False, "progress": False}
    attacks = [FGSM(), FGSM(loss="cross_entropy"), PGD(loss="cross_entropy", steps=2)]
    report = kax.evaluate(large, (x, y), attacks=attacks, **settings)
    assert set(report.samples.zero_gradients) == {"fgsm", "fgsm_cross_entropy"}
    assert "fgsm_cross_entropy" in next(item for item in report.warnings if item.id == "zero-gradients")
    alone = kax.evaluate(large, (x[:8], y[:8]), attacks=MultiTargetPGD(steps=2), **settings)
    assert not alone.samples.zero_gradients


def test_a_model_that_knows_one_class_is_told_of(test_faces):
    x, y = test_faces
    stack = [keras.Input((25, 25, 1)), keras.layers.Flatten(), keras.layers.Dense(2, bias_initializer="ones")]
    model = keras.Sequential(stack)
    model.set_weights([np.zeros((625, 2)), np.array([0.0, 5.0])])
    settings = {"attacks": UniformNoise(), "explainers": (), "epsilons": (0.1,), "progress": False}
    assert "one-class" in ids(kax.evaluate(model, (x, y), **settings))
    ones = y == 1
    assert "one-class" not in ids(kax.evaluate(model, (x[ones], y[ones]), **settings))
