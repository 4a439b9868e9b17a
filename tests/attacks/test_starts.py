"""Where attempts begin."""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks import at_images, uniform_start
from keras_advxai.attacks.starts import starts

X = tf.constant(helpers.random_images(3, (6, 6, 1)))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_uniform_starts_lie_within_epsilon_and_differ_by_attempt_seed_and_image(norm):
    start = uniform_start(norm, seed=1)
    first, second = (start(X, 0.1, number) - X for number in (0, 1))
    axes = tuple(range(1, 4))
    norms = np.abs(first).max(axes) if norm == "linf" else np.sqrt(np.square(first).sum(axes))
    assert ((norms > 0.02) & (norms <= 0.1 * (1 + 1e-5))).all()
    assert np.abs(first - second).max() > 0.01 / 6
    assert np.abs(first[0] - first[1]).max() > 0.01 / 6
    assert np.abs(uniform_start(norm, seed=2)(X, 0.1, 0) - X - first).max() > 0.01 / 6


def test_of_several_attempts_the_first_begins_at_the_images_unless_more_are_to():
    for first, start in (
        (1, starts("zero", "linf", 0, attempts=3)),
        (2, starts("zero", "linf", 0, attempts=3, first=2)),
    ):
        stay = [bool(np.array_equal(start(X, 0.1, number), X)) for number in range(3)]
        assert stay == [number < first for number in range(3)]


def test_the_named_starts():
    drawn = uniform_start("linf", 0)
    np.testing.assert_array_equal(starts("uniform", "linf", 0, attempts=3)(X, 0.1, 0), drawn(X, 0.1, 0))
    assert starts("zero", "linf", 0, attempts=1) is at_images
    assert starts("zero", "linf", 0, attempts=4, first=4) is at_images
    start = starts("zero", "linf", 0, attempts=4, first=2)
    for number in (0, 1):
        np.testing.assert_array_equal(start(X, 0.1, tf.constant(number)), X)
    for number in (2, 3):
        np.testing.assert_array_equal(start(X, 0.1, tf.constant(number)), drawn(X, 0.1, number))
