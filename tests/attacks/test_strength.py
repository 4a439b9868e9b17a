"""When an accuracy under some attacks is told to be but an upper bound, and what is advised then."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

import keras_advxai as kax
from keras_advxai.attacks import DDN, FGSM, PGD, Attack, Ensemble, ExplanationPGD, SignNoise, Square, UniformNoise
from keras_advxai.attacks.strength import takes_one_step, upper_bound, upper_bounds

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


def test_an_ensemble_takes_one_step_where_all_of_its_attacks_do():
    assert takes_one_step(Ensemble([FGSM(), FGSM(loss="margin")]))
    assert not takes_one_step(Ensemble([FGSM(), PGD()]))
    assert not takes_one_step(Ensemble([FGSM(), UniformNoise()]))  # which follows no gradient


@pytest.mark.parametrize(
    ("attacks", "said"),
    [
        ([FGSM()], SAID + STEPS),
        ([FGSM(), UniformNoise(), SignNoise()], SAID + STEPS),
        ([UniformNoise()], SAID + STEPS),
        ([FGSM(), FGSM(loss="margin")], SAID + STEPS),
        ([FGSM(), ExplanationPGD()], SAID + STEPS),  # which leaves the labels alone
        ([FGSM(), DDN()], SAID + STEPS),  # of the other norm
        ([Ensemble([FGSM(), FGSM(loss="margin")])], SAID + STEPS),
        ([Ensemble([UniformNoise(), FGSM()])], SAID + STEPS),
        ([Ensemble([FGSM(), PGD()])], ""),
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


def bounds(attacks, task: str = "classification", selected=None) -> dict[str, str]:
    """What is said of a report of these attacks, or of a part of it."""
    norms = {attack.name: attack.norm for attack in attacks if selected is None or attack.name in selected}
    settings = SimpleNamespace(attacks_and_controls=tuple(attacks))
    return upper_bounds(SimpleNamespace(provenance={"task": task}, norms=norms, settings=settings))


def test_a_report_is_told_of_the_norms_whose_attacks_take_one_step():
    linf, l2 = {"linf": SAID + STEPS}, {"l2": SAID + "PGD(norm='l2')"}
    assert bounds([FGSM(), UniformNoise()]) == linf
    assert bounds([FGSM(), FGSM(norm="l2"), UniformNoise()]) == {**linf, **l2}
    assert bounds([FGSM(norm="l2"), PGD()]) == l2
    assert bounds([FGSM(), PGD()]) == {}
    assert bounds([FGSM(), PGD()], selected=["fgsm"]) == linf
    assert bounds([FGSM()], "multi_label") == {"linf": SAID + "the attack 'pgd'"}
    assert bounds([FGSM()], "regression") == {}  # which has no accuracy


def test_nothing_is_told_of_a_report_whose_settings_cannot_be_read():
    class Unreadable:
        provenance, norms = {"task": "classification"}, {"fgsm": "linf"}

        @property
        def settings(self):
            raise ValueError("made by hand")

    assert upper_bounds(Unreadable()) == {}
