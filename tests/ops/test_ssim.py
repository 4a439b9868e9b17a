"""SSIM against scikit-image, closed forms and its invariants, eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from keras_advxai.ops.ssim import dissimilarity, one_minus_ssim, ssim, window_size

pytestmark = pytest.mark.sampled(3)

C1, C2 = 0.01**2, 0.03**2


SIZES = st.one_of(
    st.tuples(st.integers(3, 80)),
    st.tuples(st.integers(3, 40), st.integers(3, 40)),
    st.tuples(st.integers(3, 14), st.integers(3, 14), st.integers(3, 14)),
)


def squeezed(image: np.ndarray) -> np.ndarray:
    """Without the dimensions of size 1, but with the channels."""
    return image.reshape(*(side for side in image.shape[:-1] if side != 1), image.shape[-1])


def reference(a: np.ndarray, b: np.ndarray, data_range: float = 1.0, win_size: int | None = None) -> np.ndarray:
    """scikit-image, one squeezed image at a time."""
    win_size = win_size or max(odd for odd in (3, 5, 7) if odd <= min(squeezed(a[0]).shape[:-1]))
    return np.array(
        [
            structural_similarity(squeezed(x), squeezed(y), data_range=data_range, win_size=win_size, channel_axis=-1)
            for x, y in zip(a, b, strict=True)
        ]
    )


def uncompiled(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same arithmetic, operation by operation: no compilation for each new shape."""
    size = a.shape[1:-1]
    return one_minus_ssim(a, b, (window_size(*size),) * len(size), 1.0).numpy()


def pair(shape: tuple[int, ...], seed: int = 0, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.random(shape)
    return a, np.clip(a + noise * rng.normal(size=shape), 0, 1)


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (5, 6), (7, 7), (8, 3), (16, 23), (40, 31)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_scikit_image(size, dtype):
    a, b = (x.astype(dtype) for x in pair((3, *size, 1)))
    np.testing.assert_allclose(ssim(a, b), reference(a.astype("float64"), b.astype("float64")), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "size", [(3,), (4,), (7,), (1000,), (3, 3, 3), (4, 9, 6), (7, 7, 7), (16, 3, 5), (16, 24, 21)], ids=str
)
def test_equals_scikit_image_on_signals_and_volumes(size):
    a, b = pair((3, *size, 2))
    np.testing.assert_allclose(ssim(a, b), reference(a, b), rtol=0, atol=1e-12)
    np.testing.assert_allclose(dissimilarity(a, b), (1 - reference(a, b)) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1, 9), (1, 12, 5), (8, 1, 9), (4, 6, 1)], ids=str)
def test_a_dimension_of_size_1_is_left_out(size):
    a, b = pair((3, *size, 2))
    without = [np.stack([squeezed(image) for image in images]) for images in (a, b)]
    np.testing.assert_allclose(ssim(a, b), reference(a, b), rtol=0, atol=1e-12)
    np.testing.assert_allclose(dissimilarity(a, b), dissimilarity(*without), rtol=0, atol=1e-15)
    assert np.all(dissimilarity(a, a).numpy() == 0)


@pytest.mark.slow
def test_numbers_of_dimensions_do_not_get_into_one_anothers_way():
    """A compiled function that has met two ranks is generalised to any rank, in which nothing can be traced."""
    for size in [(9,), (9, 9), (9, 1), (10,), (9, 9, 9), (1, 9, 9), (8, 9), (11, 1, 1), (8,)]:
        a, b = pair((2, *size, 1))
        np.testing.assert_allclose(dissimilarity(a, b), (1 - reference(a, b)) / 2, rtol=0, atol=1e-12)


def test_equals_scikit_image_at_every_size():
    for side in range(3, 41):
        for height, width in ((side, side), (side, 43 - side), (side, 7)):
            a, b = pair((1, height, width, 1), seed=41 * height + width)
            np.testing.assert_allclose(1 - uncompiled(a, b), reference(a, b), rtol=0, atol=1e-12)


@pytest.mark.slow
@settings(deadline=None, max_examples=120)
@given(
    size=SIZES,
    batch=st.integers(1, 3),
    channels=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    noise=st.sampled_from([0.0, 1e-12, 1e-6, 1e-2, 1.0]),
    scale=st.sampled_from([1e-6, 0.03, 1.0]),
)
def test_properties(size, batch, channels, seed, noise, scale):
    a, b = pair((batch, *size, channels), seed, noise)
    a, b = scale * a, scale * b
    loss = uncompiled(a, b)
    np.testing.assert_allclose(1 - loss, reference(a, b), rtol=0, atol=1e-9)
    np.testing.assert_allclose(loss, uncompiled(b, a), rtol=0, atol=1e-14)
    np.testing.assert_allclose(loss[:1], uncompiled(a[:1], b[:1]), rtol=0, atol=1e-14)
    assert np.all(loss >= -1e-14)
    assert np.all(loss <= 2)
    assert np.all(uncompiled(a, a) == 0)


def test_data_range_and_window():
    a, b = pair((2, 13, 17, 3))
    expected = reference(255 * a, 255 * b, data_range=255, win_size=11)
    np.testing.assert_allclose(ssim(255 * a, 255 * b, data_range=255, win_size=11), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ssim(a, b, win_size=11), expected, rtol=0, atol=1e-12)
    assert not np.allclose(ssim(a, b), expected, atol=1e-3)
    assert not np.allclose(ssim(a, b, data_range=255, win_size=11), expected, atol=1e-3)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 0.0), (0.2, 0.6), (1.0, 1.0), (0.5, 0.5 + 1e-9)])
def test_constant_maps(low, high):
    a, b = np.full((2, 9, 9, 1), low), np.full((2, 9, 9, 1), high)
    expected = (high - low) ** 2 / (low**2 + high**2 + C1)
    np.testing.assert_allclose(2 * dissimilarity(a, b), [expected] * 2, rtol=1e-6, atol=1e-16)
    np.testing.assert_allclose(ssim(a, b), [(2 * low * high + C1) / (low**2 + high**2 + C1)] * 2, rtol=1e-12)


def test_zero_against_zero_is_zero_and_against_one_is_half():
    zeros, ones = np.zeros((1, 8, 8, 1)), np.ones((1, 8, 8, 1))
    assert dissimilarity(zeros, zeros).numpy() == 0
    assert dissimilarity(zeros, ones).numpy() == pytest.approx(0.5 / (1 + C1), rel=1e-14)


def test_checkerboard_against_its_negative():
    """One window, means m and 1 - m, and the covariance is minus the variance."""
    a = (np.indices((7, 7)).sum(axis=0) % 2).astype("float64")[None, ..., None]
    m, variance = a.mean(), a.var(ddof=1)
    expected = (2 * m * (1 - m) + C1) * (C2 - 2 * variance)
    expected /= (m**2 + (1 - m) ** 2 + C1) * (2 * variance + C2)
    assert ssim(a, 1 - a).numpy() == pytest.approx(expected, abs=1e-14)
    assert 0.99 < dissimilarity(a, 1 - a).numpy() <= 1


def test_one_pixel_that_differs_slightly_keeps_its_digits():
    """1 - SSIM of about 1e-14 from its definition in exact arithmetic, where 1 - (1 - 1e-14) has lost it."""
    a = np.full((1, 3, 3, 1), 0.5)
    b = a.copy()
    b[0, 1, 1, 0] += 2**-24
    difference, n = 2.0**-24, 9
    e1 = (difference / n) ** 2
    e2 = (difference**2 / n - e1) * n / (n - 1)
    expected = e1 / (2 * 0.5**2 + C1) + e2 / C2  # to first order
    assert ssim(a, b).numpy() > 1 - 1e-12
    assert 2 * dissimilarity(a, b).numpy() == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("float16", (8, 8)),
        ("bfloat16", (8, 8)),
        ("float32", (3, 4)),
        ("float32", (32, 32)),
        ("float64", (32, 32)),
        ("float32", (500,)),
        ("float32", (9, 10, 11)),
    ],
)
def test_identical_maps_are_exactly_zero(dtype, size):
    a = tf.cast(pair((4, *size, 1))[0] ** 3, dtype)
    nested = tf.function(dissimilarity)
    nested_in_xla = tf.function(dissimilarity, jit_compile=True)
    for function in (dissimilarity, nested, nested_in_xla):
        result = function(a, tf.identity(a))
        assert result.dtype == tf.float64
        assert np.all(result.numpy() == 0)
    assert np.all(ssim(a, a).numpy() == 1)


@pytest.mark.parametrize("size", [(12, 12), (50,), (8, 9, 7)], ids=str)
def test_symmetric_and_in_bounds(size):
    a, b = pair((8, *size, 1), noise=2.0)
    values = dissimilarity(a, b).numpy()
    np.testing.assert_allclose(values, dissimilarity(b, a), rtol=0, atol=1e-15)
    assert values.shape == (8,)
    assert np.all(values > 0)
    assert np.all(values <= 1)


def test_flips_and_order_of_the_batch_do_not_matter():
    a, b = pair((4, 12, 15, 2))
    values = dissimilarity(a, b).numpy()
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(dissimilarity(a[order], b[order]), values[order])
    for view in (np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[..., ::-1]):
        np.testing.assert_allclose(dissimilarity(a[view], b[view]), values, rtol=0, atol=1e-14)
    turned = [np.swapaxes(x, 1, 2) for x in (a, b)]
    np.testing.assert_allclose(dissimilarity(*turned), values, rtol=0, atol=1e-14)


def test_each_image_by_itself():
    a, b = pair((5, 10, 10, 1))
    alone = [dissimilarity(a[i : i + 1], b[i : i + 1]).numpy()[0] for i in range(5)]
    np.testing.assert_allclose(dissimilarity(a, b), alone, rtol=0, atol=1e-15)


def test_channels_are_averaged():
    a, b = pair((2, 10, 10, 3))
    by_channel = [dissimilarity(a[..., c : c + 1], b[..., c : c + 1]).numpy() for c in range(3)]
    np.testing.assert_allclose(dissimilarity(a, b), np.mean(by_channel, axis=0), rtol=0, atol=1e-15)


def test_inside_a_function_with_unknown_batch_size():
    @tf.function(input_signature=[tf.TensorSpec((None, 11, 9, 1), "float32")] * 2)
    def halved(a, b):
        return dissimilarity(a, b) / 2

    for batch in (2, 5):
        a, b = (x.astype("float32") for x in pair((batch, 11, 9, 1)))
        np.testing.assert_allclose(halved(a, b), dissimilarity(a, b) / 2, rtol=0, atol=1e-15)
    assert halved.experimental_get_tracing_count() == 1


def test_inside_map_fn_and_a_while_loop():
    a, b = pair((6, 8, 8, 1))
    pairs = tf.constant(a[:, None]), tf.constant(b[:, None])

    @tf.function
    def mapped(a, b):
        return tf.map_fn(lambda ab: dissimilarity(*ab), (a, b), fn_output_signature=tf.float64)

    @tf.function
    def looped(a, b):
        total = tf.constant(0.0, "float64")
        for i in tf.range(tf.shape(a)[0]):
            total += dissimilarity(a[i], b[i])[0]
        return total

    np.testing.assert_allclose(mapped(*pairs)[:, 0], dissimilarity(a, b), rtol=0, atol=1e-15)
    np.testing.assert_allclose(looped(*pairs), tf.reduce_sum(dissimilarity(a, b)), rtol=0, atol=1e-14)


def test_empty_batch():
    assert dissimilarity(np.zeros((0, 8, 8, 1)), np.zeros((0, 8, 8, 1))).shape == (0,)


def test_nan_stays_nan():
    a, b = pair((2, 8, 8, 1))
    b[1, 4, 4] = np.nan
    np.testing.assert_array_equal(np.isnan(dissimilarity(a, b)), [False, True])
    np.testing.assert_array_equal(np.isnan(tf.function(dissimilarity)(a, b)), [False, True])


@pytest.mark.parametrize(
    ("size", "window"),
    [
        ((3, 3), 3),
        ((3, 50), 3),
        ((50, 4), 3),
        ((5, 5), 5),
        ((6, 7), 5),
        ((7, 7), 7),
        ((224, 224), 7),
        ((3,), 3),
        ((6,), 5),
        ((16000,), 7),
        ((16, 112, 5), 5),
        ((1, 16, 112), 7),
    ],
)
def test_window_size(size, window):
    assert window_size(*size) == window


@pytest.mark.parametrize("size", [(2, 8), (8, 2), (1, 1), (2, 2), (1, 2), (1,), (2,), (2, 9, 9), (9, 1, 2), (1, 1, 1)])
@pytest.mark.sampled(1)  # they take no time
def test_too_small(size):
    maps = np.zeros((1, *size, 1))
    message = f"at least {'x'.join('3' * len(size))} for .* a side of 2 into the batch.*size={'x'.join(map(str, size))}"
    with pytest.raises(ValueError, match=message):
        dissimilarity(maps, maps)
    with pytest.raises(ValueError, match=message):
        window_size(*size)


@pytest.mark.parametrize("size", [(0, 5), (0,), (5, 5, 0)])
@pytest.mark.sampled(1)  # they take no time
def test_empty(size):
    with pytest.raises(ValueError, match="must not be empty"):
        dissimilarity(np.zeros((1, *size, 1)), np.zeros((1, *size, 1)))
    with pytest.raises(ValueError, match="at least 3"):
        window_size(*size)


def test_a_dimension_of_2_in_the_batch():
    """What the message advises: two frames, each compared by itself."""
    a, b = pair((3, 2, 9, 8, 1))
    frames = dissimilarity(*(x.reshape(6, 9, 8, 1) for x in (a, b))).numpy().reshape(3, 2)
    np.testing.assert_allclose(frames[:, 1], dissimilarity(a[:, 1], b[:, 1]), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((1, 8), (1, 8), r"shape \(batch, \*positions, channels\)"),
        ((1, 8, 8, 8, 8, 1), (1, 8, 8, 8, 8, 1), r"shape \(batch, \*positions, channels\)"),
        ((1, 8, 8), (1, 8, 8, 1), "same shape"),
        ((1, 8, 8, 1), (1, 8, 9, 1), "same shape"),
        ((1, 8, 8, 1), (2, 8, 8, 1), "same shape"),
        ((1, 8, 8, 1), (1, 8, 8, 3), "same shape"),
        ((1, 8, 8, 0), (1, 8, 8, 0), "must not be empty"),
    ],
)
@pytest.mark.sampled(1)  # they take no time
def test_wrong_shapes(first, second, message):
    with pytest.raises(ValueError, match=message) as error:
        ssim(np.zeros(first), np.zeros(second))
    assert "Received: a.shape=" in str(error.value)


@pytest.mark.parametrize("signature", [(None, None, 8, 1), (None, 8, None, 1), (None, None, 1), None])
@pytest.mark.sampled(1)  # they take no time
def test_unknown_static_size(signature):
    function = tf.function(dissimilarity, input_signature=[tf.TensorSpec(signature, "float32")] * 2)
    with pytest.raises(ValueError, match=r"set_shape|must have the shape"):
        function.get_concrete_function()


@pytest.mark.parametrize("win_size", [1, 2, 4, 9, -3])
@pytest.mark.sampled(1)  # they take no time
def test_wrong_window(win_size):
    with pytest.raises(ValueError, match=f"`win_size` must be odd.*Received: win_size={win_size}"):
        ssim(np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8, 1)), win_size=win_size)


@pytest.mark.parametrize("data_range", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.sampled(1)  # they take no time
def test_wrong_data_range(data_range):
    with pytest.raises(ValueError, match="`data_range` must be a positive number"):
        ssim(np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8, 1)), data_range=data_range)
