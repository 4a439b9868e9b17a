"""The first lines of a printed report: what the model says of the clean images."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport


@pytest.fixture(scope="module")
def reports():
    """One bright pixel is the class, with a logit of 5; classes 4, 1, 0 and 2 are seen 4, 2, 2 and 1 times."""
    model = helpers.linear_model(np.eye(5) * 5, (5, 1, 1))
    seen = [0, 4, 1, 4, 4, 2, 0, 1, 4]
    x = np.eye(5, dtype="float32")[seen].reshape(-1, 5, 1, 1)
    settings = {"attacks": "fgsm", "explainers": (), "epsilons": [0.1], "progress": False}
    names = ["ant", "bee", "cow", "dog", "elk"]
    return kax.evaluate(model, x, **settings), kax.evaluate(model, x, class_names=names, **settings)


def test_the_most_frequent_classes_with_count_and_confidence(reports):
    sure = 100 * np.exp(5) / (np.exp(5) + 4)
    line = f"class 4 (4, {sure:.1f} %), class 0 (2, {sure:.1f} %), class 1 (2, {sure:.1f} %), and 1 other class."
    assert line in " ".join(str(reports[0]).split())


def test_they_have_names_where_these_are_known(reports):
    text = " ".join(str(reports[1]).split())
    assert "Predicted on the clean images (how often, median confidence): elk (4, " in text
    again = EvaluationReport.from_json(reports[1].to_json())
    assert str(again) == str(reports[1])
    assert again.provenance["class_names"][4] == "elk"
    assert reports[0].provenance["class_names"] == []


@pytest.mark.slow
def test_images_without_a_finite_output_are_of_no_class():
    """One bright pixel is the class; two bright ones divide by zero."""
    weights = helpers.linear_model(np.eye(5) * 5, (5, 1, 1))
    inputs = keras.Input((5, 1, 1))
    undefined = keras.layers.Lambda(lambda x: x / (1.0 - keras.ops.prod(x[:, :2], axis=1, keepdims=True)))(inputs)
    model = keras.Model(inputs, weights(undefined))
    settings = {"attacks": "fgsm", "explainers": (), "epsilons": [0.0], "progress": False}
    x = np.eye(5, dtype="float32")[[3, 3, 4, 0]].reshape(-1, 5, 1, 1)
    x[3, :2] = 1
    text = " ".join(str(kax.evaluate(model, x, **settings)).split())
    assert "class 3 (2, " in text
    assert "other class" not in text
    assert "; no class for 1 images, whose outputs are NaN or infinite." in text
    text = " ".join(str(kax.evaluate(model, x[3:], **settings)).split())
    assert "Predicted on the clean images: no class for 1 images, whose outputs are NaN or infinite." in text
