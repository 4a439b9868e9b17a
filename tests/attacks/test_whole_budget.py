"""Attacks where explanations are compared: the whole budget on all images."""

from __future__ import annotations

import inspect

import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import BIM, FGSM, MIFGSM, PGD, DeepFool, MultiTargetPGD, Square, UniformNoise

SIX = linear.weights(6)
X = linear.images(60)
MODEL = linear.model(SIX)
RIGHT = linear.predictions(MODEL, X)
LABELS = np.where(np.arange(60) % 3 == 0, (RIGHT + 1) % 6, RIGHT)  # a third is misclassified before
EPSILON = {"linf": 0.02, "l2": 0.06}
STOPPING = [
    PGD(steps=4),
    PGD(steps=4, norm="l2", restarts=2),
    PGD(steps=3, targeted=True),
    BIM(steps=3),
    MIFGSM(steps=3),
    MultiTargetPGD(steps=3, targets=3),
    Square(queries=12),
    Square(queries=12, norm="l2"),
]


def test_every_attack_that_stops_early_is_listed():
    asking = {cls for cls in kax.attacks.ALL_OBJECTS if "self.whole_budget" in inspect.getsource(cls)}
    assert {type(attack) for attack in STOPPING} == asking


def outcome(attack, labels=LABELS):
    """The norms of the perturbations, as shares of epsilon, and which images the attack succeeds on."""
    found = attack(MODEL, X, labels, EPSILON[attack.norm])
    hits = (linear.predictions(MODEL, found) == labels) == attack.targeted
    return linear.lengths(found - X, attack.norm) / EPSILON[attack.norm], hits


@pytest.mark.sampled(3)
@pytest.mark.parametrize("attack", STOPPING, ids=repr)
def test_every_image_is_changed_by_the_whole_budget_and_none_is_lost(attack):
    norms, early = outcome(attack)
    assert norms[early].min() < 0.01  # those that were misclassified before
    norms, hits = outcome(attack.with_whole_budget())
    np.testing.assert_allclose(norms, 1, atol=0.01)
    assert hits[early].all()
    assert hits.sum() >= early.sum()


def test_an_image_that_the_search_leads_back_to_its_label_stays_misclassified():
    """Square begins with stripes, which may undo by chance what deceives the model."""
    labels = (RIGHT + 1) % 6
    attack = Square(queries=1).with_whole_budget()
    found = attack(MODEL, X, labels, 0.2)
    assert (linear.predictions(MODEL, found) != labels).all()
    alone = Square(queries=1)(MODEL, X, RIGHT, 0.2)  # the same stripes
    assert (linear.predictions(MODEL, alone) == labels).any()


@pytest.mark.slow
def test_the_best_of_linear_classes_is_at_the_end_of_the_budget():
    two = linear.weights(2)
    x, y = linear.images(12), np.arange(12) % 2
    for attack in (PGD(), BIM(), MIFGSM(), MultiTargetPGD()):
        found = attack.with_whole_budget()(linear.model(two), x, y, 0.1)
        np.testing.assert_allclose(found, linear.optimum(x, y, two, 0.1, "linf"), atol=1e-5)


@pytest.mark.slow
def test_what_the_user_chose_counts():
    for cls in (PGD, MultiTargetPGD):
        chosen, usual = cls(steps=2, keep="first_hit"), cls(steps=2)
        np.testing.assert_array_equal(outcome(chosen.with_whole_budget())[0], outcome(usual)[0])
        np.testing.assert_array_equal(outcome(usual.with_whole_budget())[0], outcome(cls(steps=2, keep="best"))[0])
    with pytest.raises(ValueError, match="must be 'first_hit' or 'best', or None"):
        MultiTargetPGD(keep="last")


def test_it_is_the_same_attack_by_another_demand():
    attack = PGD(steps=3)
    whole = attack.with_whole_budget()
    assert (whole.name, whole.get_config(), repr(whole)) == (attack.name, attack.get_config(), repr(attack))
    assert whole != attack  # they share no trace
    assert whole == whole.with_whole_budget() == PGD(steps=3).with_whole_budget()
    assert hash(whole) == hash(PGD(steps=3).with_whole_budget())
    assert not attack.whole_budget
    with pytest.raises(AttributeError, match="immutable"):
        whole.whole_budget = False


def test_ensembles_and_minimum_norm_attacks_stay_what_they_are():
    for attack in (kax.attacks.get("quick"), DeepFool(), kax.attacks.DDN()):
        assert attack.with_whole_budget() is attack


@pytest.mark.parametrize("attack", [FGSM(), UniformNoise()], ids=repr)
def test_what_never_stops_early_does_the_same(attack):
    np.testing.assert_array_equal(outcome(attack.with_whole_budget())[0], outcome(attack)[0])


class Half(kax.attacks.Attack):
    """One of a user's own, which stops halfway unless it is asked not to."""

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon * tf.ones_like(x) * (1 if self.whole_budget else 0.5)


class Steady(PGD):
    """A subclass whose constructor takes something else."""

    def __init__(self, *, count=3):
        super().__init__(steps=count)
        self.count = count


def test_a_users_attack_can_ask_for_it():
    np.testing.assert_allclose(
        [outcome(Half())[0].max(), outcome(Half().with_whole_budget())[0].max()], [0.5, 1], rtol=1e-5
    )
    np.testing.assert_allclose(outcome(Steady().with_whole_budget())[0], 1, atol=0.01)
