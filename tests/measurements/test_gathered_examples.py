"""Which of the images that are kept for pictures are chosen, by whatever they were measured under."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_measurements import COORDINATES

from keras_advxai.attacks import DDN
from keras_advxai.measurements.examples import Example, chosen

MAPS = {name: np.zeros((2, 2)) for name in ("image", "adversarial", "heatmap", "adversarial_heatmap")}
SAID = {"prediction": 0, "adversarial_prediction": 0, "confidence": 1.0, "adversarial_confidence": 1.0}


def example(attack: str, explainer: str, epsilon: float = math.nan, severity: int | None = None) -> Example:
    where = {"attack": attack, "explainer": explainer, "epsilon": epsilon, "severity": severity}
    return Example(**where, index=0, label=0, dissimilarity=0.0, **MAPS, **SAID)


EXAMPLES = [
    *(
        example(attack, explainer, epsilon)
        for attack in COORDINATES.attacks
        for explainer in COORDINATES.explainers
        for epsilon in map(float, map(repr, COORDINATES.epsilons))  # equal, as of a file, and not the same objects
    ),
    *(
        example(corruption, explainer, severity=severity)
        for corruption in COORDINATES.corruptions
        for explainer in COORDINATES.explainers
        for severity in COORDINATES.severities
    ),
]


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        ({}, 30),
        ({"attack": "ddn"}, 6),
        ({"attack": "snow"}, 6),
        ({"explainer": "grad_cam"}, 10),
        ({"epsilon": 0.02}, 9),
        ({"severity": 5}, 6),
        ({"attack": "ddn", "epsilon": 0.02}, 3),
        ({"attack": "fog", "severity": 1}, 3),
        ({"attack": "fog", "severity": 1, "explainer": "integrated_gradients"}, 1),
        ({"attack": "fog", "epsilon": 0.1}, 0),  # a severity is no epsilon
        ({"attack": "ddn", "severity": None, "explainer": None, "epsilon": None}, 6),
    ],
    ids=str,
)
def test_those_are_chosen_that_have_all_of_the_labels(labels, count):
    found = chosen(EXAMPLES, COORDINATES, **labels)
    wanted = {dim: label for dim, label in labels.items() if label is not None}
    assert len(found) == count
    assert list(found) == [item for item in EXAMPLES if all(getattr(item, dim) == wanted[dim] for dim in wanted)]


def test_a_label_may_be_an_attack_or_an_epsilon_as_float32_has_it():
    assert chosen(EXAMPLES, COORDINATES, attack=DDN(), epsilon=np.float32(0.02)) == chosen(
        EXAMPLES, COORDINATES, attack="ddn", epsilon=0.02
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"attack": "fgsm"}, "The report has no attack 'fgsm'"),
        ({"attack": "fogg"}, "The report has no attack 'fogg'"),
        ({"attack": "fog", "severity": 3}, "The report has no severity 3"),
        ({"explainer": "saliency"}, "The report has no explainer 'saliency'"),
        ({"epsilon": 0.3}, "`epsilon` must be one of the report's, 0.1, 0.02. Received: epsilon=0.3"),
    ],
    ids=str,
)
def test_a_label_that_is_not_there_is_said(labels, message):
    with pytest.raises(ValueError, match=message):
        chosen(EXAMPLES, COORDINATES, **labels)


def test_how_strong_it_is_is_an_epsilon_or_a_severity():
    attacked, corrupted = example("ddn", "grad_cam", 8 / 255), example("fog", "grad_cam", severity=3)
    assert (attacked.level, attacked.level_text) == (8 / 255, "epsilon 8/255")
    assert (corrupted.level, corrupted.level_text) == (3, "severity 3")
