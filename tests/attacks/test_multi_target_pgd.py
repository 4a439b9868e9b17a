"""The attack towards every class: exact on linear models of six classes."""

from __future__ import annotations

import helpers
import keras
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import PGD, MultiTargetPGD

pytestmark = pytest.mark.sampled(3)

NORMS = ("linf", "l2")
SIX = linear.weights(6)
X = linear.images(200)
Y = linear.predictions(linear.model(SIX), X)
EPSILON = {"linf": 0.02, "l2": 0.06}


def deceived(attack, model, x=X, y=Y) -> np.ndarray:
    return linear.predictions(model, attack(model, x, y, EPSILON[attack.norm])) != y


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("norm", NORMS)
def test_of_six_linear_classes_it_succeeds_on_exactly_those_that_can_be_misclassified(norm, scale, activation):
    possible = linear.leads(X, Y, SIX, EPSILON[norm], norm).max(1)
    clear = np.abs(possible) > 1e-3
    assert 40 < (possible > 0).sum() < 160
    found = deceived(MultiTargetPGD(norm=norm), linear.model(scale * SIX, activation))
    np.testing.assert_array_equal(found[clear], (possible > 0)[clear])


@pytest.mark.parametrize("norm", NORMS)
def test_towards_one_class_it_reaches_what_that_class_allows(norm):
    """The likeliest wrong class alone."""
    logits = X.reshape(200, 16) @ SIX
    second = np.argsort(logits)[:, -2]
    possible = linear.leads(X, Y, SIX, EPSILON[norm], norm)
    only = possible[np.arange(200), second]
    found = deceived(MultiTargetPGD(norm=norm, targets=1), linear.model(SIX))
    assert found[only > 1e-3].all()
    assert not found[possible.max(1) < -1e-3].any()
    assert not (found & ~deceived(MultiTargetPGD(norm=norm), linear.model(SIX))).any()


def test_of_two_classes_it_is_pgd(model, few):
    attack, same = MultiTargetPGD(steps=4), PGD(steps=4, loss="margin")
    assert np.mean(np.abs(attack(model, *few, 0.1) - same(model, *few, 0.1)) > 1e-5) < 0.005


@pytest.mark.parametrize("loss", ["margin", "log_odds", "cross_entropy", "dlr"])
@pytest.mark.parametrize("norm", NORMS)
def test_every_loss_leads_away_from_the_label(norm, loss):
    possible = linear.leads(X, Y, SIX, EPSILON[norm], norm).max(1) > 0
    found = deceived(MultiTargetPGD(norm=norm, loss=loss, steps=20), linear.model(SIX))
    assert found.sum() > 0.8 * possible.sum()


@pytest.mark.parametrize(
    "changed",
    [
        {"norm": "l2"},
        {"loss": "dlr"},
        {"targets": 1},
        {"steps": 3},
        {"step_size": 0.1},
        {"schedule": "cosine"},
        {"restarts": 2, "step_size": 0.05},
        {"start": "uniform"},
        {"start": "uniform", "seed": 1},
    ],
    ids=str,
)
def test_every_option_changes_the_result(changed):
    base = {"step_size": 0.05} if "restarts" in changed else {}
    if "seed" in changed:
        base = {"start": "uniform"}
    before, after = (
        MultiTargetPGD(**{"steps": 4, **base, **more})(linear.model(SIX), X, Y, 0.02) for more in ({}, changed)
    )
    assert np.abs(after - before).max() > 1e-3


def test_what_is_misclassified_already_and_what_epsilon_0_allows_stay_as_they_are():
    labels = np.where(np.arange(200) % 2, Y, (Y + 1) % 6)
    found = MultiTargetPGD(steps=2)(linear.model(SIX), X, labels, 0.05)
    np.testing.assert_array_equal(found[::2], X[::2])
    np.testing.assert_array_equal(MultiTargetPGD(steps=2)(linear.model(SIX), X, Y, 0.0), X)


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_neither_the_batch_nor_the_order_changes_what_is_misclassified(norm):
    attack = MultiTargetPGD(norm=norm, restarts=2, start="uniform", steps=5)
    model = linear.model(SIX)
    whole, order = deceived(attack, model), np.random.default_rng(0).permutation(200)
    assert np.sum(deceived(attack, model, X[order], Y[order]) != whole[order]) <= 1  # of 200: on the edge of the budget
    for size in (128, 37, 16):
        parts = [deceived(attack, model, X[i : i + size], Y[i : i + size]) for i in range(0, 200, size)]
        assert np.sum(np.concatenate(parts) != whole) <= 1


def test_survivors_alone_go_on_to_the_next_class():
    spy = helpers.Executions()
    model = keras.Sequential([keras.Input(linear.SHAPE), spy, linear.model(SIX)])
    attack = MultiTargetPGD(steps=3)
    attack(model, X, Y, 0.0)
    spy.seen.computed = 0
    attack(model, X, Y, 1.0)
    easy = spy.seen.computed
    attack(model, X, Y, 1e-6)
    assert spy.seen.computed - easy == 1 + 5 * (3 + 1)  # the clean pass; three steps and a check for each class
    assert easy < 10


def test_the_graph_does_not_grow_with_targets_steps_and_restarts(build):

    model = build()
    specs = tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32)
    inputs = keras.Input(helpers.SHAPE)
    three = keras.Model(inputs, keras.layers.Dense(5)(model.get_layer("mean")(model.get_layer("conv1")(inputs))))
    for attack in (MultiTargetPGD(targets=2, steps=2), MultiTargetPGD(targets=4, steps=9, restarts=3)):
        classifier = kax.ImageClassifier(three)
        found = helpers.counted_operations(tf.function(lambda x, y, a=attack, c=classifier: a(c, x, y, 0.1)), *specs)
        assert (found["Conv2D"], found["Conv2DBackpropInput"]) == (3, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": 0}, "`targets` must be an integer of at least 1. Received: targets=0"),
        ({"loss": "margins"}, "`loss` must be one of .* Did you mean 'margin'"),
        ({"norm": "l0"}, "`norm` must be one of"),
        ({"step_size": 0}, "`step_size` must be above 0"),
    ],
    ids=str,
)
@pytest.mark.sampled(1)  # they take no time
def test_bad_options_are_refused_with_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        MultiTargetPGD(**options)


def test_dlr_needs_three_classes(model, few):
    with pytest.raises(ValueError, match=r"2 classes. Pass loss='margin'"):
        MultiTargetPGD(loss="dlr")(model, *few, 0.1)


def test_the_first_attempt_towards_each_class_begins_at_the_image():
    # The second class is ahead of the third, and one step of half the budget reaches the third alone.
    weights = np.array([[0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1], [4, -4, 4, -4]], "float32").T
    model = helpers.linear_model(weights, (2, 2, 1), bias=[0, -0.3, -0.5])
    x = np.full((1, 2, 2, 1), 0.5, "float32")
    found = MultiTargetPGD(targets=2, steps=1, step_size=0.5)(model, x, [0], 0.1)
    np.testing.assert_allclose(found.ravel() - 0.5, [0.05, -0.05, 0.05, -0.05], atol=1e-6)
