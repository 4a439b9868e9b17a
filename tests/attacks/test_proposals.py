"""Where the random search of Square begins, and what it proposes then."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.attacks import proposals

KEYS, MANY = tf.range(64), tf.range(256)


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


def paper(first: int, second: int) -> np.ndarray:
    """The bump of the paper's equation (2), in one half of a window: `(first, second)`, with `first >= second`."""
    middle = first // 2
    found = np.zeros((first, second))
    for row, column in product(range(1, first + 1), range(1, second + 1)):
        terms = middle - max(abs(row - first // 2 - 1), abs(column - second // 2 - 1))
        found[row - 1, column - 1] = sum(1 / (middle + 1 - term) ** 2 for term in range(terms + 1))
    return found


@pytest.mark.parametrize("side", [3, 5, 7, 9])
@pytest.mark.parametrize("axis", [0, 1])
def test_bumps_are_those_of_the_paper(side, axis):
    places = [tf.reshape(tf.range(side), shape) for shape in ([1, side, 1, 1], [1, 1, side, 1])]
    found = proposals._bump(places, [tf.constant(side)] * 2, tf.fill([1, 1, 1, 1], axis)).numpy()[0, :, :, 0]
    found, half = found if axis else found.T, side // 2
    np.testing.assert_allclose(found[:, :half], paper(side, half), rtol=1e-6)
    np.testing.assert_allclose(found[:, half:], -paper(side, side - half), rtol=1e-6)


def test_one_window_is_emptied_for_what_another_one_gets():
    x = tf.fill((256, 15, 15, 1), 0.5)
    before = proposals.begin_l2(x, MANY, 0.1, (-9, 9))
    found = proposals.propose_l2(x, before, MANY, tf.constant(1), tf.constant(0.04), tf.constant(0.1), (-9, 9))
    old, new = (np.asarray(images - x)[..., 0] for images in (before, found))
    assert (old != 0).all()
    emptied, changed = new == 0, ~np.isclose(new, old, rtol=1e-3, atol=0)
    apart = emptied.sum((1, 2)) == 9  # where both windows have no position in common, as in most images
    assert apart.mean() > 0.5
    assert (changed.sum((1, 2))[apart] > 9).all()
    for which in (emptied[apart], (changed & ~emptied)[apart]):
        for axes in (1, 2):  # both are squares of three positions
            assert (which.any(axes).sum(1) == 3).all()
            assert ((np.diff(which.any(axes).astype(int), axis=1) != 0).sum(1) <= 2).all()
    # What one window had is spent in the other one, so the whole is as long as before.
    np.testing.assert_allclose(np.linalg.norm(new.reshape(256, -1), axis=1), 0.1, rtol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("shape", [(7, 2), (9, 6, 3), (3, 5, 4, 2), (1, 5, 1), (30, 1)], ids=str)
def test_proposals_keep_the_budget_and_the_bounds_for_images_of_any_shape(norm, shape):
    x = tf.constant(np.random.default_rng(0).random((64, *shape), dtype="float32"))
    begin, propose = proposals.PROPOSALS[norm]
    found = begin(x, KEYS, 0.3, (0, 1))
    for step in range(1, 4):
        before = found
        found = propose(x, before, KEYS, tf.constant(step), tf.constant(0.1), tf.constant(0.3), (0, 1))
        delta = (found - x).numpy().reshape(64, -1)
        size = np.abs(delta).max(1) if norm == "linf" else np.linalg.norm(delta, axis=1)
        assert (size <= 0.3 * (1 + 1e-5)).all()
        assert (size > 0.01).all()
        assert found.numpy().min() >= 0
        assert found.numpy().max() <= 1
        assert (found != before).numpy().reshape(64, -1).any(1).mean() > 0.8


def test_a_window_of_noise_is_a_square_with_one_value_for_each_channel():
    x = tf.fill((64, 8, 8, 3), 0.5)
    begin, propose = proposals.PROPOSALS["linf"]
    stripes = (begin(x, KEYS, 0.1, (0, 1)) - x).numpy()
    np.testing.assert_allclose(stripes, np.broadcast_to(stripes[:, :1], x.shape))
    np.testing.assert_allclose(np.abs(stripes), 0.1, atol=1e-6)
    found = propose(x, x, KEYS, tf.constant(1), tf.constant(0.25), tf.constant(0.1), (0, 1))
    changed = (found != x).numpy()
    assert (changed.sum((1, 2)) == 16).all()
    rows, columns = changed.any((2, 3)), changed.any((1, 3))
    assert (rows.sum(1) == 4).all()
    assert (columns.sum(1) == 4).all()
    for side in (rows, columns):  # everywhere, from the first position to the last
        assert side.any(0).all()
        assert ((np.diff(side.astype(int), axis=1) != 0).sum(1) <= 2).all()


def test_a_bump_is_up_in_one_half_and_down_in_the_other():
    x = tf.zeros((64, 9, 9, 1))
    window = proposals._Window(x, KEYS, tf.constant(0), tf.constant(5))
    bump = window.bump(proposals._split(x, KEYS, 1)).numpy()
    np.testing.assert_allclose(np.sqrt((bump**2).sum((1, 2, 3))), 1, rtol=1e-5)
    assert ((bump > 0).sum((1, 2, 3)) == 10).all()
    assert ((bump < 0).sum((1, 2, 3)) == 15).all()
    np.testing.assert_allclose((np.maximum(bump, 0) ** 2).sum((1, 2, 3)), 0.5, rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_number_is_drawn_twice(norm, monkeypatch):
    """Or one choice of the search would follow from another."""
    counters: list[float] = []

    def recorded(draw):
        return lambda keys, counter, shape=(): (counters.append(float(counter)), draw(keys, counter, shape))[1]

    for name in ("uniform", "signs"):
        monkeypatch.setattr(proposals.random, name, recorded(getattr(proposals.random, name)))
    x, (begin, propose) = tf.fill((2, 9, 9, 1), 0.5), proposals.PROPOSALS[norm]
    found = begin(x, KEYS[:2], 0.1, (0, 1))
    for step in range(1, 8):
        found = propose(x, found, KEYS[:2], tf.constant(step), tf.constant(0.1), tf.constant(0.1), (0, 1))
    assert len(counters) == {"linf": 1 + 7 * 2, "l2": 2 + 7 * 4}[norm]
    assert len(set(counters)) == len(counters)
    assert all(counter.is_integer() for counter in counters)  # parts are cut off
