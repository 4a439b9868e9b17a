"""Where the random search of Square begins."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_advxai.attacks import proposals

KEYS = tf.range(64)


def test_the_first_proposal_is_a_grid_of_five_bumps_a_side_with_what_is_left_over_at_both_ends():
    x = tf.fill((64, 12, 17, 2), 0.5)
    delta = (proposals.begin_l2(x, KEYS, 0.1, (0, 1)) - x).numpy()
    # Bumps of 2 and of 3 positions leave 2 rows and 2 columns.
    changed = (delta != 0).any(axis=(0, 3))
    assert changed[1:-1, 1:-1].all()
    assert changed.sum() == 10 * 15
    np.testing.assert_allclose(np.sqrt((delta.astype("float64") ** 2).sum((1, 2, 3))), 0.1, rtol=1e-4)
    bumps = delta[:, 1:-1, 1:-1].reshape(64, 5, 2, 5, 3, 2)
    first = np.abs(bumps[:, :1, :, :1])
    np.testing.assert_allclose(
        np.abs(bumps), np.broadcast_to(first, bumps.shape), atol=1e-6
    )  # each the same, up or down
    signs = np.sign(bumps[:, :, 0, :, 0])
    assert abs(signs.mean()) < 4.5 / np.sqrt(signs.size)
    assert (signs != signs[:, :1, :1]).any(axis=(1, 2, 3)).all()


def test_on_a_side_of_fewer_than_five_positions_bumps_are_of_one_position():
    x = tf.fill((64, 3, 10, 1), 0.5)
    delta = (proposals.begin_l2(x, KEYS, 0.1, (0, 1)) - x).numpy()
    assert (delta != 0).any(axis=(0, 3)).all()
