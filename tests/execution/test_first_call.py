"""What a first evaluation traces, and how many of its results come from the device. No clock."""

from __future__ import annotations

import re
from collections import Counter

import helpers
import keras
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import _EagerTensorBase

import keras_advxai as kax
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.plan import MeasurementPlan

ATTACKS = (kax.attacks.FGSM(), kax.attacks.PGD(keep="last"), kax.attacks.UniformNoise())


@pytest.fixture(scope="module")
def graph():
    classifier = kax.ImageClassifier(helpers.small_cnn())
    metrics = (kax.metrics.get("nissim"),)
    measure = Measure(MeasurementPlan(ATTACKS, (kax.explainers.GradCAM(),), metrics, "predicted"))

    def step(x, y):
        return measure(classifier, x, y, tf.constant([0.01, 0.1]), tf.constant(0))

    specs = tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32)
    return tf.function(step, autograph=False).get_concrete_function(*specs)


def test_no_function_is_in_the_step_twice(graph):
    library = graph.graph.as_graph_def().library.function
    names = Counter(re.sub(r"_\d+$", "", item.signature.name) for item in library)
    # What comes after the attacks, SSIM, and the pass of PGD's steps: each is traced, optimised and compiled once.
    assert {name: names[f"__inference_{name}"] for name in ("observe", "nissim", "look")} == {
        "observe": 1,
        "nissim": 1,
        "look": 1,
    }


def test_noise_is_drawn_once_for_all_epsilons(graph):
    library = graph.graph.as_graph_def().library.function
    drawing = {item.signature.name for item in library if any("RandomUniform" in node.op for node in item.node_def)}
    inside = [
        item.signature.name
        for item in library
        for node in item.node_def
        if drawing & {attribute.func.name for attribute in node.attr.values()}
    ]
    # The loop over images stands in the graph of the pass, and not in the body of the one over epsilons.
    assert drawing
    assert not inside


@pytest.mark.slow
def test_of_each_batch_as_many_arrays_leave_the_device_whatever_the_epsilons(model, few, monkeypatch):
    copied = []
    to_host = _EagerTensorBase._numpy

    def counted(tensor):
        copied.append(tensor.shape)
        return to_host(tensor)

    monkeypatch.setattr(_EagerTensorBase, "_numpy", counted)

    def of_each_batch(**settings):
        found = []
        for batches in (1, 1, 3):  # the first one compiles
            copied.clear()
            x, y = (array[:batches] for array in few)
            kax.evaluate(model, (x, y), batch_size=1, noise_control=False, progress=False, **settings)
            found.append(len(copied))
        return (found[2] - found[1]) / 2

    one, five = of_each_batch(epsilons=(0.1,)), of_each_batch(epsilons=(0.01, 0.02, 0.05, 0.1, 0.2))
    assert 0 < one == five <= 24


def test_the_model_is_traced_once_to_look_at_and_once_for_each_pass_of_the_step(few):
    traced = []

    class Looking(keras.layers.Layer):
        def call(self, x):
            traced.append(x.shape)
            return x

    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input(helpers.SHAPE), Looking(), *layers, keras.layers.Dense(2)])
    traced.clear()
    settings = {"attacks": [ATTACKS[0], "sign_noise"], "epsilons": (0.01, 0.1), "progress": False, "batch_size": 4}
    settings["metrics"] = "cosine_distance"  # which nothing has to be compiled for
    kax.evaluate(model, few, **settings)
    assert len(traced) == 3  # to look at, over the clean images, and after all attacks
    x, y = few
    kax.evaluate(model, (x[:3], y[:3]), **settings)
    assert len(traced) == 3
