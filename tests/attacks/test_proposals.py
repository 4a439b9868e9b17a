"""Where the random search of Square begins, and what it proposes then."""

from __future__ import annotations

from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
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
    assert ((delta[:, :-1] > 0) != (delta[:, 1:] > 0)).any(axis=(0, 3)).all()


def test_on_a_side_of_fewer_than_ten_positions_five_bumps_of_one_position_lie_in_the_middle():
    delta = (proposals.begin_l2(tf.fill((64, 7, 9, 1), 0.5), KEYS, 0.1, (0, 1)) - 0.5).numpy()[..., 0]
    assert (delta != 0).any(axis=(0, 2)).tolist() == [False, *[True] * 5, False]
    assert (delta != 0).any(axis=(0, 1)).tolist() == [False] * 2 + [True] * 5 + [False] * 2


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


@pytest.mark.parametrize("part", [1.0, 0.5], ids=["all is spent", "half is left"])
def test_one_window_is_emptied_for_what_another_one_gets(part):
    x, epsilon, bounds = tf.fill((256, 15, 17, 3), 0.5), tf.constant(0.1), (-9, 9)
    before = x + part * (proposals.begin_l2(x, MANY, epsilon, bounds) - x)
    found = proposals.propose_l2(x, before, MANY, tf.constant(1), tf.constant(9 / (15 * 17)), epsilon, bounds)
    old, new = (np.asarray(images - x) for images in (before, found))
    emptied = (new == 0).all(-1) & (old != 0).all(-1)
    changed = ~np.isclose(new, old, rtol=1e-3, atol=1e-6).all(-1) & ~emptied
    apart = emptied.sum((1, 2)) == 9  # where both windows have no position in common, as in most images
    assert apart.mean() > 0.5
    for which in (emptied[apart], changed[apart]):
        for axes in (1, 2):  # both are squares of three positions
            assert (which.any(axes).sum(1) == 3).all()
            assert ((np.diff(which.any(axes).astype(int), axis=1) != 0).sum(1) <= 2).all()
    # Each channel spends in one window what it had in both, and its part of what is left of the budget.
    squares = (old.astype("float64") ** 2).sum((1, 2)) + (1 - part**2) * 0.1**2 / 3
    np.testing.assert_allclose((new.astype("float64") ** 2).sum((1, 2)), squares, rtol=1e-3)


def test_the_signs_of_the_first_bumps_say_nothing_of_one_another():
    delta = (proposals.begin_l2(tf.fill((256, 10, 10, 2), 0.5), MANY, 0.1, (0, 1)) - 0.5).numpy()
    signs = np.sign(delta.reshape(256, 5, 2, 5, 2, 2)[:, :, 0, :, 0]).reshape(256, 50)
    assert np.abs(signs.T @ signs / 256 - np.eye(50)).max() < 0.3


def test_windows_are_halved_along_each_axis_as_often():
    for shape in ((9, 1), (9, 9, 1), (9, 9, 9, 1)):
        axes = np.ravel(proposals._split(tf.zeros((256, *shape)), MANY, 3))
        np.testing.assert_allclose(np.bincount(axes) / 256, [1 / (len(shape) - 1)] * (len(shape) - 1), atol=0.1)


@pytest.mark.parametrize("side", [2, 3, 9])
def test_the_largest_window_of_noise_leaves_a_row_and_a_column(side):
    x = tf.fill((64, side, side, 1), 0.5)
    found = proposals.propose_linf(x, x, KEYS, tf.constant(1), tf.constant(1.0), tf.constant(0.1), (0, 1))
    changed = (found != x).numpy()[..., 0]
    assert (changed.sum((1, 2)) == (side - 1) ** 2).all()
    assert (changed.any(1).sum(1) == side - 1).all()


def test_a_window_of_noise_that_is_known_already_gets_the_opposite():
    """And only then, since the query would show nothing else: what differs in one row is proposed as it was drawn."""

    def propose(found):
        return proposals.propose_linf(x, found, KEYS, tf.constant(1), tf.constant(0.2), tf.constant(0.1), (0, 1))

    x = tf.fill((64, 9, 9, 2), 0.5)
    first = propose(x)
    np.testing.assert_allclose(propose(first) - x, x - first, atol=1e-6)
    for row in range(9):
        partly = tf.where(tf.reshape(tf.range(9) == row, (1, 9, 1, 1)), x, first)
        known = tf.reduce_all(partly == first, axis=(1, 2, 3), keepdims=True)
        np.testing.assert_allclose(propose(partly), tf.where(known, 2 * x - first, first), atol=1e-6)


def test_a_bump_in_a_window_that_is_larger_than_the_image_is_one_in_the_whole_image():
    window = proposals._Window(tf.zeros((2, 8, 5, 1)), KEYS[:2], tf.constant(0), tf.constant(11))
    first, second = np.split(window.bump(tf.fill([2, 1, 1, 1], 0)).numpy(), 2, axis=1)
    np.testing.assert_allclose(first, -second, rtol=1e-5)
    assert (first > 0).all()
    np.testing.assert_allclose(first, first[:, :, ::-1], rtol=1e-5)  # five positions have a middle
    first, second = np.split(window.bump(tf.fill([2, 1, 1, 1], 1)).numpy(), [2], axis=2)
    assert (first > 0).all()
    assert (second < 0).all()
    np.testing.assert_allclose(second, second[:, :, ::-1], rtol=1e-5)


def test_the_least_window_of_noise_is_one_position():
    x = tf.fill((64, 9, 9, 2), 0.5)
    found = proposals.propose_linf(x, x, KEYS, tf.constant(9), tf.constant(1e-3), tf.constant(0.1), (0, 1))
    assert ((found != x).numpy().any(-1).sum((1, 2)) == 1).all()


@pytest.mark.parametrize(
    ("shape", "to_maps", "laid_out"),
    [
        ((4, 6, 3), None, (0, 1, 2, 3)),
        ((3, 4, 6), (2, 3, 1), (0, 2, 3, 1)),
        ((5, 2), None, (0, 1, 2)),
        ((2, 5), (2, 1), (0, 2, 1)),
        ((2, 3, 4, 5), (2, 3, 4, 1), (0, 2, 3, 4, 1)),
    ],
    ids=str,
)
def test_images_are_laid_out_with_the_channels_last_and_back(shape, to_maps, laid_out):
    layers, rank = keras.layers, len(shape)
    convolution = {2: layers.Conv1D, 3: layers.Conv2D, 4: layers.Conv3D}[rank](2, 2, activation="relu")
    stack = [*([layers.Permute(to_maps)] if to_maps else []), convolution, layers.Flatten(), layers.Dense(2)]
    x = tf.constant(np.random.default_rng(0).random((3, *shape), dtype="float32"))
    grid = proposals.Grid(kax.ImageClassifier(keras.Sequential([keras.Input(shape), *stack])), x)
    np.testing.assert_array_equal(grid.lay_out(x), tf.transpose(x, laid_out))
    np.testing.assert_array_equal(grid.lay_back(grid.lay_out(x)), x)


def test_vectors_with_channels_first_are_laid_out_with_them_last():
    layers = keras.layers
    stack = [layers.Reshape((2, 2, 3)), layers.Permute((2, 3, 1)), layers.Conv2D(2, 2, activation="relu")]
    model = keras.Sequential([keras.Input((12,)), *stack, layers.Flatten(), layers.Dense(2)])
    x = tf.constant(np.random.default_rng(0).random((3, 12), dtype="float32"))
    grid = proposals.Grid(kax.ImageClassifier(model), x)
    np.testing.assert_array_equal(grid.lay_out(x), tf.transpose(tf.reshape(x, (3, 2, 2, 3)), (0, 2, 3, 1)))
    np.testing.assert_array_equal(grid.lay_back(grid.lay_out(x)), x)


@pytest.mark.parametrize("maps", [None, (4, 3, 1), (2, 3, 2)], ids=str)
def test_vectors_are_laid_out_as_the_model_does(maps):
    layers = keras.layers
    stack = [layers.Dense(4, activation="relu")]
    if maps:
        stack = [layers.Reshape(maps), layers.Conv2D(2, 2, activation="relu"), layers.Flatten()]
    x = tf.constant(np.random.default_rng(0).random((3, 12), dtype="float32"))
    model = keras.Sequential([keras.Input((12,)), *stack, layers.Dense(2)])
    grid = proposals.Grid(kax.ImageClassifier(model), x)
    np.testing.assert_array_equal(grid.lay_out(x), tf.reshape(x, (3, *(maps or (12, 1)))))
    np.testing.assert_array_equal(grid.lay_back(grid.lay_out(x)), x)


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
