"""Inner models that train or predict by methods of their own: never silently in another way."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from inner_models import SHAPE, Plain, Subclassed, compiled, data, functional, unbuilt

import keras_advxai as kax
from keras_advxai.wrappers.overrides import PREDICTION, TRAINING, overridden


class OwnStep(Plain):
    def train_step(self, batch):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        return super().train_step((x, 2 - y))


class OwnCompile(Plain):
    def compile(self, optimizer, distance):
        super().compile(optimizer, distance)


class OwnMetrics(Plain):
    @property
    def metrics(self):
        return []


class TopClass(Plain):
    def predict_step(self, batch):
        return keras.ops.argmax(super().predict_step(batch), axis=-1)


class Halves(Plain):
    def predict(self, x, *args, **kwargs):
        return super().predict(x / 2, *args, **kwargs)


@pytest.mark.slow
def test_models_of_keras_and_plain_subclasses_override_nothing():
    for model in (functional, unbuilt, Subclassed, Plain):
        made = compiled(model())
        made(data()[0])
        assert overridden(made, (*TRAINING, *PREDICTION)) == []
    made.fit(*data(), verbose=0)
    made.predict(data()[0], verbose=0)
    assert overridden(made, (*TRAINING, *PREDICTION)) == []


@pytest.mark.parametrize(("inner", "own"), [(OwnStep, "train_step"), (OwnCompile, "compile"), (OwnMetrics, "metrics")])
def test_training_of_ones_own_is_refused_before_anything_is_trained(inner, own):
    made = inner()
    made(data()[0])
    model = kax.ExplainableModel(made)
    with pytest.raises(ValueError, match=rf"Received: a {inner.__name__} with its own {own}\. Compile .*`model.inner`"):
        model.compile("adam", distance="mse")
    assert not model.compiled
    assert model.explain(data()[0]).shape == (40, *SHAPE)


def test_a_step_set_on_the_model_itself_is_found():
    made = functional()
    made.train_step = lambda batch: {"loss": 0.0}
    with pytest.raises(ValueError, match=r"a Functional with its own train_step"):
        compiled(kax.ExplainableModel(made))


@pytest.mark.parametrize("inner", [TopClass, Halves])
def test_prediction_of_ones_own_is_used(inner):
    made, x = inner(), data()[0]
    made(x)
    model = kax.ExplainableModel(made)
    expected = made.predict(x, batch_size=16, verbose=0)
    np.testing.assert_array_equal(model.predict(x, batch_size=16, verbose=0), expected)
    np.testing.assert_array_equal(model.predict_on_batch(x), made.predict_on_batch(x))
    assert not np.array_equal(expected, np.asarray(made(x)))


def test_the_optimizer_of_the_inner_model_is_refused():
    inner = compiled(functional())
    model = kax.ExplainableModel(inner)
    with pytest.raises(ValueError, match=r"an optimizer of its own\. Received: the Adam .*'functional'"):
        model.compile(inner.optimizer, "mse")
    with pytest.raises(ValueError, match="an optimizer of its own"):
        model.compile(optimizer=inner.optimizer, loss="mse")
    assert not model.compiled
