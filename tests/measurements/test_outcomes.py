"""What counts as another output: a class, a label or a value."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from made_measurements import make_measurements

from keras_advxai.evaluation import Coordinates, Measurements
from keras_advxai.measurements import accuracy
from keras_advxai.measurements.accuracy import reached
from keras_advxai.measurements.outcomes import Numbers, OneClass, SeveralLabels, outcomes
from keras_advxai.measurements.row import accuracy_row

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


def test_of_several_labels_each_counts_by_itself_and_images_by_all_of_theirs():
    known = dataclasses.replace(KNOWN, classes=4)
    true = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]], bool)  # a row for each label
    clean, attacked = true.copy(), true.copy()
    clean[0, 1] ^= True
    attacked[:, 0] ^= True  # all labels of the first image
    attacked[1:3, 1] ^= True
    one = {"label": np.zeros(IMAGES, int), "prediction": np.zeros((2, IMAGES), int)}
    said = np.stack([clean, attacked], axis=1)
    measured = Measurements.of(known, **one, true_labels=true, predicted_labels=said)
    found, at = outcomes(measured), ("fgsm", 0.1)
    assert found.share().tolist() == [1, 0.75, 1]
    assert found.share(*at).tolist() == [0, 0.5, 1]
    assert found.correct().tolist() == [True, False, True]
    assert found.correct(*at).tolist() == [False, False, True]
    assert found.flips(*at).tolist() == [1, 0.75, 0]
    assert found.flipped(*at).tolist() == [True, True, False]
    assert (accuracy.accuracy(measured, *at), accuracy.exact_accuracy(measured, *at)) == (0.5, 1 / 3)
    assert accuracy.flip_rate(measured, *at) == 7 / 12
    assert accuracy.label_flip_rates(measured, *at).tolist() == [2 / 3, 2 / 3, 2 / 3, 1 / 3]
    assert accuracy.attack_success_rate(measured, *at) == 0.5
    row = accuracy_row(measured, *at)
    assert (row.accuracy, row.exact_accuracy, row.flip_rate, row.attack_success_rate) == (0.5, 1 / 3, 7 / 12, 0.5)
    assert math.isnan(row.mean_change)
    assert math.isnan(row.targeted_success_rate)


def test_of_one_class_all_labels_of_an_image_are_no_figure_of_their_own():
    row = accuracy_row(Measurements.of(KNOWN, label=[1, 0, 1], prediction=[[1, 1, 1], [0, 0, 1]]), "fgsm", 0.1)
    assert (row.accuracy, row.flip_rate, row.attack_success_rate) == (2 / 3, 2 / 3, 0.5)
    assert math.isnan(row.exact_accuracy)
    assert math.isnan(row.mean_change)


def test_of_values_there_is_the_change_alone():
    values = np.array([[[1, 2, 3], [2, 2, 1]], [[0, 0, 0], [0, 3, 0]]], "float32")  # (outputs, conditions, images)
    measured = Measurements.of(KNOWN, **ONE, true_values=values[:, 1], predicted_values=values)
    row = accuracy_row(measured, "fgsm", 0.1)
    assert row.mean_change == 1
    assert accuracy.mean_error(measured) == 1
    assert outcomes(measured).change("fgsm", 0.1).tolist() == [0.5, 1.5, 1]
    assert outcomes(measured).error().tolist() == [0.5, 1.5, 1]
    assert outcomes(measured).error("fgsm", 0.1).tolist() == [0, 0, 0]  # the values are those of the attacked images
    for nothing in (row.accuracy, row.flip_rate, row.exact_accuracy):
        assert math.isnan(nothing)


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
