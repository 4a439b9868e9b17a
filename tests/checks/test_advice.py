"""What findings advise can be done: for each kind of model, and of an attack that has the option."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import BIM, DDN, FGSM, MIFGSM, PGD, DeepFool, Ensemble, MultiTargetPGD, Square
from keras_advxai.checks.advice import add_stronger, add_without_gradients, other_loss, raise_steps
from keras_advxai.contrib import CleverHans

L = keras.layers
KINDS = {
    "classification": (L.Dense(3, activation="softmax"), {}),
    "binary": (L.Dense(1, activation="sigmoid"), {}),
    "multi_label": (L.Dense(3, activation="sigmoid"), {"labels": "multi"}),
    "regression": (L.Dense(2), {"task": "regression"}),
}


def classifier(kind):
    end, settings = KINDS[kind]
    return kax.ImageClassifier(keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), end]), **settings)


def named(text):
    """The attacks that a text names, by name in quotes or as a call."""
    found = [eval(call, vars(kax.attacks)) for call in re.findall(r"(?:FGSM|PGD|Ensemble\.preset)\([^)]*\)", text)]
    return found + [kax.attacks.get(name) for name in re.findall(r"attack '(\w+)'", text)]


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_that_are_named_are_for_the_model_at_hand(kind):
    model = classifier(kind)
    task = model.kind.name
    for norm in ("linf", "l2"):
        (stronger,) = named(add_stronger(task, norm))
        stronger.check_task(model)
        assert stronger.norm == norm
    without = named(add_without_gradients(task))
    assert bool(without) == (task == "classification")
    for attack in without:
        attack.check_task(model)
        assert not attack.uses_gradients


ITERATIVE = [
    PGD(),
    PGD(keep="last"),
    BIM(),
    MIFGSM(),
    MultiTargetPGD(),
    DDN(),
    DeepFool(),
    Square(),
    CleverHans("spsa"),
]


@pytest.mark.parametrize("attack", [*ITERATIVE, FGSM(loss="cross_entropy")], ids=repr)
def test_options_that_are_named_are_options_of_the_attack(attack):
    config = attack.get_config()
    for name in re.findall(r"`(\w+)`", raise_steps(attack)):
        type(attack).from_config({**config, name: 2})
    advised = other_loss(attack)
    if advised:
        assert type(attack).from_config({**config, "loss": "margin"}) != attack
    assert bool(advised) == (config.get("loss") not in (None, "margin"))
    assert not other_loss(PGD(loss="margin"))
    assert "restarts" not in raise_steps(PGD(keep="last"))
    assert raise_steps(Ensemble([PGD()])) == "raise the steps of its attacks"


@pytest.mark.slow
def test_an_audit_of_several_labels_advises_what_such_a_model_takes():
    """Steps far too short leave all labels as they are, over the whole range of the pixels, too."""
    x = np.random.default_rng(0).random((24, 4, 4, 1)).astype("float32")
    model = classifier("multi_label")
    y = (model.model.predict(x, verbose=0) > 0.5).astype(int)
    short = PGD(steps=1, step_size=1e-4)
    settings = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}
    report = kax.evaluate(model, (x, y), attacks=short, checks="all", **settings)
    said = {finding.id: str(finding) for finding in report.warnings}
    assert said["full-range"].endswith("Raise `steps` and `restarts`, or add PGD(steps=100, restarts=2).")
    for text in said.values():
        for attack in named(text):
            attack.check_task(model)
    assert not any("standard" in text or "square" in text for text in said.values())
