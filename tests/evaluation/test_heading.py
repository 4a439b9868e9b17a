"""The first lines of a printed report: what the model says of the clean images."""

from __future__ import annotations

import dataclasses

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.viewer.verdict import verdict


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


BOUND = "An upper bound: no attack here takes more than one step; add "


@pytest.mark.parametrize(
    ("attacks", "said"),
    [
        ("fgsm", [BOUND + "the attack 'pgd' or 'quick'."]),
        (["fgsm", kax.attacks.PGD(steps=2)], []),
        # Of two norms, that of which all attacks take one step.
        ([kax.attacks.FGSM(norm="l2"), kax.attacks.PGD(steps=2)], [BOUND + "PGD(norm='l2')."]),
        ("square", []),
    ],
    ids=["one step", "many steps", "one step of another norm", "no gradients"],
)
def test_an_accuracy_under_one_step_alone_is_told_to_be_an_upper_bound(attacks, said):
    model = helpers.linear_model(np.eye(3), (3, 1, 1))
    data = np.eye(3, dtype="float32").reshape(-1, 3, 1, 1), np.arange(3)
    report = kax.evaluate(model, data, attacks=attacks, explainers=(), epsilons=[0.1], progress=False)
    lines = [line for line in " ".join(str(report).split()).split("Robust accuracy")[1:] if "upper bound" in line]
    assert len(lines) == len(said)
    assert all(sentence in line for sentence, line in zip(said, lines, strict=True))
    # The same is said in the page, where no finding has the place.
    worth = verdict(dataclasses.replace(report, warnings=()))["worth"]
    assert ("Accuracies under attack are upper bounds: no attack here takes" in worth) == (attacks == "fgsm")
    assert str(EvaluationReport.from_json(report.to_json())) == str(report)
