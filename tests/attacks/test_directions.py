"""Directions of steps, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks import momentum, steepest

GRADIENT = tf.constant([[3.0, -4.0], [0.0, 2.0]])


def test_the_steepest_direction_has_norm_1_and_no_memory():
    rule = steepest("linf")
    assert rule.init(GRADIENT) == ()
    np.testing.assert_array_equal(rule.update(GRADIENT, ())[0], [[1, -1], [0, 1]])
    direction, memory = steepest("l2").update(GRADIENT, ())
    np.testing.assert_allclose(direction, [[0.6, -0.8], [0, 1]], rtol=1e-6)
    assert memory == ()


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_momentum_gathers_gradients_divided_by_their_mean_absolute_value(scale):
    rule = momentum("l2", decay=0.5)
    memory = rule.init(GRADIENT)
    np.testing.assert_array_equal(memory, np.zeros((2, 2)))
    _, memory = rule.update(scale * GRADIENT, memory)
    first = np.array([[3, -4], [0, 2]]) / [[3.5], [1]]
    np.testing.assert_allclose(memory, first, rtol=1e-6)
    direction, memory = rule.update(tf.constant([[1.0, 1.0], [0.0, 0.0]]), memory)
    gathered = 0.5 * first + [[1, 1], [0, 0]]
    np.testing.assert_allclose(memory, gathered, rtol=1e-6)
    np.testing.assert_allclose(direction, gathered / np.linalg.norm(gathered, axis=1, keepdims=True), rtol=1e-6)


def test_nothing_gathered_is_no_direction():
    nothing = tf.zeros([1, 2])
    for norm in ("linf", "l2"):
        np.testing.assert_array_equal(momentum(norm, 1.0).update(nothing, nothing)[0], [[0, 0]])
