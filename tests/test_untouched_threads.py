"""Several threads on one model: the results are right, nothing is left behind, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import trained_models
from together import PATIENCE, together
from trained_models import BUILDERS, X, Y

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
FGSM, GRAD_CAM = kax.attacks.FGSM(), kax.explainers.GradCAM(relu=False)


def repeated(function: Callable[[], Any], times: int = 3) -> Callable[[], list[Any]]:
    return lambda: [function() for _ in range(times)]


def assert_all_equal(found: list[Any], expected: Any) -> None:
    for item in found:
        np.testing.assert_array_equal(item, expected)


def maps(model):
    return GRAD_CAM(model, X)


def attacked(model):
    return FGSM(model, X, Y)


def evaluated(model):
    report = kax.evaluate(model, (X, Y), epsilons=(0.01, 0.1), noise_control=False, progress=False)
    return report.measurements.at("dissimilarity", attack="fgsm", explainer="grad_cam")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "looks"),
    [("subclassed, nested", (maps, maps)), ("functional, nested, augmented", (maps, attacked, maps, attacked))],
    ids=["two", "four"],
)
def test_explaining_and_attacking_from_the_first_call_on(kind, looks):
    fresh, model = BUILDERS[kind](), trained_models.build(kind)
    fresh.set_weights(model.get_weights())
    with unchanged(model, X, Y):
        found = together(*(repeated(lambda look=look: look(model)) for look in looks))
    for look, results in zip(looks, found, strict=True):
        assert_all_equal(results, look(fresh))


@pytest.mark.slow
def test_evaluating_and_explaining():
    model, fresh = trained_models.tiny(), trained_models.tiny()
    with unchanged(model, X, Y):
        reports, heatmaps = together(lambda: [evaluated(model)], repeated(lambda: maps(model)))
    assert_all_equal(reports, evaluated(fresh))
    assert_all_equal(heatmaps, maps(fresh))


@pytest.mark.slow
def test_explaining_while_another_thread_predicts():
    model, fresh = trained_models.build("functional, nested, augmented"), trained_models.functional()
    fresh.set_weights(model.get_weights())
    outcomes = {
        "predict": lambda: model.predict(X, verbose=0),
        "call": lambda: model(X, training=False).numpy(),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0, return_dict=True)["loss"],
    }
    expected = {name: outcome() for name, outcome in outcomes.items()}
    first, *found = together(repeated(lambda: maps(model)), *(repeated(outcome) for outcome in outcomes.values()))
    assert_all_equal(first, maps(fresh))
    for results, outcome in zip(found, expected.values(), strict=True):
        assert_all_equal(results, outcome)


@pytest.mark.slow
def test_explaining_while_another_model_is_trained(alone):
    model = trained_models.functional()
    expected = maps(model)
    other, _ = gated(run_eagerly=False)
    with unchanged(model, X, Y):
        found, states = together(repeated(lambda: maps(trained_models.functional())), lambda: train(other))
    assert_all_equal(found, expected)
    for first, second in zip(alone[False], states, strict=True):
        np.testing.assert_array_equal(first, second)


class Gate(layers.Layer):
    """Calls `seen.pass_by(training)` when it is run."""

    def __init__(self) -> None:
        super().__init__(name="gate")
        self.seen = SimpleNamespace(pass_by=lambda training: None)

    def call(self, inputs, training=False):
        self.seen.pass_by(training)
        return inputs


def gated(run_eagerly: bool) -> tuple[keras.Model, Gate]:
    """A model with a gate behind its convolution, whose output is penalised."""
    gate = Gate()
    model = trained_models.functional(gate=gate)
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
    model.optimizer.build(model.trainable_variables)  # else `fit` traces twice, and only the second time counts
    return model, gate


def train(model: keras.Model) -> list[np.ndarray]:
    model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return trained_models.states(model)


@pytest.fixture(scope="module")
def alone():
    """What a training leaves behind that nobody looks into."""
    return {eager: train(gated(eager)[0]) for eager in (False, True)}


def one_pass(model):
    return kax.ImageClassifier(model).forward(X).logits


@pytest.mark.parametrize(
    ("look", "run_eagerly"), [(maps, False), (one_pass, True)], ids=["compiled both", "eager both"]
)
@pytest.mark.parametrize("first", ["explanation", "training"])
def test_a_training_that_overlaps_with_an_explanation(look, run_eagerly, first, alone):
    """One begins in the middle of a pass of the other, which ends before it: the penalty must still be trained on.

    Each waits in the gate: the first one until the second has come there too, the second one until the first is over.
    """
    model, gate = gated(run_eagerly)
    there = {"explanation": threading.Event(), "training": threading.Event()}
    first_is_over = threading.Event()

    def pass_by(training):
        me = threading.current_thread().name
        if me == "training" and not training:
            return
        there[me].set()
        other = "explanation" if me == "training" else "training"
        assert there[other].wait(PATIENCE) if me == first else first_is_over.wait(PATIENCE)

    def run(me, function):
        threading.current_thread().name = me
        assert me == first or there[first].wait(PATIENCE)
        try:
            return function(model)
        finally:
            if me == first:
                first_is_over.set()

    gate.seen.pass_by = pass_by
    _, states = together(lambda: run("explanation", look), lambda: run("training", train))
    for before, now in zip(alone[run_eagerly], states, strict=True):
        np.testing.assert_array_equal(before, now)


def test_a_training_from_beginning_to_end_in_the_middle_of_an_explanation(alone):
    """And predictions, and a copy: whoever looks at a model keeps nobody else from using it."""
    model, gate = gated(run_eagerly=False)
    found = {}

    def use():
        found["states"] = train(model)
        found["predictions"] = model.predict(X, verbose=0)
        found["call"] = model(X, training=False).numpy()
        found["copy"] = keras.models.clone_model(model, clone_function=lambda layer: layer)

    def pass_by(training):
        if threading.current_thread().name == "explanation" and not found:
            thread = threading.Thread(target=use, name="other", daemon=True)
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def explain():
        threading.current_thread().name = "explanation"
        return maps(model)

    gate.seen.pass_by = pass_by
    together(explain)
    assert set(found) == {"states", "predictions", "call", "copy"}
    for before, now in zip(alone[False], found["states"], strict=True):
        np.testing.assert_array_equal(before, now)
    np.testing.assert_array_equal(found["predictions"], model.predict(X, verbose=0))
    np.testing.assert_array_equal(found["call"], model(X, training=False))


def test_explanations_and_a_training_at_once(alone):
    """As it comes, without waiting for one another anywhere."""
    model, _ = gated(run_eagerly=False)
    states, *found = together(lambda: train(model), *[repeated(lambda: maps(model))] * 2)
    for before, now in zip(alone[False], states, strict=True):
        np.testing.assert_array_equal(before, now)
    assert np.isfinite(found).all()
    fresh, _ = gated(run_eagerly=False)
    fresh.set_weights(model.get_weights())
    with unchanged(model):
        assert_all_equal([maps(model)], maps(fresh))
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


@pytest.mark.parametrize("seen", [True, False], ids=["seen before", "new"])
def test_who_looks_at_one_model_keeps_nobody_from_another(seen):
    """The code of a user may wait for what another thread does with another model."""
    model, other = trained_models.functional(), trained_models.tiny()
    expected = maps(trained_models.tiny())
    found = [maps(other)] if seen else []
    waiting = []

    def preprocess(images):
        thread = threading.Thread(target=lambda: found.append(maps(other)), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        waiting.append(thread.is_alive())
        return images

    GRAD_CAM(kax.ImageClassifier(model, preprocess=preprocess), X)
    assert waiting
    assert not any(waiting)
    assert_all_equal(found, expected)
