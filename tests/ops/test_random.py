"""Random numbers of an image: well spread, and the same wherever the image stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.ops import random

KEYS = tf.range(512)
X = np.random.default_rng(0).random((5, 4, 3, 2), dtype="float32")
DRAWS = {"uniform": random.uniform, "normal": random.normal, "signs": random.signs}
draws = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


def within(value: float, expected: float, error: float) -> None:
    """The mean of random numbers lies within 4.5 standard errors of what is expected."""
    assert abs(value - expected) < 4.5 * error


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def lowbias32(word: int) -> int:
    """Wellons' hash, as he published it."""
    word ^= word >> 16
    word = word * 0x7FEB352D % 2**32
    word ^= word >> 15
    word = word * 0x846CA68B % 2**32
    return word ^ word >> 16


def test_the_bits_are_those_of_the_published_hash():
    keys, counter = [0, 3, -5], 7
    golden, expected = 0x9E3779B9, []
    for key in keys:
        stream = lowbias32((lowbias32(key % 2**32 ^ golden) + lowbias32(counter)) % 2**32)
        expected.append([lowbias32((stream + lowbias32(position)) % 2**32) for position in (1, 2, 3, 4)])
    found = random.uniform(tf.constant(keys), counter, (2, 2)).numpy()
    np.testing.assert_array_equal(
        found.reshape(3, 4), np.array([[bits >> 8 for bits in row] for row in expected]) / 2**24
    )
    signs = random.signs(tf.constant(keys), counter, (4,)).numpy()
    np.testing.assert_array_equal(signs, [[-1 if bits >> 31 else 1 for bits in row] for row in expected])
    normal = random.normal(tf.constant(keys), counter, (4,)).numpy()
    pairs = [[(bits >> 8, lowbias32((bits + golden) % 2**32) >> 8) for bits in row] for row in expected]
    first, second = np.moveaxis(np.array(pairs), -1, 0) / 2**24
    np.testing.assert_allclose(normal, np.sqrt(-2 * np.log(1 - first)) * np.cos(2 * np.pi * second), atol=1e-5)


def test_uniform_numbers_have_the_moments_of_the_uniform_distribution():
    u = random.uniform(KEYS, 0, (16, 16)).numpy().astype("float64").ravel()
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    within(u.mean(), 1 / 2, math.sqrt(1 / 12 / u.size))
    within(u.var(), 1 / 12, math.sqrt(1 / 180 / u.size))


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    n = random.normal(KEYS, 0, (16, 16)).numpy().astype("float64").ravel()
    assert np.isfinite(n).all()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        within((n**power).mean(), moment, math.sqrt(variance / n.size))


def test_signs_are_minus_1_and_1_equally_often():
    s = random.signs(KEYS, 0, (16, 16)).numpy()
    assert set(np.unique(s)) == {-1.0, 1.0}
    within(s.mean(), 0, math.sqrt(1 / s.size))


def chi_square(u: np.ndarray, bins: int = 64) -> float:
    """Chi-square of counts in equal bins, in standard deviations from what is expected."""
    counts = np.bincount((u.ravel() * bins).astype(int), minlength=bins)
    expected = u.size / bins
    return float((((counts - expected) ** 2 / expected).sum() - (bins - 1)) / math.sqrt(2 * (bins - 1)))


@tf.function
def over_counters(counters: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(lambda counter: random.uniform([3, 4], counter), counters, fn_output_signature=tf.float32)


def test_numbers_are_spread_uniformly_over_positions_over_keys_and_over_counters():
    assert abs(chi_square(random.uniform([3], 0, (1 << 16,)).numpy())) < 4.5
    assert abs(chi_square(random.uniform(tf.range(1 << 16), 0).numpy())) < 4.5
    assert abs(chi_square(over_counters(tf.range(1 << 12)).numpy())) < 4.5
    far = tf.bitcast(tf.range(1 << 16) * 65536, tf.int32)  # keys that differ in their upper half alone
    assert abs(chi_square(random.uniform(far, 0).numpy())) < 4.5


@draws
def test_neighbouring_keys_counters_and_positions_are_uncorrelated(draw):
    drawn = np.stack([draw(KEYS, counter, (128,)).numpy() for counter in range(4)])
    limit = 4.5 / math.sqrt(512 * 127)
    for shift in (1, 2, 64):
        assert abs(correlation(drawn[:, shift:], drawn[:, :-shift])) < limit
        assert abs(correlation(drawn[..., shift:], drawn[..., :-shift])) < limit
    assert abs(correlation(drawn[1:], drawn[:-1])) < limit
    # Nor is one draw another one, shifted by some positions.
    for shift in (-3, -1, 1, 3):
        assert abs(correlation(drawn[0, 1:], np.roll(drawn[0, :-1], shift, axis=-1))) < limit
        assert abs(correlation(drawn[0], np.roll(drawn[1], shift, axis=-1))) < limit


def test_uniform_and_normal_numbers_and_signs_differ_with_key_and_counter():
    for draw in DRAWS.values():
        one, two, three = (draw([key], counter, (64,)).numpy() for key, counter in ((1, 0), (0, 1), (2, 0)))
        assert (one != two).any()
        assert (one != three).any()


@draws
def test_a_key_has_the_same_numbers_in_every_batch(draw):
    order = np.random.default_rng(0).permutation(512)
    whole = draw(KEYS, 7, (5, 3)).numpy()
    rtol = 1e-6 if draw is random.normal else 0  # the last bit of logarithms and cosines is that of a SIMD lane
    np.testing.assert_allclose(draw(tf.gather(KEYS, order), 7, (5, 3)), whole[order], rtol=rtol)
    np.testing.assert_allclose(draw(KEYS[100:101], 7, (5, 3)), whole[100:101], rtol=rtol)


def test_the_key_of_an_image_is_that_of_its_pixels_and_of_the_seed():
    keys = random.image_keys(X).numpy()
    assert keys.dtype == np.int32
    assert len(set(keys)) == len(X)
    order = [3, 1, 4, 0, 2]
    np.testing.assert_array_equal(random.image_keys(X[order]), keys[order])
    np.testing.assert_array_equal(random.image_keys(X[2:3]), keys[2:3])
    assert (random.image_keys(X, 1).numpy() != keys).all()
    assert (random.image_keys(X, -1).numpy() != random.image_keys(X, 1).numpy()).all()


def test_one_pixel_and_the_order_of_the_pixels_change_the_key():
    keys = random.image_keys(X).numpy()
    near = X.copy()
    near[:, 0, 0, 0] = np.nextafter(near[:, 0, 0, 0], 1)
    assert (random.image_keys(near).numpy() != keys).all()
    assert (random.image_keys(X[:, ::-1]).numpy() != keys).all()


def test_images_of_one_colour_have_different_keys():
    flat = np.broadcast_to(np.linspace(0, 1, 257, dtype="float32")[:, None, None, None], (257, 8, 8, 1))
    assert len(set(random.image_keys(flat).numpy())) == 257


@draws
def test_one_trace_serves_all_sizes_also_inside_of_a_loop(draw):
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 2]), tf.TensorSpec([], tf.int32)])
    def total(x, steps):
        traces.append(x.shape)
        keys = random.image_keys(x, 3)

        def body(step, found):
            return step + 1, found + draw(keys, step, tf.shape(x)[1:])

        return tf.while_loop(lambda step, _: step < steps, body, (0, tf.zeros_like(x)))[1]

    for images in (X, X[:2], X[:, :3]):
        keys = random.image_keys(images, 3)
        expected = sum(draw(keys, step, images.shape[1:]).numpy() for step in range(3))
        np.testing.assert_allclose(total(images, tf.constant(3)), expected, atol=1e-5)
    assert len(traces) == 1


@draws
def test_shapes_are_known_where_they_can_be(draw):
    assert draw(KEYS, 0).shape == (512,)
    assert draw(KEYS, 0, (2, 3)).shape == (512, 2, 3)
    assert draw(KEYS, 0, tf.constant([2, 3])).shape == (512, 2, 3)
    assert draw(KEYS, 0, (0,)).shape == (512, 0)
    assert draw(KEYS, 0, (2, 3)).dtype == tf.float32


@draws
def test_in_a_graph_what_is_known_of_a_shape_stays_known(draw):
    """A layer that is applied to what was drawn asks for it while it is traced."""
    shapes = {}

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3])])
    def drawn(x):
        keys, side = random.image_keys(x), tf.shape(x)[1]
        for name, shape in (
            ("known", (2, 3)),
            ("none", ()),
            ("partly", (side, 3)),
            ("tensor", tf.constant([2, 3])),
            ("open", tf.shape(x)[1:]),
        ):
            found = draw(keys, 0, shape)
            shapes[name] = found.shape.as_list() if found.shape.rank is not None else None
        return draw(keys, 0, (side, 3))

    x = X[..., 0]
    np.testing.assert_allclose(drawn(x), draw(random.image_keys(x), 0, (4, 3)), atol=1e-5)
    assert shapes["known"] == shapes["tensor"] == [None, 2, 3]
    assert shapes["none"] == [None]
    assert shapes["partly"] == [None, None, 3]
    assert shapes["open"] in ([None, None, None], [None, None, 3])


def test_the_users_own_random_numbers_are_left_alone():
    tf.random.set_seed(1)
    expected = tf.random.uniform([3]).numpy()
    tf.random.set_seed(1)
    random.uniform(KEYS, 0, (3,))
    np.testing.assert_array_equal(tf.random.uniform([3]), expected)
