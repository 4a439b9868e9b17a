"""What the callback refuses, when it is built, when it is given its model, and when its training begins."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

# What the first epochs of a training are warned of is no matter here; see test_telling.py.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")


@pytest.mark.parametrize(
    "setting", [{"every": 0}, {"max_samples": 0}, {"images": -1}, {"every": 1.5}, {"batch_size": 0}]
)
def test_numbers_are_checked_when_it_is_built(test_faces, setting):
    with pytest.raises(ValueError, match=f"`{next(iter(setting))}` must be an integer"):
        kax.callbacks.AdversarialEvaluation(test_faces, **setting)


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ({"epsilons": (2,)}, ValueError, "fractions of the bounds' width"),
        ({"attacks": "fgms"}, ValueError, "Did you mean 'fgsm'"),
        ({"metrics": "nisim"}, ValueError, "Did you mean 'nissim'"),
        ({"checks": "some"}, ValueError, "`checks` must be one of"),
        ({"fold_batch_norm": "yes"}, TypeError, "`fold_batch_norm` must be"),
        ({"epsilon": 0.1}, TypeError, "epsilon"),
        ({"settings": {"epsilons": (0.1,)}}, TypeError, "`settings` must be an EvaluationSettings"),
    ],
)
def test_other_settings_are_checked_when_it_is_built(test_faces, setting, error, message):
    with pytest.raises(error, match=message):
        kax.callbacks.AdversarialEvaluation(test_faces, **setting)


@pytest.mark.parametrize("kind", ["infinite", "unknown"])
def test_data_without_an_end(trained, images, evaluation, fit, kind):
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(8).repeat()
    if kind == "unknown":
        dataset = dataset.filter(lambda x, y: True)
    ours = evaluation(dataset, steps=3)
    fit(ours)
    first = tuple(array[:24] for array in images)
    assert ours.report == kax.evaluate(trained, first, settings=ours.report.settings, steps=3, progress=False)
    if kind == "infinite":
        with pytest.raises(ValueError, match="The dataset is infinite"):
            fit(evaluation(dataset))


class Keras2Model:
    """What tf_keras' `fit` gives to its callbacks: no model of Keras 3."""

    __module__ = "tf_keras.src.engine.sequential"


class Keras2List:
    """How tf_keras begins: it gives the model, then the parameters, and asks for methods that Keras 3 has not."""

    def __init__(self, callbacks, model):
        for callback in callbacks:
            callback.set_model(model)
        for callback in callbacks:
            callback.set_params({"epochs": 1})
        self.hooks = any(callback._implements_train_batch_hooks() for callback in callbacks)


@pytest.mark.parametrize("model", [Keras2Model(), None, "model"])
def test_a_model_of_another_keras_is_refused_by_name(model):
    callback = kax.callbacks.AdversarialEvaluation(np.zeros((2, 4, 4, 1), "float32"))
    with pytest.raises(TypeError, match=rf"callback of Keras 3.*{type(model).__module__}\.{type(model).__name__}\."):
        Keras2List([callback], model)
