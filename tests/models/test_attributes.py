"""What layers keep as plain Python values is read by a trace once, so whatever changes there is traced anew."""

from __future__ import annotations

import collections
import dataclasses
import functools
import gc
import types
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models import compiled
from keras_advxai.models.attributes import frozen

L = keras.layers
X = np.random.default_rng(0).random((6, 4, 4, 1), dtype="float32")
SCALE = 1.0
MODULE = types.ModuleType("settings_of_a_user")
MODULE.slope = 1.0


@dataclasses.dataclass
class Config:
    """A user's configuration."""

    slope: float = 1.0


class Settings:
    """What its objects hold is in their class."""

    slope = 1.0
    row = (1.0,)


class Inherited(Settings):
    """And in a class before it."""


class Slots:
    """An object without a dictionary."""

    __slots__ = ("never", "slope")

    def __init__(self):
        self.slope = 1.0


class Scaled(L.Layer):
    """Multiplies by what is kept in several ways."""

    of_class = 1.0
    row_of_class = (1.0,)

    def __init__(self):
        super().__init__()
        self.factor, self._private, self.flag, self.mode = 1.0, 1.0, False, "plain"
        self.table, self.factors, self.named = np.array([1.0]), [1.0, 1.0], {"a": 1.0}
        self.config, self.function = Config(), functools.partial(np.multiply, 1.0)
        self.inherited, self.slots = Inherited(), Slots()
        self.kind, self.module = Inherited, MODULE
        self.queue, self.noted = collections.deque([1.0]), lambda: None
        self.noted.slope = 1.0

    def call(self, x):
        x = -x if self.flag else x
        x = 2 * x if self.mode == "double" else x
        x = x * self.factor * self._private * float(self.table[0]) * self.factors[1] * self.named["a"]
        x = x * self.inherited.slope * self.slots.slope * self.row_of_class[0]
        x = x * self.queue[0] * self.noted.slope * self.kind.row[0] * self.module.slope
        return x * self.config.slope * self.of_class * SCALE * float(self.function(1.0))


def classifier(layer):
    net = keras.Sequential([keras.Input((4, 4, 1)), layer, L.Flatten(), L.Dense(3, kernel_initializer="glorot_normal")])
    return kax.ImageClassifier(net, bounds=(0, 1))


def logits(model):
    """What a compiled look at a model finds."""
    return model.compiled("logits", lambda here, x: here.forward(x).logits, tf.constant(X)).numpy()


def _set(name, value):
    return lambda layer, patch: setattr(layer, name, value)


CHANGES = {
    "number": _set("factor", 3.0),
    "private number": _set("_private", 3.0),
    "flag": _set("flag", True),
    "text": _set("mode", "double"),
    "array": _set("table", np.array([3.0])),
    "array in place": lambda layer, patch: layer.table.fill(3.0),
    "list in place": lambda layer, patch: layer.factors.__setitem__(1, 3.0),
    "dictionary in place": lambda layer, patch: layer.named.__setitem__("a", 3.0),
    "configuration": lambda layer, patch: setattr(layer.config, "slope", 3.0),
    "function": _set("function", functools.partial(np.multiply, 3.0)),
    "of an object's class": lambda layer, patch: patch.setattr(Settings, "slope", 3.0),
    "of an object": lambda layer, patch: setattr(layer.inherited, "slope", 3.0),
    "queue in place": lambda layer, patch: layer.queue.__setitem__(0, 3.0),
    "attribute of a function": lambda layer, patch: setattr(layer.noted, "slope", 3.0),
    "of a class": lambda layer, patch: patch.setattr(Settings, "row", (3.0,)),
    "of a module": lambda layer, patch: patch.setattr(MODULE, "slope", 3.0),
    "slot": lambda layer, patch: setattr(layer.slots, "slope", 3.0),
    "tuple of the class": lambda layer, patch: patch.setattr(Scaled, "row_of_class", (3.0,)),
    "of the class": lambda layer, patch: patch.setattr(Scaled, "of_class", 3.0),
    "of the module": lambda layer, patch: patch.setitem(Scaled.call.__globals__, "SCALE", 3.0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_user_changes_in_a_layer_is_seen(change, monkeypatch):
    layer = Scaled()
    model = classifier(layer)
    before = logits(model)
    change(layer, monkeypatch)
    # Not by `model.predict`, which keeps its own trace until the model is compiled again.
    expected = model.model(X).numpy()
    assert np.abs(expected - before).max() > 0.01
    np.testing.assert_allclose(logits(model), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (L.Rescaling(2.0), "scale", 3.0),
        (L.Rescaling(2.0), "offset", 1.0),
        (L.LeakyReLU(), "negative_slope", -1.0),
        (L.ReLU(), "threshold", 0.5),
        (L.UpSampling2D(1, interpolation="nearest"), "size", (2, 2)),
    ],
    ids=lambda item: item.name if isinstance(item, L.Layer) else str(item),
)
def test_what_is_changed_in_a_layer_of_keras_is_seen(layer, name, value):
    before = frozen(layer)
    assert before == frozen(layer)
    setattr(layer, name, value)
    assert before != frozen(layer)


def test_a_lambda_sees_its_module_and_what_it_encloses(monkeypatch):
    inner = [1.0]
    model = classifier(L.Lambda(lambda x: x * SCALE * inner[0]))
    first = logits(model)
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    np.testing.assert_allclose(logits(model), model.model(X), rtol=1e-5, atol=1e-6)
    inner[0] = 3.0
    np.testing.assert_allclose(logits(model), model.model(X), rtol=1e-5, atol=1e-6)
    assert np.abs(logits(model) - first).max() > 0.01


class TwoHeads(keras.Model):
    """Answers by one of two heads, and by an early exit."""

    def __init__(self):
        super().__init__()
        self.flat, self.one, self.other = L.Flatten(), L.Dense(3), L.Dense(3)
        for head in (self.one, self.other):
            head.build((None, 16))
        self.head = self.one

    def call(self, x):
        return self.head(self.flat(x))


def test_the_head_that_an_attribute_points_to_is_the_one_that_is_measured():
    model = TwoHeads()
    model(X)
    labels = model(X).numpy().argmax(axis=1)
    settings = {"epsilons": (0.01,), "explainers": (), "noise_control": False, "progress": False, "bounds": (0, 1)}
    assert kax.evaluate(model, (X, labels), **settings).clean_accuracy == 1
    for head in (model.other, model.one, model.other):
        model.head = head
        expected = float(np.mean(model(X).numpy().argmax(axis=1) == labels))
        assert kax.evaluate(model, (X, labels), **settings).clean_accuracy == expected
    assert expected < 1


class Counting(L.Layer):
    """Notes how often it was called, and a tensor of the last call."""

    def __init__(self):
        super().__init__()
        self.calls, self.last = 0, None

    def call(self, x):
        self.calls += 1
        self.last = x
        return x


def test_what_a_layer_notes_while_it_is_traced_is_no_reason_to_trace_again():
    layer = Counting()
    model = classifier(layer)
    logits(model)
    after_one = layer.calls
    assert after_one
    for _ in range(3):
        logits(model)
    assert layer.calls == after_one


def test_what_a_layer_notes_while_it_is_looked_at_is_no_reason_to_look_again():
    layer = Counting()
    model = classifier(layer)
    model.topology((4, 4, 1))
    after_one = layer.calls
    model.topology((4, 4, 1))
    assert layer.calls == after_one > 0


def test_training_and_predicting_are_no_reason_to_trace_again():
    model = classifier(L.Rescaling(2.0))
    net = model.model
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.fit(X, np.arange(6) % 3, verbose=0)
    before = compiled._structure(net)
    net.fit(X, np.arange(6) % 3, verbose=0)
    net.evaluate(X, np.arange(6) % 3, verbose=0)
    net.predict(X, verbose=0)
    assert compiled._structure(net) == before


def test_nothing_that_is_kept_keeps_the_model_alive():
    layer = Scaled()
    model = classifier(layer)
    layer.config.owner = model.model  # a way back, as users keep it
    logits(model)
    alive = weakref.ref(model.model)
    del layer, model
    gc.collect()
    assert alive() is None


def test_what_running_a_model_changes_is_left_out_from_then_on():
    """A counter of calls, also of those that were not traced, and still what a user changes beside it."""

    class Noting(Scaled):
        def __init__(self):
            super().__init__()
            self.seen = []

        def call(self, x):
            self.seen.append(len(self.seen))
            return super().call(x)

    layer = Noting()
    model = classifier(layer)
    logits(model)
    model.model(X)  # notes one more
    noted = len(layer.seen)
    logits(model)
    assert len(layer.seen) == noted, "not traced again"
    layer.factor = 3.0
    np.testing.assert_allclose(logits(model), model.model(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("setting", ["preprocess", "reduce"])
def test_what_a_function_of_the_user_reads_is_seen(setting, monkeypatch):
    def scaled(x):
        return x * SCALE

    net = classifier(L.Rescaling(1.0)).model
    model = kax.ImageClassifier(net, bounds=(0, 1), **{setting: scaled})
    first = logits(model)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    again = kax.ImageClassifier(net, bounds=(0, 1), **{setting: scaled})
    for found in (logits(model), logits(again)):
        np.testing.assert_allclose(
            found - found.mean(1, keepdims=True), 3 * (first - first.mean(1, keepdims=True)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("made", [L.Rescaling, lambda scale: Scaling(scale)], ids=["layer", "object"])
def test_what_is_changed_in_an_object_that_preprocesses_is_seen(made):
    way = made(1.0)
    model = kax.ImageClassifier(classifier(L.Rescaling(1.0)).model, bounds=(0, 1), preprocess=way)
    first = logits(model)
    way.scale = 3.0
    np.testing.assert_allclose(logits(model) / first, np.full_like(first, 3), rtol=1e-3)


class Scaling:
    """Preprocesses without being a layer."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return x * self.scale
