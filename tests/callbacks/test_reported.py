"""The accuracy of `fit` that the callback compares its own with: found by what a metric is, whatever its name."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.callbacks.reported import reported_accuracy

M = keras.metrics
X = np.random.default_rng(0).random((6, 4, 4, 1), dtype="float32")


def two_outputs():
    inputs = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(2, name="first")(flat), keras.layers.Dense(3, name="second")(flat)])


@pytest.mark.parametrize(
    ("output", "key"),
    [("first", "val_first_acc"), (1, "val_second_accuracy")],
)
def test_of_several_outputs_the_accuracy_is_that_of_the_one_with_the_classes(output, key):
    logs = {"val_loss": 0.1, "val_accuracy": 0.9, "val_first_acc": 0.2, "val_second_accuracy": 0.3}
    found = reported_accuracy(logs, kax.ImageClassifier(two_outputs(), output=output))
    assert found == (key, logs[key])


def test_an_accuracy_of_single_units_is_none_of_classes():
    classifier = kax.ImageClassifier(model(3))
    assert reported_accuracy({"val_binary_accuracy": 0.9, "val_loss": 1.0}, classifier) is None
    assert reported_accuracy({"val_accuracy": math.nan}, classifier) is None
    unit = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    assert reported_accuracy({"val_binary_accuracy": 0.9}, kax.ImageClassifier(unit)) == ("val_binary_accuracy", 0.9)


def model(units, activation="softmax"):
    return keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(units, activation=activation)]
    )


def accuracy(y, z):
    return keras.ops.mean(y == keras.ops.argmax(z, axis=-1))


CASES = {
    "a name of the user's": (3, "softmax", M.SparseCategoricalAccuracy(name="mine"), "val_mine"),
    "one-hot": (3, "softmax", M.CategoricalAccuracy(name="mine"), "val_mine"),
    "a usual name": (3, "softmax", "acc", "val_acc"),
    "a function of the user's": (3, "softmax", accuracy, "val_accuracy"),
    "another metric under a usual name": (3, "softmax", M.SparseTopKCategoricalAccuracy(k=2, name="accuracy"), None),
    "no accuracy": (3, "softmax", M.SparseTopKCategoricalAccuracy(k=2, name="mine"), None),
    "one sigmoid": (1, "sigmoid", M.BinaryAccuracy(name="mine"), "val_mine"),
    "one sigmoid by another threshold": (1, "sigmoid", M.BinaryAccuracy(threshold=0.3), None),
    "one logit": (1, None, M.BinaryAccuracy(threshold=0.0), "val_binary_accuracy"),
    "one logit by the threshold of a probability": (1, None, "accuracy", None),
    "several labels": (3, "sigmoid", M.BinaryAccuracy(name="mine"), "val_mine"),
    "several labels, the largest": (3, "sigmoid", M.CategoricalAccuracy(name="mine"), None),
}


@pytest.mark.parametrize("case", CASES)
def test_an_accuracy_is_known_by_what_it_counts(case):
    units, activation, metric, key = CASES[case]
    several = units > 1 and activation == "sigmoid"
    y = np.arange(6) % max(units, 2)
    y = np.eye(units)[y] if several or isinstance(metric, M.CategoricalAccuracy) else y
    network = model(units, activation)
    network.compile(metrics=[metric])
    network.compute_metrics(X, y if units > 1 else y[:, None], network(X))
    logs = {f"val_{name}": float(value) for name, value in network.get_metrics_result().items()}
    classifier = kax.ImageClassifier(
        network, from_logits=None if activation else True, labels="multi" if several else None
    )
    found = reported_accuracy(logs, classifier)
    assert found == (None if key is None else (key, logs[key]))
    if key is not None:  # it is the accuracy that an evaluation measures
        right = np.mean(classifier.forward(X).predictions.numpy() == (y if several or y.ndim == 1 else y.argmax(-1)))
        assert found[1] == pytest.approx(right)


def test_the_metrics_of_a_training_step_of_the_users_are_known():
    class Own(keras.Sequential):
        @property
        def metrics(self):
            return [mine]

    mine = M.SparseCategoricalAccuracy(name="mine")
    classifier = kax.ImageClassifier(Own([keras.Input((4, 4, 1)), *model(3).layers]))
    assert reported_accuracy({"val_mine": 0.5, "val_loss": 1.0}, classifier) == ("val_mine", 0.5)
