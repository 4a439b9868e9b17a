"""Every attack by its name: alone, first and last in a list, and beside each other one."""

from __future__ import annotations

import itertools

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks.registry import REGISTRY
from keras_advxai.evaluation import EvaluationSettings
from keras_advxai.execution import Evaluator

L = keras.layers
WITHOUT_DEFAULTS = "ensemble"
NAMES = sorted({*REGISTRY.classes, *REGISTRY.presets, *REGISTRY.elsewhere} - {WITHOUT_DEFAULTS})
EPSILONS = (0.05, 0.3)
LONG = ("clever_hans", "explanation_pgd", "quick", "spsa", "standard")
"""Those whose trace takes longest; alone they run with the slow tests."""


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(3)
    convolution = L.Conv2D(4, 3, padding="same", activation="softplus")
    return keras.Sequential([keras.Input((4, 4, 1)), convolution, L.Flatten(), L.Dense(3)])


@pytest.fixture(scope="module")
def data(model) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(4).uniform(0.1, 0.9, (4, 4, 4, 1)).astype("float32")
    return x, model.predict(x, verbose=0).argmax(-1)


def run(model, data, attacks, **settings) -> kax.EvaluationReport:
    settings = {"epsilons": EPSILONS, "explainers": (), "progress": False, **settings}
    return kax.evaluate(model, data, attacks=attacks, **settings)


def check(report: kax.EvaluationReport, names: list[str]) -> None:
    """Each was measured under its name, within the budget, and found wrong by no check."""
    assert report.attacks[: len(names)] == tuple(REGISTRY.get(name).name for name in names)
    assert not [item for item in report.warnings if item.severity == "error"]
    for name in report.attacks:
        norm = report.measurements.at("perturbation_norm", attack=name)
        assert (norm <= np.array(EPSILONS)[:, None] * 1.001).all()
    assert str(report)
    assert kax.EvaluationReport.from_json(report.to_json()) == report


@pytest.mark.parametrize("name", [helpers.slow(name) if name in LONG else name for name in NAMES])
def test_each_runs_alone(name, model, data):
    check(run(model, data, name), [name])


@pytest.mark.slow
def test_what_is_measured_of_each_depends_neither_on_the_others_nor_on_their_order(model, data):
    """All pairs of names, in both orders, stand in the two lists."""
    forwards, backwards = (run(model, data, names, explainers="grad_cam") for names in (NAMES, NAMES[::-1]))
    for report, names in ((forwards, NAMES), (backwards, NAMES[::-1])):
        check(report, names)
    for name in NAMES:
        alone, attack = run(model, data, name), REGISTRY.get(name).name
        for quantity in ("prediction", "distance"):
            expected = alone.measurements.at(quantity, attack=attack)
            for report in (forwards, backwards):
                found = report.measurements.at(quantity, attack=attack)
                np.testing.assert_allclose(found, expected, rtol=1e-3, err_msg=f"{quantity} of {name}")


def test_all_pairs_can_be_planned(model):
    classifier = kax.ImageClassifier(model)
    for pair in itertools.permutations(NAMES, 2):
        for seed in (0, 5):  # which is that of the noise control, too
            evaluator = Evaluator(classifier, EvaluationSettings(attacks=pair, epsilons=EPSILONS, seed=seed))
            names = [attack.name for attack in evaluator.plan.attacks]
            assert names[:2] == [REGISTRY.get(name).name for name in pair]
            norms = {attack.norm for attack in evaluator.plan.attacks}
            controls = [attack for attack in evaluator.plan.attacks if isinstance(attack, kax.attacks.UniformNoise)]
            assert {attack.norm for attack in controls} == norms


@pytest.mark.parametrize("name", [name if name == "deep_fool" else helpers.slow(name) for name in NAMES])
def test_each_runs_alone_in_the_callback(name, model, data):
    copied = keras.models.clone_model(model)
    copied.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = kax.callbacks.AdversarialEvaluation(data, attacks=name, epsilons=EPSILONS, explainers=(), final=False)
    history = copied.fit(*data, epochs=1, verbose=0, callbacks=[callback]).history
    (accuracy,) = history[f"val_accuracy_{REGISTRY.get(name).name}"]
    assert 0 <= accuracy <= 1


@pytest.mark.parametrize("identifier", ["ensemble", "Ensemble", kax.attacks.Ensemble])
def test_one_that_has_no_defaults_says_what_it_needs(identifier, model, data):
    with pytest.raises(ValueError, match=r"needs `attacks`.*pass an instance, Ensemble\(attacks=\.\.\.\)"):
        run(model, data, identifier)
