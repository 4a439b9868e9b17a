"""Sigmoids that are thresholds between classes in an order: told where taken for classes, and read by `reduce`."""

from __future__ import annotations

import keras
import numpy as np
import pages
import pytest

import keras_advxai as kax
from keras_advxai.models.labels import check_no_thresholds

L = keras.layers
CUTS = np.array([0.2, 0.4, 0.6, 0.8])
GENERATOR = np.random.default_rng(0)
Y = np.arange(100) % 5
X = (0.1 + 0.2 * Y + 0.02 * (GENERATOR.random(100) - 0.5)).reshape(-1, 1, 1, 1).astype("float32")
SETTINGS = {"explainers": (), "epsilons": [0.05], "progress": False}


def ordinal(cuts=CUTS, steepness=40.0):
    """A brightness, and one sigmoid for each cut: whether it is beyond it."""
    model = keras.Sequential([L.Input((1, 1, 1)), L.Flatten(), L.Dense(len(cuts), activation="sigmoid")])
    model.set_weights([np.full((1, len(cuts)), steepness), -steepness * np.asarray(cuts)])
    return model


@pytest.fixture(scope="module")
def of_thresholds():
    """The function of the page."""
    blocks = [block for _, block in pages.blocks(pages.ROOT / "docs" / "tasks.md", "python")]
    (block,) = [item for item in blocks if "def of_thresholds" in item]
    known = {"keras": keras}
    exec(block[: block.index("grade = ")], known)
    return known["of_thresholds"]


def test_the_page_s_function_makes_the_classes_and_their_probabilities(of_thresholds):
    report = kax.evaluate(ordinal(), (X, Y), reduce=of_thresholds, **SETTINGS)
    beyond = 1 / (1 + np.exp(-40.0 * (X.reshape(-1, 1) - CUTS)))
    each = -np.diff(np.concatenate([np.ones((100, 1)), beyond, np.zeros((100, 1))], axis=1))
    assert report.clean_accuracy == 1
    np.testing.assert_array_equal(report.measurements.at("prediction"), each.argmax(-1))
    np.testing.assert_allclose(report.measurements.at("confidence"), each.max(-1), rtol=1e-3)
    assert report.accuracy("fgsm", 0.05) == 1  # a half of what lies between an image and the next cut
    assert "ordinal-head" not in {finding.id for finding in report.warnings}


def test_labels_beyond_the_sigmoids_are_refused_with_the_way_out(of_thresholds):
    with pytest.raises(ValueError, match=r"Received: labels from 0 to 4\. If its sigmoids are thresholds .* 5 classes"):
        kax.evaluate(ordinal(), (X, Y), **SETTINGS)
    with pytest.raises(ValueError, match=r"labels from 0 to 5$"):  # of the classes that the function makes
        kax.evaluate(ordinal(), (X, np.where(Y == 4, 5, Y)), reduce=of_thresholds, **SETTINGS)
    with pytest.raises(ValueError, match=r"labels from 0 to 9$"):
        kax.evaluate(ordinal(), (X, np.where(Y == 4, 9, Y)), **SETTINGS)


@pytest.mark.parametrize("y", [np.array([0, 1, 3]), np.eye(4)[[0, 1, 2]], np.array([[0], [3]]), np.array([-1, 4])])
def test_other_labels_are_no_sign_of_thresholds(y):
    assert check_no_thresholds(y, 4, "`y`") is None


def told(model, y):
    report = kax.evaluate(model, (X, y), **SETTINGS)
    return [str(finding) for finding in report.warnings if finding.id == "ordinal-head"]


def test_thresholds_that_are_taken_for_classes_are_told():
    """With a first cut that everything is beyond, there are as many sigmoids as classes."""
    (sentence,) = told(ordinal([-1, *CUTS]), Y)
    assert sentence.startswith(
        "Of the model's 5 sigmoids the first is the largest on 100.0 % of the images, and 20.0 %"
    )
    assert "`reduce`" in sentence


def test_sigmoids_of_classes_are_not_nor_data_that_are_mostly_class_0():
    model = keras.Sequential([L.Input((1, 1, 1)), L.Flatten(), L.Dense(5, activation="sigmoid")])
    centres = 0.1 + 0.2 * np.arange(5)
    model.set_weights([100 * centres[None], -50 * centres**2])  # the nearest centre
    assert not told(model, Y)
    assert not told(ordinal([-1, *CUTS]), np.where(np.arange(100) < 60, 0, Y))
