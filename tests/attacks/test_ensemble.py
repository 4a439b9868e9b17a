"""Attacks in a row on those that are still active, and the presets."""

from __future__ import annotations

import json

import helpers
import keras
import linear_models as linear
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import FGSM, PGD, Ensemble, MultiTargetPGD, Square, UniformNoise

SIX = linear.weights(6)
X = linear.images(100)
Y = linear.predictions(linear.model(SIX), X)


def predicted(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


@pytest.mark.slow
def test_an_image_is_that_of_the_first_attack_that_succeeds(model, test_faces):
    x, y = test_faces
    members = [UniformNoise(), FGSM(), PGD(steps=20)]
    alone = [attack(model, x, y, 0.06) for attack in members]
    hits = np.array([predicted(model, images) != y for images in alone])
    chosen = np.where(hits.any(0), hits.argmax(0), 2)
    assert set(chosen[hits.any(0)]) == {0, 1, 2}
    expected = np.stack([alone[which][index] for index, which in enumerate(chosen)])
    expected[predicted(model, x) != y] = x[predicted(model, x) != y]
    found = Ensemble(members)(model, x, y, 0.06)
    assert np.mean(np.abs(found - expected).max((1, 2, 3)) > 1e-4) < 0.05
    robust = ~hits.any(0) & (predicted(model, x) == y)
    assert np.sum((predicted(model, found) == y) != robust) <= 1  # of 50: on the edge of the budget


def test_the_attacks_behind_see_survivors_alone():
    spy = helpers.Executions()
    model = keras.Sequential([keras.Input(linear.SHAPE), spy, linear.model(SIX)])
    attack = Ensemble([FGSM(), PGD(steps=4), MultiTargetPGD(steps=4)])
    attack(model, X, Y, 0.0)
    spy.seen.computed = 0
    attack(model, X, Y, 0.0)
    assert spy.seen.computed == 1
    attack(model, X[:3], (Y[:3] + 1) % 6, 0.1)  # misclassified already
    assert spy.seen.computed == 2


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_presets_are_exact_on_linear_models(norm):
    epsilon = 0.04 if norm == "linf" else 0.16
    possible = linear.leads(X, Y, SIX, epsilon, norm).max(1)
    clear = np.abs(possible) > 1e-3
    found = predicted(linear.model(SIX), Ensemble.preset("standard", norm=norm)(linear.model(SIX), X, Y, epsilon)) != Y
    np.testing.assert_array_equal(found[clear], (possible > 0)[clear])


@pytest.mark.slow
def test_several_epsilons_equal_separate_ones_and_0_returns_the_images():
    attack = kax.attacks.get("quick")
    several = attack(linear.model(SIX), X, Y, [0.0, 0.02, 0.05])
    np.testing.assert_array_equal(several[0], X)
    for epsilon, found in zip((0.02, 0.05), several[1:], strict=True):
        np.testing.assert_allclose(found, attack(linear.model(SIX), X, Y, epsilon), atol=1e-5)


def test_presets_have_names():
    assert kax.attacks.get("standard") == Ensemble.preset("standard")
    assert kax.attacks.get("Quick") == Ensemble.preset("quick")
    names = [Ensemble.preset(name, norm=norm).name for name in ("quick", "standard") for norm in ("linf", "l2")]
    assert names == ["quick", "quick_l2", "standard", "standard_l2"]
    assert Ensemble(["fgsm", PGD(steps=3)]).name == "ensemble_fgsm_pgd_steps3"
    assert Ensemble.preset("standard", norm="l2").norm == "l2"
    assert Ensemble not in {type(member) for member in Ensemble.preset("quick").attacks}
    with pytest.raises(ValueError, match=r"one of quick, standard. Did you mean 'standard'. Received: name='standart'"):
        Ensemble.preset("standart")
    with pytest.raises(ValueError, match=r"Unknown attack 'standart'. Did you mean 'standard'"):
        kax.attacks.get("standart")
    with pytest.raises(ValueError, match="`norm` must be one of linf, l2"):
        Ensemble.preset("standard", norm="l1")


@pytest.mark.parametrize(
    ("attacks", "uses_gradients", "iterative"),
    [
        ([UniformNoise(), FGSM()], True, False),
        ([FGSM(), Square()], True, False),
        ([UniformNoise(), Square()], False, False),
        ([PGD(), Square()], True, True),
        ([FGSM(), MultiTargetPGD()], True, True),
    ],
)
def test_one_attack_that_follows_gradients_or_goes_in_steps_makes_it_one_that_does(attacks, uses_gradients, iterative):
    for members in (attacks, attacks[::-1]):
        found = Ensemble(members)
        assert (found.uses_gradients, found.iterative) == (uses_gradients, iterative)
        assert (found.aim, found.fills_budget) == ("label", False)


def test_it_is_saved_with_its_attacks():
    for attack in (Ensemble(["fgsm", PGD(steps=3)]), Ensemble([Ensemble.preset("quick"), FGSM()])):
        config = json.loads(json.dumps(kax.attacks.serialize(attack)))
        assert kax.attacks.deserialize(config) == attack
        assert Ensemble.from_config(attack.get_config()) == attack
    assert Ensemble(["fgsm", "pgd"]) == Ensemble((FGSM(), PGD())) != Ensemble(["pgd", "fgsm"])


def test_targeted_attacks_in_a_row_reach_their_targets():
    targets = (Y + 1) % 6
    attack = Ensemble([FGSM(targeted=True), PGD(targeted=True, steps=40)])
    assert attack.targeted
    found = predicted(linear.model(SIX), attack(linear.model(SIX), X, targets, 0.3)) == targets
    alone = predicted(linear.model(SIX), FGSM(targeted=True)(linear.model(SIX), X, targets, 0.3)) == targets
    assert found.mean() > 0.9
    assert (found >= alone).all()
    with pytest.raises(ValueError, match="needs the target classes"):
        attack(linear.model(SIX), X)


@pytest.mark.parametrize(
    ("attacks", "error", "message"),
    [
        ([], ValueError, r"must name at least one attack. Received: attacks=\[\]"),
        ("fgsm", TypeError, r"a sequence of attacks or of their names, such as .* Received: attacks='fgsm'"),
        (3, TypeError, "a sequence of attacks"),
        (["fgsm", "pdg"], ValueError, "Unknown attack 'pdg'. Did you mean .*'pgd'"),
        ([FGSM(), PGD(norm="l2")], ValueError, r"must have one `norm`. Received: FGSM\(.* and PGD\("),
        ([FGSM(), PGD(targeted=True)], ValueError, "must have one `targeted`"),
    ],
)
def test_bad_attacks_are_refused_with_what_to_do(attacks, error, message):
    with pytest.raises(error, match=message):
        Ensemble(attacks)


@pytest.mark.slow
def test_one_trace_serves_all_batch_sizes(build, test_faces):
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, build()])
    x, y = test_faces
    attack = kax.attacks.get("quick")
    attack(watched, x[:3], y[:3], 0.1)
    before = spy.seen.traced
    for size in (1, 5, 9):
        attack(watched, x[:size], y[:size], 0.05)
    assert spy.seen.traced == before
