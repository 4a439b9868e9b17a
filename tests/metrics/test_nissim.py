"""NISSIM: what it accepts, what it refuses, and what its values mean."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from keras_advxai.metrics import nissim


def heatmaps(batch: int = 3, side: int = 16, seed: int = 0) -> np.ndarray:
    maps = np.random.default_rng(seed).random((batch, side, side, 1))
    return maps / maps.max(axis=(1, 2, 3), keepdims=True)


def test_is_half_of_one_minus_scikit_images_ssim():
    a, b = heatmaps(seed=1), heatmaps(seed=2)
    expected = [
        (1 - structural_similarity(x[..., 0], y[..., 0], data_range=1.0)) / 2 for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(nissim(a, b), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(3, 40, 1), (3, 5, 1), (3, 8, 9, 7, 1), (3, 4, 12, 12, 1)], ids=str)
def test_signals_and_volumes(shape):
    a, b = (np.random.default_rng(seed).random(shape) for seed in (1, 2))
    window = max(odd for odd in (3, 5, 7) if odd <= min(shape[1:-1]))
    expected = [
        (1 - structural_similarity(x[..., 0], y[..., 0], data_range=1.0, win_size=window)) / 2
        for x, y in zip(a, b, strict=True)
    ]
    found = nissim(a, b)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(tf.function(nissim)(a, b), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found, nissim(b, a), rtol=0, atol=1e-15)
    assert np.all((found > 0) & (found < 1))
    assert np.all(nissim(a, a.copy()) == 0)
    with pytest.raises(ValueError, match=r"finite values in \[0, 1\]"):
        nissim(a, 2 * b)


def test_the_last_dimension_tells_signals_from_images_without_channels():
    """`(batch, steps, 1)` is a signal; were it an image one pixel wide, the number would be the same."""
    a, b = (np.random.default_rng(seed).random((3, 16, 16)) for seed in (1, 2))
    np.testing.assert_array_equal(nissim(a, b), nissim(a[..., None], b[..., None]))
    signals = a[:, :, :1], b[:, :, :1]
    assert np.all(np.abs(nissim(*signals) - nissim(a, b)) > 0.001)
    np.testing.assert_allclose(nissim(*signals), nissim(*(x[..., None] for x in signals)), rtol=0, atol=1e-15)


def test_numpy_in_numpy_out_and_tensor_in_tensor_out():
    a, b = heatmaps(seed=1).astype("float32"), heatmaps(seed=2).astype("float32")
    as_numpy, as_tensor = nissim(a, b), nissim(tf.constant(a), tf.constant(b))
    assert isinstance(as_numpy, np.ndarray)
    assert as_numpy.dtype == "float64"
    assert as_numpy.shape == (3,)
    assert tf.is_tensor(as_tensor)
    assert as_tensor.dtype == tf.float64
    assert tf.is_tensor(nissim(a, tf.constant(b)))
    np.testing.assert_array_equal(as_numpy, as_tensor)
    as_numpy += 1  # the caller's own array


def test_channel_axis_may_be_left_out():
    a, b = heatmaps(seed=1), heatmaps(seed=2)
    np.testing.assert_array_equal(nissim(a[..., 0], b[..., 0]), nissim(a, b))
    np.testing.assert_array_equal(nissim(a[..., 0], b), nissim(a, b))
    np.testing.assert_array_equal(nissim(a[..., 0].tolist(), b[..., 0].tolist()) > 0, [True] * 3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_same_maps_are_exactly_zero(dtype):
    a = heatmaps().astype(dtype)
    assert np.all(nissim(a, a.copy()) == 0)
    assert np.all(nissim(tf.constant(a), tf.constant(a)).numpy() == 0)
    assert np.all(tf.function(nissim)(a, a).numpy() == 0)


def test_blank_against_any_map_is_about_half_and_against_blank_zero():
    a, blank = heatmaps(), np.zeros((3, 16, 16, 1))
    np.testing.assert_allclose(nissim(a, blank), 0.5, atol=0.01)
    np.testing.assert_allclose(nissim(np.ones_like(a), blank), 0.5, atol=1e-4)
    assert np.all(nissim(blank, blank) == 0)


def test_opposite_maps_are_above_half():
    a = (np.indices((1, 14, 14, 1)).sum(axis=0) % 2).astype("float32")
    assert nissim(a, 1 - a) > 0.95


def test_resolution_is_part_of_the_metric():
    a, b = heatmaps(side=8, seed=1), heatmaps(side=8, seed=2)
    larger = [tf.image.resize(x, (32, 32)) for x in (a, b)]
    assert np.all(np.abs(nissim(*larger) - nissim(a, b)) > 0.01)


def test_symmetric():
    a, b = heatmaps(seed=1), heatmaps(seed=2)
    np.testing.assert_allclose(nissim(a, b), nissim(b, a), rtol=0, atol=1e-15)


def test_empty_batch():
    assert nissim(heatmaps()[:0], heatmaps()[:0]).shape == (0,)


@pytest.mark.parametrize("scale", [1e-4, 1e-13])
def test_tiny_maps_are_refused(scale):
    a, b = heatmaps(seed=1), heatmaps(seed=2)
    a[1:], b[1:] = scale * a[1:], scale * b[1:]
    with pytest.raises(ValueError, match=r"normalised first.*Received: 2 such pair\(s\), the largest value of pair 1"):
        nissim(a, b)


def test_a_faint_map_beside_a_normalised_or_a_blank_one():
    a = heatmaps()
    assert np.all(nissim(a, 1e-4 * a) > 0.4)
    with pytest.raises(ValueError, match="normalised first"):
        nissim(1e-4 * a, 0 * a)


@pytest.mark.parametrize(
    ("value", "met"),
    [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-0.25, "-0.25"), (1.5, "1.5"), (255, "255")],
)
@pytest.mark.parametrize("name", ["heatmaps", "others"])
@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_values_that_are_refused(value, met, name, convert):
    maps = {"heatmaps": heatmaps(), "others": heatmaps()}
    maps[name][1, 2, 3] = value
    with pytest.raises(ValueError, match=f"`{name}` must hold finite values in .0, 1.; normalise.* {met}"):
        nissim(**{key: convert(array) for key, array in maps.items()})


def test_rounding_beyond_the_range_is_tolerated():
    a = heatmaps()
    b = a.copy()
    b[0, 0, 0], b[0, 0, 1] = 1 + 5e-7, -5e-7
    assert nissim(a, b)[1] == 0


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((2, 8, 8, 3), (2, 8, 8, 3), "`heatmaps` must have the shape .*not pictures.*(2, 8, 8, 3)"),
        ((2, 8, 8, 1), (2, 8, 8, 3), "`others` must have the shape"),
        ((8, 8), (8, 8), "`heatmaps` must have the shape"),
        ((2, 8, 8, 8), (2, 8, 8, 8), "`heatmaps` must have the shape"),
        ((2, 8, 8, 8, 3), (2, 8, 8, 8, 3), "`heatmaps` must have the shape"),
        ((2, 8, 8, 8, 8, 1), (2, 8, 8, 8, 8, 1), "`heatmaps` must have the shape"),
        ((2, 8, 1), (2, 8, 8), "must have the same shape"),
        ((2, 2, 1), (2, 2, 1), "at least 3 for"),
        ((2, 2, 8, 8, 1), (2, 2, 8, 8, 1), "at least 3x3x3 .*a side of 2 into the batch"),
        ((2, 1, 1, 1), (2, 1, 1, 1), "at least 3x3"),
        ((2, 8, 8, 1), (3, 8, 8, 1), "must have the same shape, one pair per image"),
        ((2, 8, 8, 1), (2, 8, 9, 1), "must have the same shape"),
        ((2, 2, 8, 1), (2, 2, 8, 1), "at least 3x3"),
    ],
)
def test_shapes_that_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        nissim(np.zeros(first), np.zeros(second))
    with pytest.raises(ValueError, match=message):
        tf.function(nissim)(tf.zeros(first), tf.zeros(second))


def test_inside_a_function_values_are_not_checked():
    a = heatmaps()
    function = tf.function(nissim, input_signature=[tf.TensorSpec((None, 16, 16, 1), "float64")] * 2)
    np.testing.assert_array_equal(function(a, 2 * a) > 0, [True] * 3)
    constant = tf.function(lambda: nissim(a, 2 * a))
    np.testing.assert_allclose(constant(), function(a, 2 * a), rtol=0, atol=1e-15)


def test_unknown_rank_is_refused():
    function = tf.function(nissim, input_signature=[tf.TensorSpec(None, "float32")] * 2)
    with pytest.raises(ValueError, match="`heatmaps` must have the shape"):
        function.get_concrete_function()
