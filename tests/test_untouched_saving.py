"""A model can be saved, copied and exported at any time: after an explanation, and in the middle of one."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import trained_models
from trained_models import SHAPE, X, Y

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
registered = keras.saving.register_keras_serializable(package="tests")
GRAD_CAM = kax.explainers.GradCAM(relu=False)
MIDDLE = SimpleNamespace(do=None)
"""What is done in the middle."""


@registered
class Gate(layers.Layer):
    def call(self, inputs):
        if MIDDLE.do:
            MIDDLE.do("layer")
        return inputs


@registered
class Explainer(kax.explainers.GradCAM):
    def attribute(self, model, x, targets, forward):
        MIDDLE.do("attribute")
        return super().attribute(model, x, targets, forward)


def gated_backbone() -> keras.Model:
    return trained_models.backbone(gate=Gate(), penalty=None)


@registered
class WithGate(trained_models.Subclassed):
    def make_backbone(self) -> keras.Model:
        return gated_backbone()


def nested() -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), gated_backbone(), *trained_models.head()])


def subclassed() -> keras.Model:
    model = WithGate()
    model(X, training=False)
    return model


Load = Callable[[], Callable[[Any], Any]]


def save(model: keras.Model, path: Path) -> Load:
    model.save(path / "model.keras")

    def load():
        loaded = keras.models.load_model(path / "model.keras")
        for first, second in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(first, second)
        return inference(loaded)

    return load


def save_weights(model: keras.Model, path: Path) -> Load:
    model.save_weights(path / "model.weights.h5")

    def load():
        other = type(model).from_config(model.get_config())
        other(X, training=False)
        other.load_weights(path / "model.weights.h5")
        return inference(other)

    return load


def configured(model: keras.Model, path: Path) -> Load:
    return rebuilt(model.get_config(), model.get_weights(), type(model).from_config)


def cloned(model: keras.Model, path: Path) -> Load:
    return rebuilt(keras.models.clone_model(model), model.get_weights(), lambda clone: clone)


def pickled(model: keras.Model, path: Path) -> Load:
    text = pickle.dumps(model)
    return lambda: inference(pickle.loads(text))


def copied(model: keras.Model, path: Path) -> Load:
    other = copy.deepcopy(model)
    return lambda: inference(other)


def exported(model: keras.Model, path: Path) -> Load:
    model.export(path / "exported", verbose=False)

    def load():
        artifact = tf.saved_model.load(path / "exported")
        return lambda x: artifact.serve(x)

    return load


def checkpoint(model: keras.Model, path: Path) -> Load:
    prefix = tf.train.Checkpoint(model).write(str(path / "checkpoint"))

    def load():
        other = type(model).from_config(model.get_config())
        other(X, training=False)
        tf.train.Checkpoint(other).read(prefix).expect_partial()
        return inference(other)

    return load


def rebuilt(description: Any, weights: list[np.ndarray], build: Callable[[Any], keras.Model]) -> Load:
    def load():
        model = build(description)
        model(X, training=False)
        model.set_weights(weights)
        return inference(model)

    return load


def inference(model: keras.Model) -> Callable[[Any], Any]:
    return lambda x: model(x, training=False)


WAYS = (save, save_weights, configured, cloned, pickled, copied, exported, checkpoint)
WITHOUT_NEW_VARIABLES = (configured, checkpoint)
"""What Keras can do while a `tf.function` is traced, in which no variable may be made."""


def in_another_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()), daemon=True)
    thread.start()
    thread.join(600)
    assert found, "the thread failed, or waits for ever"
    return found[0]


def lifted(function: Callable[[], Any]) -> Any:
    with tf.init_scope():
        return function()


def at_once(function: Callable[[], Any]) -> Any:
    return function()


def compiled(classifier):
    Explainer()(classifier, X)


def eager(classifier):
    Explainer()(classifier, X, forward=classifier.forward(X))


MOMENTS = {
    "in another thread, in the middle of a pass": ("layer", compiled, in_another_thread, WAYS),
    "in another thread, while preprocessing": ("preprocess", compiled, in_another_thread, WAYS),
    "in another thread, beside a custom explainer": ("attribute", compiled, in_another_thread, WAYS),
    # Where a preprocessing runs, Keras lets nobody make variables, since it may draw random numbers.
    "in an eager preprocessing": ("preprocess", eager, at_once, WITHOUT_NEW_VARIABLES),
    "in an eager custom explainer": ("attribute", eager, at_once, WAYS),
    "in a traced preprocessing": ("preprocess", compiled, lifted, WITHOUT_NEW_VARIABLES),
    "in a traced custom explainer": ("attribute", compiled, lifted, WITHOUT_NEW_VARIABLES),
}


@pytest.fixture(autouse=True)
def _nothing():
    yield
    MIDDLE.do = None


def save_all(model: keras.Model, path: Path, ways: tuple[Callable[..., Load], ...] = WAYS) -> dict[str, Load]:
    path.mkdir()
    text = model.to_json()
    return {"json": lambda: text, **{way.__name__: way(model, path) for way in ways}}


def assert_same_model(found: dict[str, Load], model: keras.Model) -> None:
    assert found.pop("json")() == model.to_json()
    expected = model(X, training=False)
    for name, load in found.items():
        np.testing.assert_array_equal(load()(X), expected, err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model of each kind, shared by the tests, which leave it as it is.

    Each has been saved once, because Keras leaves notes of its own in a model when it first saves or exports it.
    """
    models = {}
    for build in (nested, subclassed):
        model = models[build] = build()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(X, Y, batch_size=4, verbose=0)
        save_all(model, tmp_path_factory.mktemp("first") / model.name)
    return models


@pytest.mark.slow
def test_before_and_after(trained, tmp_path):
    model = trained[nested]
    before = save_all(model, tmp_path / "before")
    with unchanged(model, X, Y):
        GRAD_CAM(model, X)
        kax.attacks.FGSM()(model, X, Y)
        kax.evaluate(model, (X, Y), epsilons=(0.01, 0.1), noise_control=False, progress=False)
    after = save_all(model, tmp_path / "after")
    assert before["json"]() == after["json"]()
    assert_same_model(before, model)
    assert_same_model(after, model)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_in_the_middle(moment, trained, tmp_path):
    where, explain, way, ways = MOMENTS[moment]
    model = trained[nested if where == "layer" else subclassed]
    found: dict[str, Load] = {}

    def preprocess(images):
        MIDDLE.do("preprocess")
        return images

    def do(place):
        if place == where and not found and (way is not at_once or tf.executing_eagerly()):
            MIDDLE.do = lambda place: None
            found.update(way(lambda: save_all(model, tmp_path / "middle", ways)))

    MIDDLE.do = do
    with unchanged(model, X, Y):
        explain(kax.ImageClassifier(model, preprocess=preprocess))
    assert_same_model(found, model)
