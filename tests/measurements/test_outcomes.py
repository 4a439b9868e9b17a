"""What counts as another output: a class, a label or a value."""

from __future__ import annotations

import numpy as np
import pytest
from made_measurements import make_measurements

from keras_advxai.evaluation import Coordinates, Measurements
from keras_advxai.measurements.accuracy import reached
from keras_advxai.measurements.outcomes import Numbers, OneClass, SeveralLabels, outcomes

IMAGES = 3
KNOWN = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
ONE = {"label": np.zeros(IMAGES, int), "prediction": np.zeros((2, IMAGES), int)}


def test_of_one_class_it_is_the_class():
    found = outcomes(Measurements.of(KNOWN, label=[1, 0, 1], prediction=[[1, 1, 0], [0, 0, 0]]))
    assert type(found) is OneClass
    assert found.labels().tolist() == [1, 0, 1]
    assert found.apart(np.array([0, 1, 1]), np.array([0, 1, 0])).tolist() == [False, False, True]


def test_of_several_labels_one_that_differs_is_enough():
    labels, said = [[1, 0, 1], [0, 0, 1]], np.zeros((2, 2, IMAGES), bool)
    said[1, 0] = [True, False, True]
    measured = Measurements.of(KNOWN, **ONE, true_labels=np.array(labels, bool), predicted_labels=said)
    found = outcomes(measured)
    assert type(found) is SeveralLabels
    assert found.labels().tolist() == [[1, 0], [0, 0], [1, 1]]  # a row for each image
    assert found.predictions().tolist() == [[0, 1], [0, 0], [0, 1]]
    assert found.apart(found.labels(), found.predictions()).tolist() == [True, False, True]


def test_values_differ_by_more_than_a_thousandth():
    values = np.arange(12, dtype="float32").reshape(2, 2, IMAGES)
    measured = Measurements.of(KNOWN, **ONE, true_values=values[1], predicted_values=values)
    found = outcomes(measured)
    assert type(found) is Numbers
    assert found.labels().tolist() == found.predictions().tolist() == [[0, 6], [1, 7], [2, 8]]
    near = np.array([[0, 6.005], [1.002, 7], [2, 8.1]])
    assert found.apart(near, found.labels()).tolist() == [False, True, True]
    assert found.apart(np.array([[9e-6, 6], [1, 7], [2, 8]]), found.labels()).tolist() == [False] * 3


def test_what_is_not_targeted_reaches_nothing():
    found = make_measurements()
    assert reached(found, "pgd_targeted", 0.1).dtype == bool
    with pytest.raises(ValueError, match=r"'ddn' is not targeted, .* The targeted attacks are: pgd_targeted\.$"):
        reached(found, "ddn", 0.1)
    with pytest.raises(ValueError, match=r"'fgsm' is not targeted, .* The targeted attacks are: none\.$"):
        reached(Measurements.of(KNOWN, **ONE), "fgsm", 0.1)


def test_an_output_is_finite_where_there_is_a_prediction_that_of_the_first_class_too():
    found = outcomes(Measurements.of(KNOWN, label=[0, 1, 0], prediction=[[0, 1, -1], [1, -1, 0]]))
    assert found.finite().tolist() == [True, True, False]
    assert found.finite("fgsm").tolist() == [[True, False, True]]
