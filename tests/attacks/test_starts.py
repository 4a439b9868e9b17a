"""Where attempts begin."""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks import at_images, uniform_start
from keras_advxai.attacks.starts import starts, uniform_in_ball

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


def test_in_linf_each_pixel_is_drawn_uniformly_by_itself():
    """They fill the box to its corners, as the balls of other norms do not."""
    drawn = uniform_in_ball(tf.constant(helpers.random_images(8, (20, 20, 1))), "linf", 0, 1).numpy()
    quantiles = np.quantile(drawn, [0.1, 0.25, 0.5, 0.75, 0.9])
    np.testing.assert_allclose(quantiles, [-0.8, -0.5, 0, 0.5, 0.8], atol=0.05)
    assert 0.98 < np.abs(drawn).max() <= 1
    assert np.abs(np.corrcoef(drawn[..., :10, 0].ravel(), drawn[..., 10:, 0].ravel())[0, 1]) < 0.1


def test_in_l2_the_ball_is_filled_evenly():
    """Of a uniform draw of d numbers the norm to the power of d is uniform, and no direction is preferred."""
    drawn = uniform_in_ball(tf.constant(helpers.random_images(2000, (1, 3, 1))), "l2", 0, 1).numpy().reshape(-1, 3)
    volumes = np.linalg.norm(drawn, axis=1) ** 3
    np.testing.assert_allclose(
        np.quantile(volumes, [0.1, 0.25, 0.5, 0.75, 0.9]), [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.05
    )
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), np.sqrt(1 / 5), rtol=0.05)


def test_the_length_and_the_direction_of_draws_have_nothing_in_common():
    """Neither within a draw nor from one draw to another: all of an image's numbers come from one key."""
    images = tf.constant(helpers.random_images(2000, (1, 2, 1)))
    drawn = [uniform_in_ball(images, "l2", 0, number).numpy().reshape(-1, 2) for number in range(4)]
    lengths = [np.linalg.norm(each, axis=1) for each in drawn]
    angles = [np.arctan2(*each.T) for each in drawn]
    numbers = np.array([*lengths, *np.cos(angles), *np.sin(angles), *np.abs(np.cos(angles)), *np.abs(np.sin(angles))])
    together = np.corrcoef(numbers)
    of_lengths = np.abs(together[:4] - np.eye(20)[:4])
    assert of_lengths.max() < 0.1


@pytest.mark.parametrize("shape", [(6, 6, 1), (None, 6, 1), (6, None, 1), (None, None, 1)], ids=str)
def test_sides_that_are_open_while_a_graph_is_traced_make_no_difference(shape):
    for norm in ("linf", "l2"):
        signature = [tf.TensorSpec((None, *shape))]
        traced = tf.function(lambda x, norm=norm: uniform_in_ball(x, norm, 0, 1), input_signature=signature)
        np.testing.assert_allclose(traced(X), uniform_in_ball(X, norm, 0, 1), atol=1e-6)


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
