"""Tokens of a vision transformer as maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.ops.tokens import token_map


@pytest.mark.parametrize(("tokens", "side"), [(16, 4), (17, 4), (18, 4), (197, 14), (1, 1), (9, 3)])
def test_leading_tokens_are_dropped_until_a_square_is_left(tokens, side):
    values = np.random.default_rng(0).random((2, tokens, 3)).astype("float32")
    expected = values[:, tokens - side * side :].reshape(2, side, side, 3)
    np.testing.assert_array_equal(token_map(values), expected)


@pytest.mark.parametrize(
    ("count", "size", "grid"),
    [
        (16, (16, 64), (2, 8)),  # and a square of 4x4, which it is not
        (9, (32, 64), (2, 4)),  # 8 patches and a class token
        (8, (2, 3), (2, 3)),  # a token for each pixel, and two in front
        (16, (24, 40), (3, 5)),
        (19, (24, 40), (3, 5)),  # with registers
        (60, (160, 96), (10, 6)),
        (197, (200, 300), (14, 14)),  # resized to a square in the model
        (17, (32, 32), (4, 4)),
        (17, (None, None), (4, 4)),
        (6, (13, 20), (2, 3)),  # cut off
        (8, (13, 20), (2, 4)),
        (35, (13, 20), (5, 7)),
        (61, (13, 20), (6, 10)),  # and a class token
        (15, (18, 30), (3, 5)),  # filled up in both directions
        (32, (30, 62), (4, 8)),
    ],
)
def test_patches_are_laid_out_in_the_proportions_of_the_image(count, size, grid):
    values = np.random.default_rng(0).random((2, count, 3)).astype("float32")
    rows, columns = grid
    expected = values[:, count - rows * columns :].reshape(2, rows, columns, 3)
    np.testing.assert_array_equal(token_map(values, size), expected)


def test_it_is_made_of_operations_that_gradients_flow_through():
    x = tf.random.stateless_uniform((1, 5, 2), (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(token_map(x) * tf.reshape(tf.range(8.0), (1, 2, 2, 2)))
    expected = np.concatenate([np.zeros((1, 1, 2)), np.arange(8.0).reshape(1, 4, 2)], axis=1)
    np.testing.assert_array_equal(tape.gradient(value, x), expected)


@pytest.mark.parametrize(("count", "fits"), [(196, True), (197, True), (198, False), (199, False), (201, False)])
def test_a_square_in_another_image_has_one_token_in_front_at_most(count, fits):
    """A number that is a little above a square is found soon, and would pass for an image that was resized."""
    values = np.arange(count, dtype="float32").reshape(1, count, 1)
    if fits:
        expected = values[:, count - 196 :].reshape(1, 14, 14, 1)
        np.testing.assert_array_equal(token_map(values, (200, 300)), expected)
        return
    with pytest.raises(ValueError, match=f"{count} tokens are no grid of patches of an image of 200x300 pixels"):
        token_map(values, (200, 300))


def test_what_is_no_tokens_is_refused():
    with pytest.raises(ValueError, match="21 tokens are no grid of patches of an image of 30x50 pixels"):
        token_map(np.zeros((1, 21, 3)), (30, 50))
    # Of what was cut off or filled up there are so many grids that one would fit for any number with registers.
    with pytest.raises(ValueError, match="62 tokens are no grid of patches of an image of 13x20 pixels"):
        token_map(np.zeros((1, 62, 3)), (13, 20))
    with pytest.raises(ValueError, match=r"\(batch, tokens, channels\).* Received: shape=\(1, 4, 4, 2\)"):
        token_map(np.zeros((1, 4, 4, 2)))
    run = tf.function(token_map, input_signature=[tf.TensorSpec((None, None, 3))])
    with pytest.raises(ValueError, match=r"their number must be known. Received: shape=\(None, None, 3\)"):
        run.get_concrete_function()
