"""Resizing, normalising and telling blank maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.ops import heatmaps

MAPS = np.random.default_rng(0).random((3, 5, 4, 1)).astype("float32")


@pytest.mark.parametrize("size", [(5, 4), (10, 9), (3, 2), (1, 1), (224, 224)])
def test_resizing_is_that_of_tf_image(size):
    np.testing.assert_allclose(heatmaps.resize(MAPS, size), tf.image.resize(MAPS, size), atol=1e-6)


def test_resizing_by_hand():
    """Half-pixel centres: a step from 0 to 1 doubled in width is 0, 1/4, 3/4, 1."""
    found = heatmaps.resize(np.array([0.0, 1.0], "float32").reshape(1, 1, 2, 1), (1, 4))
    np.testing.assert_allclose(np.ravel(found), [0, 0.25, 0.75, 1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_resizing_keeps_the_type(dtype):
    assert heatmaps.resize(MAPS.astype(dtype), (7, 7)).dtype == dtype


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


def test_blank_is_zero_everywhere_and_nothing_else():
    maps = np.zeros((4, 2, 2, 1), "float32")
    maps[1, 0, 1] = 1e-30
    maps[2, 1, 1] = -1
    maps[3] = np.nan
    assert heatmaps.is_blank(maps).numpy().tolist() == [True, False, False, False]
