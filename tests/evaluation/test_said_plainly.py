"""Slips with data and settings, and whether the message says what to do."""

from __future__ import annotations

import inspect
import re

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.checks import Evidence, findings
from keras_advxai.evaluation import Coordinates, Measurements

L = keras.layers
X, Y = helpers.random_images(4, (6, 6, 1)), np.array([0, 1, 1, 0])
QUIET = {"explainers": (), "epsilons": (0.1,), "noise_control": False, "progress": False}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return keras.Sequential([L.Input((6, 6, 1)), L.Conv2D(2, 3), L.GlobalAveragePooling2D(), L.Dense(2)])


def test_labels_beside_the_images_are_told_to_go_with_them(model):
    message = r"takes the images and labels as one argument: pass \(x, y\) as `data`.* Received: 1 more positional"
    with pytest.raises(TypeError, match="^evaluate " + message):
        kax.evaluate(model, X, Y)
    with pytest.raises(TypeError, match="^compare_scores " + message):
        kax.compare_scores(model, X, Y)
    with pytest.raises(TypeError, match="^evaluate_robustness " + message):
        kax.ExplainableModel(model).evaluate_robustness(X, Y)
    with pytest.raises(TypeError, match="^AdversarialEvaluation " + message):
        kax.callbacks.AdversarialEvaluation(X, Y)
    assert kax.evaluate.__name__ == "evaluate"
    assert list(inspect.signature(kax.evaluate).parameters)[:2] == ["model", "data"]


def two_inputs(names):
    images, weights = keras.Input((6, 6, 1), name="images"), keras.Input((2,), name="weights")
    scores = L.Dense(2)(L.Concatenate()([L.Flatten()(images), weights]))
    inputs = {"images": images, "weights": weights} if names else [images, weights]
    return keras.Model(inputs, scores)


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_other_inputs_are_checked_as_the_images_are(names, bad):
    weights = np.ones((4, 2), "float32")
    weights[2, 1] = bad
    data = {"images": X, "weights": weights} if names else [X, weights]
    with pytest.raises(
        ValueError, match=r"The input 'weights'.*: NaN or infinite values \(in 1 of 4 images, .*index 2"
    ):
        kax.evaluate(two_inputs(names), (data, Y), input="images", **QUIET)
    classifier = kax.ImageClassifier(two_inputs(names), input="images")
    with pytest.raises(ValueError, match=r"The input 'weights', beside `x`: NaN or infinite"):
        kax.attacks.FGSM()(classifier, data, Y, epsilon=0.1)


def test_a_generator_is_told_to_become_a_dataset(model):
    with pytest.raises(TypeError, match=r"Received: a generator\. .*tf\.data\.Dataset\.from_generator\(function"):
        kax.evaluate(model, ((X, Y) for _ in range(2)), **QUIET)


def test_masks_are_no_labels_where_positions_are_reduced():
    unet = keras.Sequential([L.Input((6, 6, 1)), L.Conv2D(3, 3, padding="same", activation="softmax")])

    def reduce(scores):
        return keras.ops.mean(scores, axis=(1, 2))

    for masks in (np.zeros((4, 6, 6), int), np.zeros((4, 6, 6, 1), int)):
        with pytest.raises(ValueError, match=r"must be one class for each image, \(batch,\), .*: not masks"):
            kax.evaluate(unet, (X, masks), reduce=reduce, **QUIET)
    assert len(kax.evaluate(unet, (X, Y), reduce=reduce, **QUIET).measurements) == 4


def test_one_class_names_reduce_where_there_is_one():
    coordinates = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 0]])
    with_function, without = (
        {item.id: item for item in findings(Evidence(found, (), reduces=reduces))}["one-class"]
        for reduces in (True, False)
    )
    assert "Look at `reduce`, `bounds` and `preprocess`" in with_function
    assert "`reduce`" not in without


def test_values_that_were_swallowed_are_named_and_not_the_gradients_that_come_of_them():
    root = L.Lambda(lambda x: keras.ops.relu(keras.ops.sqrt(x - 0.5)))
    model = keras.Sequential([L.Input((6, 6, 1)), root, L.Flatten(), L.Dense(2)])
    said = {item.id: item for item in kax.evaluate(model, X, **QUIET).warnings}
    assert "non-finite-gradients" not in said
    # Where the ReLU of this processor keeps NaN, it is seen at the end.
    swallowed = "such as a ReLU, may make a number of it: their figures mean nothing"
    assert "not-finite" in said or swallowed in said["undefined-inside"]


class AlwaysOn(L.Dropout):
    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


@pytest.mark.slow
def test_a_random_model_names_its_layer():
    inner = keras.Sequential([L.Input((6, 6, 1)), AlwaysOn(0.5, name="monte_carlo")])
    model = keras.Sequential([L.Input((6, 6, 1)), inner, L.Flatten(), L.Dense(2)])
    said = {item.id: item for item in kax.evaluate(model, X, **QUIET).warnings}
    assert re.search(r"random when it runs \(by the layer 'monte_carlo'\)", said["random-model"])
