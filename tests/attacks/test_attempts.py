"""The attempts of an iterative attack: which there are, whom they end for, and how far each of their steps goes."""

from __future__ import annotations

import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks import (
    Attack,
    Direction,
    GradientSteps,
    Objective,
    bounds_ball_bounds,
    steepest,
)

MODEL = linear.model(linear.weights(10))


def tenths(forward) -> tf.Tensor:
    return 10 * tf.reduce_mean(forward.images, axis=[1, 2, 3])


LABELLED = Objective(
    value=lambda forward, y: tenths(forward),
    gradient=lambda forward, y: tf.ones_like(forward.images),
    succeeds=lambda forward, y: tf.abs(tenths(forward) - tf.cast(y, tf.float32)) < 0.5,
)
"""Success is to be as bright as the label says, in tenths."""


class Brighter(Attack):
    """Attempts of one step of a tenth each, from 0.1, 0.3, 0.5, and so on."""

    def __init__(self, *, keep: str, attempts: int = 3) -> None:
        super().__init__()
        self.keep, self.attempts = keep, attempts

    def perturb(self, model, x, y, epsilon, forward):
        steps = GradientSteps(
            LABELLED,
            steepest("linf"),
            bounds_ball_bounds("linf"),
            np.array([0.1], "float32"),
            start=lambda x, epsilon, number: x + 0.1 + 0.2 * tf.cast(number, tf.float32),
            attempts=self.attempts,
            from_clean_pass=False,
            keep=self.keep,
        )
        return steps.run(model, forward, y, epsilon)


@pytest.mark.parametrize("keep", ["first_hit", "best"])
@pytest.mark.parametrize("labels", [range(7), [1, 5], [5], [2], [9]], ids=str)
def test_every_attempt_is_made_until_one_succeeds_also_by_its_last_step(labels, keep):
    """Also for one image that is left, or alone; where none succeeds, the end of the last attempt is the brightest."""
    x = np.zeros((len(labels), *linear.SHAPE), "float32")
    found = Brighter(keep=keep)(MODEL, x, list(labels), epsilon=1.0)
    expected = [label if label < 7 else 6 for label in labels]
    np.testing.assert_allclose(10 * found.reshape(len(labels), -1).T, [expected] * linear.PIXELS, atol=1e-5)


@pytest.mark.parametrize("keep", ["first_hit", "best", "last"])
def test_a_single_attempt_is_the_first(keep):
    x = np.zeros((2, *linear.SHAPE), "float32")
    np.testing.assert_allclose(Brighter(keep=keep, attempts=1)(MODEL, x, [9, 9], epsilon=1.0), 0.2, rtol=1e-6)


class Labelled(Attack):
    """Each attempt raises the pixel of its number, in one step."""

    def __init__(self, *, keep: str, attempts: int, from_clean_pass: bool) -> None:
        super().__init__()
        self.keep, self.attempts, self.from_clean_pass = keep, attempts, from_clean_pass

    def perturb(self, model, x, y, epsilon, forward):
        steps = GradientSteps(
            Objective(
                value=lambda forward, y: tf.cast(y, tf.float32) + tenths(forward),  # the last one is the best
                gradient=lambda forward, y: tf.reshape(tf.one_hot(y, linear.PIXELS), tf.shape(forward.images)),
                succeeds=lambda forward, y: tf.zeros_like(y, tf.bool),
            ),
            steepest("linf"),
            bounds_ball_bounds("linf"),
            np.array([1.0], "float32"),
            attempts=self.attempts,
            from_clean_pass=self.from_clean_pass,
            keep=self.keep,
        )
        return steps.run(model, forward, y, epsilon, labels=lambda number: tf.fill(tf.shape(y), number))


@pytest.mark.parametrize("from_clean_pass", [False, True])
@pytest.mark.parametrize(("keep", "attempts"), [("first_hit", 1), ("first_hit", 2), ("last", 1), ("best", 3)])
def test_each_attempt_has_its_own_labels_from_number_0(keep, attempts, from_clean_pass):
    x = np.zeros((2, *linear.SHAPE), "float32")
    attack = Labelled(keep=keep, attempts=attempts, from_clean_pass=from_clean_pass)
    moved = attack(MODEL, x, [9, 9], epsilon=0.5).reshape(2, -1)
    np.testing.assert_allclose(moved[:, attempts - 1], 0.5, rtol=1e-6)
    assert np.count_nonzero(moved) == 2


class PixelByPixel(Attack):
    """Raises another pixel in each step."""

    def __init__(self, *, keep: str, from_clean_pass: bool) -> None:
        super().__init__()
        self.keep, self.from_clean_pass = keep, from_clean_pass

    def perturb(self, model, x, y, epsilon, forward):
        def update(gradient, count):
            return tf.reshape(tf.one_hot(count, linear.PIXELS), tf.shape(gradient)), count + 1

        steps = GradientSteps(
            LABELLED,
            Direction(lambda x: tf.zeros(tf.shape(x)[:1], tf.int32), update),
            bounds_ball_bounds("linf"),
            np.array([0.4, 0.3, 0.1], "float32"),
            from_clean_pass=self.from_clean_pass,
            keep=self.keep,
        )
        return steps.run(model, forward, y, epsilon)


@pytest.mark.parametrize("from_clean_pass", [False, True])
@pytest.mark.parametrize("keep", ["first_hit", "best", "last"])
def test_each_step_has_its_own_size(keep, from_clean_pass):
    x = np.zeros((2, *linear.SHAPE), "float32")
    found = PixelByPixel(keep=keep, from_clean_pass=from_clean_pass)(MODEL, x, [9, 9], epsilon=0.5)
    expected = 0.5 * np.array([0.4, 0.3, 0.1])
    np.testing.assert_allclose(found.reshape(2, -1)[:, :3], [expected] * 2, rtol=1e-6)
    assert not found.reshape(2, -1)[:, 3:].any()
