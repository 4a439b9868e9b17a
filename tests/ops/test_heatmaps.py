"""Resizing, normalising and telling blank maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from keras_advxai.ops import heatmaps

MAPS = np.random.default_rng(0).random((3, 5, 4, 1)).astype("float32")
SIGNALS = np.random.default_rng(1).random((3, 7, 1)).astype("float32")
VOLUMES = np.random.default_rng(2).random((3, 4, 5, 6, 1)).astype("float32")
OTHER_SIZES = [(SIGNALS, (20,)), (VOLUMES, (8, 11, 3))]


def linear(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation at half-pixel centres, continued by the border, by SciPy in float64."""
    centres = [(np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(size, maps.shape[1:-1], strict=True)]
    grid = np.meshgrid(*centres, indexing="ij")
    channels = np.moveaxis(maps.astype("float64"), -1, 1)
    found = [[ndimage.map_coordinates(c, grid, order=1, mode="nearest") for c in one] for one in channels]
    return np.moveaxis(np.array(found), 1, -1)


@pytest.mark.parametrize("size", [(5, 4), (10, 9), (3, 2), (1, 1), (224, 224)])
def test_resizing_is_that_of_tf_image(size):
    np.testing.assert_allclose(heatmaps.resize(MAPS, size), tf.image.resize(MAPS, size), atol=1e-6)


def test_resizing_by_hand():
    """Half-pixel centres: a step from 0 to 1 doubled in width is 0, 1/4, 3/4, 1."""
    found = heatmaps.resize(np.array([0.0, 1.0], "float32").reshape(1, 1, 2, 1), (1, 4))
    np.testing.assert_allclose(np.ravel(found), [0, 0.25, 0.75, 1])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 1000])
def test_resizing_a_signal_is_that_of_an_image_one_pixel_wide(size):
    expected = tf.image.resize(SIGNALS[:, :, None], (size, 1))[:, :, 0]
    np.testing.assert_array_equal(heatmaps.resize(SIGNALS, (size,)), expected)


@settings(deadline=None, max_examples=60)
@given(
    sides=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 20)), min_size=1, max_size=3),
    batch=st.integers(0, 3),
    channels=st.integers(1, 3),
)
def test_resizing_is_linear_in_each_dimension(sides, batch, channels):
    old, new = zip(*sides, strict=True)
    maps = np.random.default_rng(0).random((batch, *old, channels)).astype("float32")
    found = heatmaps.resize(maps, new)
    assert found.shape == (batch, *new, channels)
    if batch:
        np.testing.assert_allclose(found, linear(maps, new), atol=5e-6)


def test_resizing_does_not_antialias():
    """A third of the frames: the middle one of each three."""
    found = heatmaps.resize(np.arange(9, dtype="float32").reshape(1, 9, 1, 1, 1), (3, 1, 1))
    np.testing.assert_array_equal(np.ravel(found), [1, 4, 7])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("maps", "size"), [(MAPS, (7, 7)), *OTHER_SIZES])
def test_resizing_keeps_the_type(maps, size, dtype):
    assert heatmaps.resize(maps.astype(dtype), size).dtype == dtype


@pytest.mark.parametrize("convert", [list, np.array, tf.constant, tf.TensorShape])
@pytest.mark.parametrize(("maps", "size"), [(MAPS, (7, 7)), *OTHER_SIZES])
def test_resizing_to_kinds_of_sizes(maps, size, convert):
    np.testing.assert_array_equal(heatmaps.resize(maps, convert(size)), heatmaps.resize(maps, size))


@pytest.mark.parametrize(("maps", "size"), OTHER_SIZES)
def test_resizing_signals_and_volumes_in_a_function(maps, size):
    run = tf.function(lambda x: heatmaps.resize(x, size))
    np.testing.assert_allclose(run(maps), linear(maps, size), atol=2e-6)
    assert run.get_concrete_function(tf.TensorSpec((None, *maps.shape[1:]))).output_shapes == (None, *size, 1)


@pytest.mark.parametrize("length_is_known", [False, True])
@pytest.mark.parametrize(("maps", "size"), OTHER_SIZES)
def test_resizing_signals_and_volumes_to_a_size_that_is_known_later(maps, size, length_is_known):
    length = len(size) if length_is_known else None
    signature = [tf.TensorSpec([None] * (maps.ndim - 1) + [1]), tf.TensorSpec([length], tf.int32)]
    run = tf.function(heatmaps.resize, input_signature=signature)
    np.testing.assert_array_equal(run(maps, tf.constant(size)), heatmaps.resize(maps, size))


def test_resizing_has_a_gradient():
    """Each of the positions is a weighted mean: the weights of all add up to the number of positions."""
    maps = tf.constant(VOLUMES)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        found = heatmaps.resize(maps, (8, 11, 12))
    np.testing.assert_allclose(np.sum(tape.gradient(found, maps), (1, 2, 3, 4)), 8 * 11 * 12, rtol=1e-5)


@pytest.mark.parametrize(
    ("maps", "size"), [(MAPS, (7,)), (SIGNALS, (7, 7)), (VOLUMES, (7, 7)), (VOLUMES, tf.constant(7)), (SIGNALS, ())]
)
def test_a_size_of_other_dimensions(maps, size):
    with pytest.raises(ValueError, match=r"`size` must hold a number for each dimension of positions, \d. Received"):
        heatmaps.resize(maps, size)


@pytest.mark.parametrize("shape", [(3, 4), (3,), (3, 4, 4, 4, 4, 1)])
def test_maps_of_no_or_too_many_dimensions(shape):
    with pytest.raises(ValueError, match=r"`maps` must have the shape \(batch, \*positions, channels\).*Received"):
        heatmaps.resize(np.zeros(shape, "float32"), (5,) * (len(shape) - 2))


def test_resizing_to_a_size_that_is_known_later():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1]), tf.TensorSpec([2], tf.int32)])
    def run(maps, size):
        return heatmaps.resize(maps, size)

    np.testing.assert_allclose(run(MAPS, tf.constant([8, 9])), tf.image.resize(MAPS, (8, 9)), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-13, 1.0, 1e30])
def test_maps_of_every_magnitude_are_divided_by_their_maximum(scale):
    found = heatmaps.normalize(MAPS * np.float32(scale))
    np.testing.assert_allclose(found, MAPS / MAPS.max((1, 2, 3), keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(np.max(found, (1, 2, 3)), 1)


def test_each_image_by_itself():
    scaled = MAPS * np.array([1, 10, 100], "float32")[:, None, None, None]
    np.testing.assert_allclose(heatmaps.normalize(scaled), heatmaps.normalize(MAPS), rtol=1e-6)


@pytest.mark.parametrize("method", ["max", "min_max"])
@pytest.mark.parametrize("maps", [SIGNALS, VOLUMES])
def test_signals_and_volumes_are_normalised_as_images(maps, method):
    as_images = maps.reshape(3, -1, 1, 1)
    expected = np.reshape(heatmaps.normalize(as_images, method), maps.shape)
    np.testing.assert_array_equal(heatmaps.normalize(maps, method), expected)


def test_signed_maps_keep_their_sign():
    maps = np.array([1.0, -2.0, 0.5], "float32").reshape(1, 1, 3, 1)
    np.testing.assert_allclose(np.ravel(heatmaps.normalize(maps)), [0.5, -1, 0.25])


def test_a_constant_positive_map_is_1_and_a_blank_one_0():
    maps = np.stack([np.full((5, 4, 1), 0.3), np.zeros((5, 4, 1))]).astype("float32")
    np.testing.assert_array_equal(heatmaps.normalize(maps), [np.ones((5, 4, 1)), np.zeros((5, 4, 1))])
    np.testing.assert_array_equal(heatmaps.normalize(maps, "min_max"), 0)


def test_min_max_spans_0_to_1():
    found = heatmaps.normalize(MAPS + 5, "min_max")
    np.testing.assert_allclose(np.min(found, (1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(np.max(found, (1, 2, 3)), 1, atol=1e-6)
    lowest = MAPS.min((1, 2, 3), keepdims=True)
    expected = (MAPS - lowest) / (MAPS.max((1, 2, 3), keepdims=True) - lowest)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_unknown_method():
    with pytest.raises(ValueError, match=r"Argument `method` must be max or min_max. Received: method='minmax'"):
        heatmaps.normalize(MAPS, "minmax")


@pytest.mark.parametrize("positions", [(4,), (2, 3, 4)])
def test_blank_signals_and_volumes(positions):
    maps = np.zeros((3, *positions, 1), "float32")
    maps[1].flat[-1] = 1e-30
    assert heatmaps.is_blank(maps).numpy().tolist() == [True, False, True]


def test_blank_is_zero_everywhere_and_nothing_else():
    maps = np.zeros((4, 2, 2, 1), "float32")
    maps[1, 0, 1] = 1e-30
    maps[2, 1, 1] = -1
    maps[3] = np.nan
    assert heatmaps.is_blank(maps).numpy().tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 5, 3), (9,)), ((2, 5, 4, 3), (9, 7)), ((2, 5, 4, 3), (3, 6)), ((1, 3, 4, 5, 2), (5, 2, 9))]
)
def test_resizing_by_corners_is_linear_in_each_dimension(shape, size):
    """As `numpy.interp` of places of which the first and the last are the old ones, along one axis after another."""
    maps = np.random.default_rng(4).random(shape).astype("float32")
    expected = maps.astype("float64")
    for axis, after in enumerate(size, start=1):
        before = expected.shape[axis]
        places = np.linspace(0, before - 1, after)
        expected = np.apply_along_axis(lambda row, at=places: np.interp(at, np.arange(len(row)), row), axis, expected)
    np.testing.assert_allclose(heatmaps.resize_corners(maps, size), expected, atol=1e-6)
