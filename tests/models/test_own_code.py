"""What code of the user's reads of objects, layers, classes and modules is seen when it changes, in whatever it is."""

from __future__ import annotations

import dataclasses
import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing.common import tensors

L = keras.layers
X = np.random.default_rng(0).random((6, 5, 5, 1), dtype="float32")


class Config:
    """Settings, as many have them in a module."""

    POWER = 1.0


SPACE = types.SimpleNamespace(inner=types.SimpleNamespace(power=1.0))
POWER = 1.0


class Prepares:
    """An object whose methods prepare images."""

    def __init__(self):
        self.power, self.counted = 1.0, 0
        self.settings = {"power": 1.0}
        self.layer = L.Rescaling(1.0)

    def by_number(self, x):
        self.counted += 1  # at each trace, which is no reason for another one
        return x**self.power

    def by_dictionary(self, x):
        return x ** self.settings["power"]

    def by_layer(self, x):
        return self.layer(x)

    def __call__(self, x):
        return self.by_number(x)


@dataclasses.dataclass
class Inner:
    power: float = 1.0


@dataclasses.dataclass
class Middle:
    inner: Inner = dataclasses.field(default_factory=Inner)


@dataclasses.dataclass
class Outer:
    middle: Middle = dataclasses.field(default_factory=Middle)


class Slotted:
    """An object without a dictionary, whose method prepares images."""

    __slots__ = ("power",)

    def __init__(self):
        self.power = 1.0

    def method(self, x):
        return x**self.power


class Derived(Config):
    """Settings that another class has."""


class Holding:
    """An object that holds a class, whose method prepares images."""

    def __init__(self):
        self.settings = Derived

    def method(self, x):
        return x**self.settings.POWER


class Called:
    """An object that is called, and reads a class."""

    def __call__(self, x):
        return x**Config.POWER


class Classed:
    """What is read by an object is an attribute of its class."""

    power = 1.0

    def method(self, x):
        return x**self.power

    @staticmethod
    def static(x):
        return x**Config.POWER


def unchanged(function):
    @functools.wraps(function)
    def run(x):
        return function(x)

    return run


@unchanged
def decorated(x):
    return x**Config.POWER


class ByClass(L.Layer):
    def call(self, x):
        return x**Config.POWER


class BySpace(L.Layer):
    def call(self, x):
        return x**SPACE.inner.power


class ByObjects(L.Layer):
    def __init__(self):
        super().__init__()
        self.outer = Outer()

    def call(self, x):
        return x**self.outer.middle.inner.power


def network(*first):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((5, 5, 1)), *first, L.Conv2D(2, 3, activation="tanh"), L.Flatten(), L.Dense(3)]
    )


def adapted(layer, values):
    layer.adapt(np.array(values, "float32").reshape(-1, 1))


def numbers(prepares):
    prepares.power = 3.0


def dictionaries(prepares):
    prepares.settings["power"] = 3.0


def layers(prepares):
    prepares.layer.scale = 0.2


def given(preprocess=None, *first):
    return kax.ImageClassifier(network(*first), bounds=(0, 1), preprocess=preprocess)


@pytest.fixture
def restored():
    yield
    Config.POWER = SPACE.inner.power = Classed.power = 1.0


def setups():
    """A classifier, and what changes what it computes."""
    one, two, three, four, five = (Prepares() for _ in range(5))
    normalization = L.Normalization(axis=None)
    adapted(normalization, [-1, 1])
    stack = keras.Sequential([keras.Input((5, 5, 1)), L.Rescaling(1.0)])
    nested, slotted, classed = ByObjects(), Slotted(), Classed()
    return {
        "a class that an object holds": (given(Holding().method), lambda: setattr(Config, "POWER", 3.0)),
        "a class before the one that is read": (
            given(lambda x: x**Derived.POWER),
            lambda: setattr(Config, "POWER", 3.0),
        ),
        "slots": (given(slotted.method), lambda: setattr(slotted, "power", 3.0)),
        "slots that are read": (given(lambda x: x**slotted.power), lambda: setattr(slotted, "power", 3.0)),
        "a class of what is read": (given(lambda x: x**classed.power), lambda: setattr(Classed, "power", 3.0)),
        "a method": (given(one.by_number), lambda: numbers(one)),
        "an object": (given(two), lambda: numbers(two)),
        "a dictionary": (given(three.by_dictionary), lambda: dictionaries(three)),
        "a layer of an object": (given(four.by_layer), lambda: layers(four)),
        "a part of a method": (given(functools.partial(five.by_number)), lambda: numbers(five)),
        "a layer": (given(normalization), lambda: adapted(normalization, [-2, 4])),
        "a model": (given(stack), lambda: setattr(stack.layers[0], "scale", 0.2)),
        "an object that reads a class": (given(Called()), lambda: setattr(Config, "POWER", 3.0)),
        "a layer that reads a class": (given(ByClass()), lambda: setattr(Config, "POWER", 3.0)),
        "an attribute of the class": (given(Classed().method), lambda: setattr(Classed, "power", 3.0)),
        "a static method": (given(Classed.static), lambda: setattr(Config, "POWER", 3.0)),
        "a decorated function": (given(decorated), lambda: setattr(Config, "POWER", 3.0)),
        "a class": (given(None, ByClass()), lambda: setattr(Config, "POWER", 3.0)),
        "a function and a class": (given(lambda x: x**Config.POWER), lambda: setattr(Config, "POWER", 3.0)),
        "a namespace": (given(None, BySpace()), lambda: setattr(SPACE.inner, "power", 3.0)),
        "objects in objects": (given(None, nested), lambda: setattr(nested.outer.middle.inner, "power", 3.0)),
    }


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", setups())
def test_what_the_user_changes_is_seen_and_nothing_is_compiled_again_without(name):
    classifier, change = setups()[name]
    traces = []

    def logits(classifier, inputs):
        traces.append(1)
        return classifier.forward(inputs).logits

    def compiled():
        return classifier.compiled("of this test", logits, tensors(X)).numpy()

    before = compiled()
    np.testing.assert_allclose(before, classifier.forward(tensors(X)).logits, atol=1e-6)
    compiled()
    assert len(traces) == 1
    traces.clear()
    change()
    after = compiled()
    np.testing.assert_allclose(after, classifier.forward(tensors(X)).logits, atol=1e-6)
    assert np.abs(after - before).max() > 1e-3
    assert len(traces) == 1
    compiled()
    assert len(traces) == 1


def powers(heatmaps, others):
    return tf.reduce_mean(tf.abs(heatmaps - others) ** POWER, axis=(1, 2, 3))


def squares(heatmaps, others):
    return tf.reduce_mean(tf.abs(heatmaps - others) ** 2.0, axis=(1, 2, 3))


class Shift(kax.attacks.Attack):
    """An attack of the user's own that reads a number of its module, by a method that needs no object."""

    @staticmethod
    def size():
        return POWER / 4

    def perturb(self, model, x, y, epsilon, forward):
        return x + epsilon * self.size()


class Faded(kax.explainers.Explainer):
    """An explainer of the user's own that reads one."""

    def attribute(self, model, x, targets, forward):
        return x**POWER


def test_what_an_attack_an_explainer_and_a_dissimilarity_read_of_their_module_is_seen(monkeypatch):
    model = network()
    settings = {"epsilons": (0.1,), "noise_control": False, "progress": False, "explainers": ["saliency"]}

    def mod(metric):
        report = kax.evaluate(model, X, attacks="fgsm", metrics=(metric,), **settings)
        return report.mod("fgsm", "saliency", 0.1)

    def found():
        moved = Shift()(model, X, np.zeros(6, int), epsilon=0.1) - X
        return mod(powers), float(np.mean(moved)), Faded()(model, X)

    first = found()
    monkeypatch.setitem(globals(), "POWER", 2.0)
    second = found()
    assert second[0] == pytest.approx(mod(squares), rel=1e-6)
    assert second[0] < 0.9 * first[0]
    assert second[1] == pytest.approx(float(np.mean(np.minimum(X + 0.05, 1) - X)), abs=1e-6)
    expected = X**2 / np.max(X**2, axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(second[2], expected, atol=1e-6)
    monkeypatch.setitem(globals(), "POWER", 1.0)
    third = found()
    assert third[:2] == first[:2]
    np.testing.assert_array_equal(third[2], first[2])
