"""What each class of attacks says it is."""

from __future__ import annotations

import inspect
import re

import pytest

import keras_advxai as kax
from keras_advxai.attacks import (
    BIM,
    DDN,
    FGSM,
    MIFGSM,
    PGD,
    Attack,
    DeepFool,
    Ensemble,
    ExplanationPGD,
    GradientAttack,
    MinimumNormAttack,
    MultiTargetPGD,
    SignNoise,
    Square,
    UniformNoise,
)

KINDS = {
    FGSM: ("label", True, False, True),
    PGD: ("label", True, True, True),
    BIM: ("label", True, True, True),
    MIFGSM: ("label", True, True, True),
    MultiTargetPGD: ("label", True, True, True),
    ExplanationPGD: ("explanation", True, True, False),
    DDN: ("label", True, True, True),
    DeepFool: ("label", True, True, True),
    Square: ("label", False, False, False),
    UniformNoise: ("noise", False, False, False),
    SignNoise: ("noise", False, False, False),
}


def kind(attack: Attack) -> tuple[str, bool, bool, bool]:
    return attack.aim, attack.uses_gradients, attack.iterative, attack.fills_budget


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.__name__)
def test_each_class_says_what_it_is(cls):
    assert kind(cls()) == KINDS[cls]


def test_every_attack_found_by_name_is_listed_here():
    """Those of contributed adapters and ensembles, which depend on their hyperparameters, are tested by themselves."""
    ours = {cls for cls in kax.attacks.ALL_OBJECTS if cls.__name__ not in ("CleverHans", "Ensemble")}
    assert ours == set(KINDS)


class Brighten(Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon


class OwnGradient(GradientAttack):
    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon * self.gradient(forward, y)


class OwnSearch(MinimumNormAttack):
    def minimize(self, model, inputs, y, forward):
        return model.images_of(inputs)


def test_a_users_attack_uses_no_gradients_unless_it_says_so():
    assert kind(Brighten()) == ("label", False, False, False)
    assert kind(OwnGradient()) == ("label", True, False, True)
    assert kind(OwnSearch()) == ("label", False, True, False)


def test_an_ensemble_is_what_its_attacks_are():
    assert kind(Ensemble([Brighten(), "square"])) == ("label", False, False, False)
    assert kind(Ensemble(["square", "fgsm"])) == ("label", True, False, False)
    assert kind(Ensemble(["fgsm", "pgd"])) == ("label", True, True, False)
    assert kind(kax.attacks.get("quick")) == ("label", True, True, False)


def test_what_an_attack_is_cannot_be_changed_and_is_no_hyperparameter():
    attack = Ensemble(["fgsm"])
    with pytest.raises(AttributeError, match="immutable"):
        attack.uses_gradients = False
    assert set(attack.get_config()) == {"attacks"}
    assert attack.name == "ensemble_fgsm"


def test_the_docstring_of_the_base_class_lists_the_attributes():
    text = inspect.getdoc(Attack).split("Attributes:")[1].split("Args:")[0]
    declared = [name for name in Attack.__annotations__ if not name.startswith("_")]
    assert re.findall(r"^    (\w+): ", text, re.MULTILINE) == declared


def test_noise_is_what_it_is_called():
    assert UniformNoise().aim == SignNoise().aim == "noise"
    assert FGSM().aim == Square().aim == "label"
