"""Evaluations in threads and processes: each is what it would be alone."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent import futures

import keras
import numpy as np
import pytest
import trained_models
from small_models import AlwaysDropout
from spawned import attacked, evaluated
from together import together
from trained_models import SHAPE, X, Y

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
QUIET = {"epsilons": (0.02, 0.1), "noise_control": False, "progress": False, "metrics": "cosine_distance"}


def random_model(seed: int = 1) -> keras.Model:
    init = keras.initializers.GlorotUniform(seed=seed)
    stack = [layers.Conv2D(4, 3, activation="relu", kernel_initializer=init), AlwaysDropout(0.4, seed=seed)]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax", kernel_initializer=init)]
    return keras.Sequential([keras.Input(SHAPE), *stack])


def report(model, **settings):
    return kax.evaluate(model, (X, Y), **{**QUIET, **settings})


def same(first, second) -> bool:
    """Whether the same was measured, bit by bit."""
    ours, theirs = first.measurements.arrays, second.measurements.arrays
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key], equal_nan=True) for key in ours)


def train(model):
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return trained_models.states(model)


def assert_same_states(first, second):
    for before, now in zip(first, second, strict=True):
        np.testing.assert_array_equal(before, now)


@pytest.mark.slow
def test_one_model_evaluated_by_several_threads():
    model = trained_models.tiny()
    expected = [report(trained_models.tiny(), seed=seed, attacks=attack) for seed, attack in ((0, "fgsm"), (1, "bim"))]
    with unchanged(model, X, Y):
        found = together(lambda: report(model), lambda: report(model, seed=1, attacks="bim"), lambda: report(model))
    assert all(same(item, expected[index]) for item, index in zip(found, (0, 1, 0), strict=True))


@pytest.mark.slow
def test_several_models_evaluated_at_once():
    models = [trained_models.tiny(), trained_models.functional(), random_model()]
    expected = [report(build()) for build in (trained_models.tiny, trained_models.functional, random_model)]
    found = together(*[lambda model=model: report(model) for model in models])
    assert all(map(same, found, expected))


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False], ids=["one model", "two models"])
def test_the_numbers_of_random_models_are_those_of_the_seed_whoever_else_draws(shared):
    """All take them from one variable, and several batches each."""
    first = random_model()
    models = [first, first if shared else random_model()]
    settings = [{"seed": seed, "batch_size": 2, "explainers": ()} for seed in (3, 4)]
    expected = [report(random_model(), **given) for given in settings]
    assert not same(*expected)
    for model, given in zip(models, settings, strict=True):
        report(model, **given)  # compiled: from here on the threads draw by turns
    runs = [
        lambda m=model, g=given: [report(m, **g) for _ in range(4)]
        for model, given in zip(models, settings, strict=True)
    ]
    for found, wanted in zip(together(*runs), expected, strict=True):
        assert all(same(item, wanted) for item in found)


@pytest.mark.slow
def test_a_model_that_is_trained_is_evaluated_by_another_thread():
    """What is found is of the weights of some moment; the training does not notice."""
    alone, model = train(trained_models.functional()), trained_models.functional()
    done = threading.Event()

    def evaluate_until_done():
        found = [report(model)]
        while not done.is_set():
            found.append(report(model))
        return found

    def train_and_say():
        try:
            return train(model)
        finally:
            done.set()

    found, states = together(evaluate_until_done, train_and_say)
    assert_same_states(alone, states)
    assert all(0 <= item.accuracy("fgsm", 0.1) <= 1 for item in found)
    assert all(np.isfinite(item.measurements.at("confidence")).all() for item in found)
    fresh = trained_models.functional()
    fresh.set_weights(model.get_weights())
    assert same(report(model), report(fresh))
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


@pytest.mark.slow
def test_an_evaluation_in_a_thread_while_the_main_one_trains_another_model():
    expected, alone = report(trained_models.tiny()), train(trained_models.functional())
    with futures.ThreadPoolExecutor(1) as pool:
        model, other = trained_models.tiny(), trained_models.functional()
        running = pool.submit(lambda: [report(model) for _ in range(3)])
        states = train(other)
        found = running.result(timeout=120)
    assert_same_states(alone, states)
    assert all(same(item, expected) for item in found)


@pytest.mark.slow
def test_the_users_random_numbers_are_those_of_their_thread_alone():
    """Neither Python's, nor NumPy's, nor Keras' generator is read or set by an evaluation beside."""
    keras.utils.set_random_seed(5)
    expected = [np.random.random(), float(keras.random.uniform(()))]
    keras.utils.set_random_seed(5)
    together(lambda: report(random_model(), explainers=()), lambda: report(trained_models.tiny(), explainers=()))
    layers.Dense(1)
    assert np.random.random() == expected[0]


@pytest.mark.slow
def test_processes_that_are_spawned(tmp_path):
    """Two at a time, with what an evaluation is made of as arguments."""
    model = trained_models.functional()
    path = str(tmp_path / "model.keras")
    model.save(path)
    settings = kax.EvaluationSettings(
        attacks=["fgsm", kax.attacks.PGD(steps=2)], epsilons=(0.02, 0.1), metrics=("nissim", "rank_distance")
    )
    attack, explainer = kax.attacks.PGD(steps=2), kax.explainers.GradCAM(layer="conv", relu=False)
    context = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        reports = [pool.submit(evaluated, path, (X, Y), settings) for _ in range(2)]
        parts = pool.submit(attacked, path, (X, Y), attack, explainer)
        found = [kax.EvaluationReport.from_json(item.result(timeout=300)) for item in reports]
        images, heatmaps = parts.result(timeout=300)
    loaded = keras.models.load_model(path)
    expected = kax.evaluate(loaded, (X, Y), settings=settings, progress=False)
    for item in found:
        for name, array in expected.measurements.arrays.items():
            np.testing.assert_allclose(item.measurements.arrays[name], array, atol=1e-5)
    np.testing.assert_allclose(images, attack(loaded, X, Y), atol=1e-6)
    np.testing.assert_allclose(heatmaps, explainer(loaded, X), atol=1e-5)
