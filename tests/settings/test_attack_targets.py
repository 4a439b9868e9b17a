"""Which class a targeted attack is to reach: never one of the image's own."""

from __future__ import annotations

import keras
import numpy as np
from helpers import linear_model

import keras_advxai as kax
from keras_advxai.settings.attack_targets import TargetRule

CLASSES, IMAGES = 5, 4000
X = np.random.default_rng(0).random((IMAGES, 1, CLASSES, 1), dtype="float32")
LABELS = np.arange(IMAGES, dtype="int32") % CLASSES


def forward(x=X):
    """A pass in which the logits are the pixels."""
    return kax.ImageClassifier(linear_model(np.eye(CLASSES), (1, CLASSES, 1))).forward(x)


def targets(rule, labels=LABELS, given=None, seed=0, x=X) -> np.ndarray:
    return TargetRule(rule, seed).targets(forward(x), keras.ops.convert_to_tensor(labels), given).numpy()


def test_random_targets_are_all_other_classes_equally_often_and_those_of_the_image():
    found = targets("random")
    assert (found != LABELS).all()
    shift = np.bincount((found - LABELS) % CLASSES, minlength=CLASSES)
    assert shift[0] == 0
    expected = IMAGES / (CLASSES - 1)
    assert (np.abs(shift[1:] - expected) < 4.5 * np.sqrt(expected)).all()
    for label in range(CLASSES):
        assert set(found[label == LABELS]) == set(range(CLASSES)) - {label}
    order = np.random.default_rng(1).permutation(IMAGES)[:50]
    np.testing.assert_array_equal(targets("random", LABELS[order], x=X[order]), found[order])
    assert 0.7 < (targets("random", seed=1) != found).mean() < 0.8  # 3 of 4


def test_the_runner_up_and_the_least_likely_are_those_of_the_logits_without_the_label():
    others = np.where(np.eye(CLASSES)[LABELS] > 0, np.nan, X[:, 0, :, 0])
    np.testing.assert_array_equal(targets("runner_up"), np.nanargmax(others, axis=1))
    np.testing.assert_array_equal(targets("least_likely"), np.nanargmin(others, axis=1))


def test_a_class_is_that_of_all_images_and_what_is_given_goes_before_any_rule():
    assert (targets(3) == 3).all()
    given = keras.ops.convert_to_tensor(LABELS[::-1].astype("int64"))
    for rule in ("given", "random", 3):
        found = targets(rule, given=given)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, LABELS[::-1])
