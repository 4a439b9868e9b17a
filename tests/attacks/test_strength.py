"""When an accuracy under some attacks is told to be but an upper bound, and what is advised then."""

from __future__ import annotations

import itertools

import pytest

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Attack, ExplanationPGD, SignNoise, Square, UniformNoise
from keras_advxai.attacks.strength import takes_one_step, upper_bound

SAID = "no attack here takes more than one step; add "
STEPS = "the attack 'pgd' or 'quick'"


class Own(Attack):
    """Of a user's own, of any kind."""

    def __init__(self, *, aim: str, uses_gradients: bool, iterative: bool, fills_budget: bool) -> None:
        super().__init__()
        self.aim, self.uses_gradients = aim, uses_gradients
        self.iterative, self.fills_budget = iterative, fills_budget

    def perturb(self, model, x, y, epsilon, forward):
        return x


def test_one_step_is_what_follows_a_gradient_to_the_end_of_the_budget_without_another_one():
    for aim, *flags in itertools.product(("label", "explanation", "noise"), *[(False, True)] * 3):
        attack = Own(aim=aim, **dict(zip(("uses_gradients", "iterative", "fills_budget"), flags, strict=True)))
        assert takes_one_step(attack) == (aim == "label" and flags == [True, False, True]), attack


@pytest.mark.parametrize(
    ("attacks", "said"),
    [
        ([FGSM()], SAID + STEPS),
        ([FGSM(), UniformNoise(), SignNoise()], SAID + STEPS),
        ([UniformNoise()], SAID + STEPS),
        ([FGSM(), FGSM(loss="margin")], SAID + STEPS),
        ([FGSM(), ExplanationPGD()], SAID + STEPS),  # which leaves the labels alone
        ([FGSM(), DDN()], SAID + STEPS),  # of the other norm
        ([FGSM(), PGD()], ""),
        ([UniformNoise(), PGD()], ""),
        ([FGSM(), Square()], ""),
        ([ExplanationPGD()], ""),
        ([DDN()], ""),
        ([], ""),
    ],
    ids=str,
)
def test_it_is_an_upper_bound_where_no_attack_takes_a_second_step(attacks, said):
    assert upper_bound(attacks, "classification") == said
    assert upper_bound(iter(attacks), "classification", "linf") == said


def test_of_each_norm_it_is_told_by_itself():
    attacks = [FGSM(norm="l2"), UniformNoise(norm="l2"), PGD()]
    assert upper_bound(attacks, "classification", "linf") == ""
    assert upper_bound(attacks, "classification", "l2") == SAID + "PGD(norm='l2')"


def test_what_is_advised_beside_one_step_is_for_the_task():
    assert upper_bound([FGSM()], "multi_label") == SAID + "the attack 'pgd'"
    for name in ("pgd", "quick"):
        assert upper_bound([FGSM(), kax.attacks.get(name)], "classification") == ""
