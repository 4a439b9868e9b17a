"""An exception in the middle leaves the user's model as it was, and the next call works."""

from __future__ import annotations

import contextlib
import gc
import itertools
import weakref
from types import SimpleNamespace

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
import trained_models
from trained_models import X, Y

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
registered = keras.saving.register_keras_serializable(package="tests")


class Fuse:
    """Raises when it is asked for the n-th time, and notes who asked."""

    def __init__(self) -> None:
        self.left, self.error, self.blown = 0, None, []

    def set(self, left: int, error: type[BaseException]) -> None:
        self.left, self.error = left, error

    def ask(self, who: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.blown.append(who)
            raise self.error(who)


FUSE = Fuse()


def classifier(model):
    """One that has not been seen before, so that everything is traced again."""

    def preprocess(images):
        FUSE.ask("preprocess")
        return images

    return kax.ImageClassifier(model, preprocess=preprocess)


@registered
class Layer(layers.Layer):
    def call(self, inputs):
        FUSE.ask("layer")
        return inputs


@registered
class Attack(kax.attacks.FGSM):
    def perturb(self, model, x, y, radius, forward):
        found = super().perturb(model, x, y, radius, forward)
        FUSE.ask("perturb")
        return found


@registered
class Explainer(kax.explainers.GradCAM):
    def attribute(self, model, x, targets, forward):
        found = super().attribute(model, x, targets, forward)
        FUSE.ask("attribute")
        return found


@pytest.fixture(autouse=True)
def _fuse():
    yield
    FUSE.set(0, RuntimeError)
    FUSE.blown.clear()


def build() -> keras.Model:
    model = trained_models.functional(gate=Layer())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    return model


def explain_eagerly(model):
    seen = classifier(model)
    return Explainer(relu=False)(seen, X, forward=seen.forward(X))


def evaluate(model):
    settings = {"epsilons": (0.01, 0.1), "noise_control": False, "progress": False}
    report = kax.evaluate(classifier(model), (X, Y), attacks=Attack(), explainers=Explainer(), **settings)
    return report.measurements.at("dissimilarity", attack="attack", explainer="explainer")


WHO = {
    explain_eagerly: {"preprocess", "layer", "attribute"},
    evaluate: {"preprocess", "layer", "attribute", "perturb"},
}


@pytest.mark.parametrize("run", [explain_eagerly, helpers.slow(evaluate)], ids=lambda run: run.__name__)
def test_wherever_it_is_raised(run):
    """At the first place where code of the user's is called, then at the second, and so on to the end."""
    model = build()
    before, expected = model.predict(X, verbose=0), run(model)
    for place in itertools.count(1):
        error = (RuntimeError, KeyboardInterrupt)[place % 2]
        FUSE.set(place, error)
        with unchanged(model, X, Y), contextlib.suppress(error):
            found = run(model)
        if len(FUSE.blown) < place:
            break
        np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    assert set(FUSE.blown) == WHO[run]
    assert len(FUSE.blown) > 5
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_when_the_compiled_function_runs():
    """An error from inside of a graph that has run before, and will again."""
    seen = SimpleNamespace(broken=False)

    def look(images):
        if seen.broken:
            raise ArithmeticError("out of order")
        return images

    def preprocess(images):
        checked = tf.numpy_function(look, [images], tf.float32, stateful=False)
        return images + 0 * tf.stop_gradient(tf.ensure_shape(checked, images.shape))

    model = build()
    classifier = kax.ImageClassifier(model, preprocess=preprocess)
    calls = {
        "explain": lambda: kax.explainers.GradCAM(relu=False)(classifier, X),
        "attack": lambda: kax.attacks.FGSM()(classifier, X, Y),
        "eager": lambda: classifier.forward(X).logits,
    }
    expected = {name: call() for name, call in calls.items()}
    for name, call in calls.items():
        seen.broken = True
        with unchanged(model, X, Y), pytest.raises((tf.errors.OpError, ArithmeticError), match="out of order"):
            call()
        seen.broken = False
        np.testing.assert_array_equal(call(), expected[name])


@pytest.mark.slow
def test_the_model_is_freed_all_the_same():
    model = build()
    for place in (3, 9):
        FUSE.set(place, RuntimeError)
        with contextlib.suppress(RuntimeError):
            evaluate(model)
    assert len(FUSE.blown) == 2
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None
