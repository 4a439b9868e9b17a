"""Models that are random, that change their state, or that are not what was evaluated."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.audit.own_call import OwnCall


class Noisy(keras.layers.Layer):
    def call(self, x):
        return x + tf.random.normal(tf.shape(x), stddev=0.2)


class Counting(keras.layers.Layer):
    def build(self, shape):
        self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, x):
        self.count.assign(self.count + 1)
        return x


def with_first(layer, model):
    return keras.Sequential([keras.Input((25, 25, 1)), layer, model])


def ids(report):
    return {finding.id for finding in report.warnings}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "id"), [(Noisy(), "random-model"), (Counting(), "stateful-model"), (keras.layers.Rescaling(1.0), None)]
)
def test_models_that_are_random_or_change_their_state(layer, id, build, test_faces):
    model = with_first(layer, build())
    before = [np.array(weight) for weight in model.get_weights()]
    settings = {"explainers": (), "epsilons": (0.02, 0.05), "progress": False}
    report = kax.evaluate(model, test_faces, checks="all", **settings)
    assert ids(report) & {"random-model", "stateful-model", "other-predictions"} == ({id} if id else set())
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    cheap = ids(kax.evaluate(model, test_faces, **settings)) & {"random-model", "stateful-model"}
    assert cheap == {id} & {"random-model"}, "without a second run, noise shows in the graph, and a state does not"


class Drawing(keras.layers.Layer):
    """Draws from a generator of its own, with NumPy, where no graph shows it."""

    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng(0)

    def call(self, x):
        noise = tf.numpy_function(lambda: np.float32(self.generator.normal()), [], tf.float32)
        return x + tf.ensure_shape(noise, ())


class AlwaysDropout(keras.layers.Dropout):
    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


@pytest.mark.parametrize("layer", [AlwaysDropout(0.5, seed=1), Drawing()], ids=["seeds", "numpy"])
def test_the_second_run_goes_on_from_the_seeds_that_the_first_left(layer, build, test_faces):
    x = tf.constant(test_faces[0][:4])
    own = OwnCall(kax.ImageClassifier(with_first(layer, build("linear"))), [x])
    assert own.is_random
    assert own.changed == []


class Queries(keras.layers.Layer):
    """Returns a variable of its own, as learned queries are."""

    def build(self, shape):
        self.queries = self.add_weight(shape=(1, 1, shape[-1]), initializer="ones")

    def call(self, x):
        return self.queries


def with_queries():
    images = keras.Input((8, 8))
    maps = keras.layers.Conv1D(4, 3, activation="relu")(images)
    scores = keras.layers.Multiply()([maps, Queries()(maps)])
    return keras.Model(images, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(scores)))


def stateful():
    head = keras.layers.GRU(4, stateful=True), keras.layers.Dense(3, activation="softmax")
    return keras.Sequential([keras.Input((8, 8), batch_size=4), keras.layers.Conv1D(4, 3, activation="relu"), *head])


@pytest.mark.parametrize("make", [stateful, with_queries])
def test_variables_among_what_layers_take_and_return(make):
    """TensorFlow calls a variable of Keras a tensor, and its type is a text."""
    x, labels = np.random.default_rng(0).random((8, 8, 8), "float32"), np.arange(8) % 3
    given = {"batch_size": 4, "epsilons": (0.02, 0.05), "progress": False}
    report = kax.evaluate(make(), (x, labels), checks="all", **given)
    assert ("stateful-model" in ids(report)) == (make is stateful)
    assert "partial" not in ids(report)
