"""Our dissimilarities against SciPy, closed forms, invariants and what they promise of blank and constant maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage, stats
from scipy.spatial import distance

from keras_advxai.metrics import (
    ALL_OBJECTS,
    Dissimilarity,
    center_shift,
    cosine_distance,
    nissim,
    rank_distance,
    top_k_distance,
)
from keras_advxai.ops.ssim import dissimilarity

SHAPES = [(9, 7, 1), (1, 12, 1), (30, 1), (4, 5, 6, 1)]


def spearman(a, b):
    return (1 - stats.spearmanr(a.ravel(), b.ravel()).statistic) / 2


def shared(a, b):
    k = math.ceil(a.size / 10)
    hot = [set(np.argsort(-maps.ravel(), kind="stable")[:k]) for maps in (a, b)]
    return 1 - len(hot[0] & hot[1]) / k


def shift(a, b):
    diagonal = np.linalg.norm(np.subtract(a.shape, 1))
    return np.linalg.norm(np.subtract(ndimage.center_of_mass(a), ndimage.center_of_mass(b))) / diagonal


ORACLES = {
    rank_distance: spearman,
    top_k_distance: shared,
    cosine_distance: lambda a, b: distance.cosine(a.ravel(), b.ravel()),
    center_shift: shift,
}
OTHERS = list(ORACLES)


def maps(shape, *, ties=False, dtype="float32"):
    """Two batches of heatmaps without zeros; with ties only a few different values."""
    found = np.random.default_rng(0).uniform(0.01, 1, (2, 4, *shape))
    return (np.ceil(found * 5) / 5 if ties else found).astype(dtype)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("metric", OTHERS, ids=lambda metric: metric.name)
def test_the_oracle_agrees(metric, shape, ties):
    first, second = maps(shape, ties=ties)
    expected = [ORACLES[metric](a.astype("float64"), b.astype("float64")) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(metric(first, second), expected, rtol=0, atol=1e-12)
    assert np.max(expected) > 0


def test_nissim_is_byte_by_byte_what_the_operation_gives():
    first, second = maps((16, 12, 1))
    expected = dissimilarity(first, second).numpy()
    assert nissim(first, second).tobytes() == expected.tobytes()
    assert nissim.function(tf.constant(first), tf.constant(second)).numpy().tobytes() == expected.tobytes()
    assert tf.function(lambda a, b: nissim(a, b))(first, second).numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("metric", OTHERS, ids=lambda metric: metric.name)
def test_one_trace_for_every_number_and_size_of_heatmaps(metric):
    signature = [tf.TensorSpec((None, None, None, 1), "float32")] * 2
    compiled = tf.function(lambda a, b: metric(a, b), input_signature=signature, autograph=False)
    for shape in [(9, 7, 1), (1, 12, 1), (1, 1, 1)]:
        for size in (4, 1, 0):
            first, second = maps(shape)[:, :size]
            np.testing.assert_allclose(compiled(first, second), metric(first, second), rtol=0, atol=1e-14)
    assert compiled.experimental_get_tracing_count() == 1


BLANK = {"nissim": 0.5, "rank_distance": 0.5, "top_k_distance": 1, "cosine_distance": 1, "center_shift": 1}


@pytest.mark.parametrize("metric", [nissim, *OTHERS], ids=lambda metric: metric.name)
def test_blank_maps(metric):
    first, _ = maps((9, 7, 1))
    blank = np.zeros_like(first)
    assert not metric(blank, blank).any()
    for found in (metric(first, blank), metric(blank, first)):
        np.testing.assert_allclose(found, BLANK[metric.name], atol=0.01 if metric == nissim else 0)


CONSTANT = [
    (rank_distance, lambda a: 0.5, 0),
    (top_k_distance, lambda a: shared(a, np.ones_like(a)), 1),
    (cosine_distance, lambda a: 1 - a.sum() / np.linalg.norm(a) / math.sqrt(a.size), 1),
    (center_shift, lambda a: shift(a, np.ones_like(a)), 1),
    (nissim, lambda a: float(nissim(a[None], np.ones_like(a)[None])[0]), 0.5),
]


def test_each_dissimilarity_has_an_oracle_and_its_values_for_blank_and_constant_maps():
    every = {metric.name for metric in ALL_OBJECTS}
    assert {metric.name for metric in (*ORACLES, nissim)} == every  # tests/ops/test_ssim.py has that of nissim
    assert set(BLANK) == every
    assert {metric.name for metric, *_ in CONSTANT} == every


@pytest.mark.parametrize(
    ("metric", "beside_another", "beside_blank"), CONSTANT, ids=lambda value: getattr(value, "name", "")
)
def test_constant_maps(metric, beside_another, beside_blank):
    first, _ = maps((9, 7, 1), dtype="float64")
    ones = np.ones_like(first)
    np.testing.assert_array_equal(metric(ones, ones), 0)
    np.testing.assert_allclose(metric(ones, 0.3 * ones), 0.49 / (2 * 1.0901) if metric == nissim else 0, atol=1e-12)
    np.testing.assert_allclose(metric(ones, 0 * ones), beside_blank, atol=1e-4)
    np.testing.assert_allclose(metric(first, ones), [beside_another(a) for a in first], atol=1e-12)


@pytest.mark.parametrize("metric", OTHERS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1), (1, 1, 1, 1)], ids=str)
def test_maps_of_a_single_position(metric, shape):
    zero, half, one = (np.full((1, *shape), value) for value in (0.0, 0.5, 1.0))
    assert metric(one, half) == metric(zero, zero) == 0
    assert metric(one, zero) == metric(zero, half) == (0 if metric == rank_distance else 1)


@pytest.mark.parametrize("metric", ALL_OBJECTS, ids=lambda metric: metric.name)
def test_a_map_that_is_not_finite_gives_nan_in_a_graph_and_its_neighbours_are_well(metric):
    first, second = maps((9, 7, 1))
    expected = metric(first, second)
    for value in (np.nan, np.inf):
        broken = second.copy()
        broken[2, 3, 3] = value
        found = tf.function(lambda a, b: metric(a, b), autograph=False)(first, broken).numpy()
        np.testing.assert_array_equal(np.isnan(found), [False, False, True, False])
        np.testing.assert_allclose(np.delete(found, 2), np.delete(expected, 2), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("given_shape", "seen_shape"),
    [
        ((2, 30, 1), (2, 30, 1)),  # of signals
        ((2, 4, 5), (2, 4, 5, 1)),  # of images, without the last axis
        ((2, 4, 5, 1), (2, 4, 5, 1)),
        ((2, 3, 4, 5, 1), (2, 3, 4, 5, 1)),
    ],
    ids=str,
)
def test_a_function_is_given_maps_as_they_are_with_a_last_axis(given_shape, seen_shape):
    def summed(first, second):
        assert first.shape == second.shape == seen_shape
        return tf.reduce_sum(first - second, axis=range(1, first.shape.rank))

    values = np.random.default_rng(0).random((2, *given_shape))
    expected = (values[0] - values[1]).sum(axis=tuple(range(1, len(given_shape))))
    np.testing.assert_allclose(Dissimilarity(summed)(*values), expected, rtol=1e-12)


def test_ranks_do_not_see_contrast_and_turn_upside_down():
    first, second = maps((9, 7, 1))
    np.testing.assert_array_equal(rank_distance(first, first**2), 0)
    np.testing.assert_allclose(rank_distance(first, 1 - first), 1, atol=1e-12)
    assert np.all(np.abs(rank_distance(first, second) - rank_distance(first, second[:, ::-1])) > 1e-3)


def test_a_pixel_of_value_zero_is_never_hot():
    first, second = np.zeros((2, 1, 10, 10, 1))
    first[0, 9, 8:], second[0, 9, 9] = 1, 1  # two and one of the ten that may be
    assert top_k_distance(first, second) == 0.5
    assert top_k_distance(second, second[:, ::-1]) == 1


@pytest.mark.parametrize("metric", [top_k_distance, cosine_distance, center_shift], ids=lambda metric: metric.name)
def test_a_value_below_0_is_rounding_and_counts_as_0(metric):
    """A blank map of such values is blank: to sum them up would make evidence of them."""
    zero, one = np.zeros((1, 10, 10, 1)), np.zeros((1, 10, 10, 1))
    one[0, 2:4, 3:9] = 0.5
    below = zero - 5e-7
    below[0, :3, :3] = 0
    assert metric(below, zero) == metric(zero, below) == 0
    assert metric(below, one) == metric(zero, one)
    np.testing.assert_array_equal(metric(one, np.where(one > 0, one, below)), 0)


def test_the_cosine_does_not_see_brightness_however_faint():
    first, second = maps((9, 7, 1), dtype="float64")
    for scale in (0.5, 1e-30, 1e-200):
        np.testing.assert_allclose(cosine_distance(first, scale * second), cosine_distance(first, second), atol=1e-12)


def test_the_centre_moves_by_a_share_of_the_diagonal():
    first, second = np.zeros((2, 1, 4, 5, 1))
    first[0, 0, 0], second[0, 3, 4] = 1, 1
    assert center_shift(first, second) == 1
    signal = np.zeros((1, 11, 1))
    signal[0, 0] = 1
    np.testing.assert_allclose(center_shift(signal, np.roll(signal, 3, axis=1)), 0.3)


FLOATS = st.floats(0, 1, width=32, allow_subnormal=False)
PAIRS = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6).flatmap(
    lambda shape: arrays.arrays("float32", (2, 1, *shape, 1), elements=FLOATS | st.sampled_from([0.0, 0.5, 1.0]))
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(pair=PAIRS)
@pytest.mark.parametrize("metric", OTHERS, ids=lambda metric: metric.name)
def test_invariants(metric, pair):
    first, second = pair
    found = metric(first, second)
    assert 0 <= found[0] <= metric.upper == 1
    np.testing.assert_allclose(found, metric(second, first), rtol=0, atol=1e-15)
    assert metric(first, first.copy()) == metric(second, second.copy()) == 0
    flipped = metric(*(maps[:, ::-1] for maps in pair))
    if metric != top_k_distance:  # whose ties are in the order of reading
        np.testing.assert_allclose(flipped, found, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([np.zeros((4, 4, 1)), np.zeros((5, 4, 1))], "must be one array of heatmaps of one size. Received: "),
        (np.array([["a", "b"]]), "must be an array of numbers. Received: string"),
        (tf.constant(["a"]), "must be an array of numbers. Received: string"),
        (np.zeros((2, 4, 4, 1), complex), "must be an array of numbers. Received: complex128"),
    ],
    ids=["sizes", "texts", "tensor of texts", "complex"],
)
def test_what_is_no_array_of_heatmaps_is_said(maps, message):
    with pytest.raises(ValueError, match=message):
        cosine_distance(maps, maps)
