"""What an evaluation says beside what the training has measured."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.checks import TRAINING, TrainingEvidence
from keras_advxai.evaluation import Coordinates, Measurements

COORDINATES = Coordinates((), (), ("nissim",), ("predicted",), (0.1,), classes=2)


def evidence(right, count, reported, **known):
    coordinates = COORDINATES
    predictions = [(np.arange(count) >= right).astype(int)]
    found = Measurements.of(
        coordinates, label=np.zeros(count, int), prediction=predictions, confidence=np.ones((1, count))
    )
    return TrainingEvidence(found, reported=None if reported is None else ("val_accuracy", reported), **known)


def ids(*args, **known):
    return [finding.id for finding in TRAINING.findings(evidence(*args, **known))]


@pytest.mark.parametrize(
    ("right", "count", "reported", "differs"),
    [
        (46, 256, 0.956, True),  # 0.18: preprocessing forgotten
        (242, 256, 0.956, False),
        (200, 256, 0.956, True),  # 0.78, where 4 standard errors of 0.026 and 0.05 make 0.15
        (215, 256, 0.956, False),  # 0.84, where they make 0.14
        (10, 10, 0.5, False),  # ten images say little
        (0, 20, 0.7, True),  # 0.7, where they make 0.46
        (0, 20, 0.2, False),
        (128, 256, None, False),
    ],
)
def test_accuracies_differ_where_chance_does_not_explain_it(right, count, reported, differs):
    assert ids(right, count, reported) == (["other-validation-accuracy"] if differs else [])


def test_the_sentence_has_both():
    (finding,) = TRAINING.findings(evidence(46, 256, 0.956))
    assert "on the 256 clean images is 0.180, and val_accuracy is 0.956." in finding
    assert finding.severity == "warning"


def test_without_labels_there_is_nothing_to_compare():
    assert not ids(256, 256, 0.3, has_labels=False)


def test_other_weights_explain_another_accuracy():
    assert ids(46, 256, 0.956, other_weights=True) == ["other-weights"]


def test_an_average_is_said_beside_what_it_does_not_explain():
    assert ids(46, 256, 0.956, averaged=True) == ["averaged-weights", "other-validation-accuracy"]


def of_images(keys):
    label = np.zeros(len(keys), int)
    return Measurements.of(COORDINATES, label=label, prediction=[label], confidence=[label + 1.0], image_key=keys)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], {}),
        ([1, 2, 3, 4], [2, 1, 3, 4], {"other-order": "These 4 images are in another order"}),
        ([1, 2, 3, 4], [2, 1, 3, 5], {"other-images": "Of these 4 images, 3 are among the 4 of the first"}),
        # One that is there twice is not the same images as two that are.
        ([7, 7, 8, 9], [7, 8, 8, 9], {"other-images": "Of these 4 images, 3 are among the 4 of the first"}),
        ([1, 2, 3, 4], [5, 6, 7, 8], {"other-images": "Of these 4 images, 0 are among the 4 of the first"}),
    ],
)
def test_images_that_are_others_or_in_another_order_are_told(before, now, said):
    found = TRAINING.findings(TrainingEvidence(of_images(now), earlier=of_images(before)))
    assert [finding.id for finding in found] == list(said)
    assert all(finding.startswith(said[finding.id]) for finding in found)


def test_of_reports_without_hashes_of_images_nothing_is_known():
    old = evidence(4, 4, None).measurements
    assert not TRAINING.findings(TrainingEvidence(old, earlier=of_images([1, 2, 3, 4])))
    assert not TRAINING.findings(TrainingEvidence(of_images([1, 2, 3, 4]), earlier=old))
