"""Dissimilarities of heatmaps that are brought to one size."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.metrics import at_size, cosine_distance, get, nissim, rank_distance, register
from keras_advxai.metrics.at_size import size_of


def maps(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((2, 3, height, width, 1), dtype="float32")


@pytest.mark.parametrize("metric", [nissim, cosine_distance, rank_distance], ids=lambda metric: metric.name)
def test_it_is_the_dissimilarity_of_the_resized_heatmaps(metric):
    first, second = maps(20, 30)

    def resized(heatmaps):
        found = tf.image.resize(heatmaps, (10, 12), antialias=True).numpy()
        return found / found.max(axis=(1, 2, 3), keepdims=True)

    found = at_size(metric, (10, 12))
    np.testing.assert_array_equal(found(first, second), metric(resized(first), resized(second)))
    np.testing.assert_array_equal(tf.function(found)(first, second), found(first, second))
    assert found.upper == metric.upper
    assert (found(first, first) == 0).all()
    # Averaged where they become smaller: halved, each pixel is the mean of some, and constant maps stay constant.
    assert at_size(cosine_distance, 2)(np.ones((1, 9, 9, 1)), np.full((1, 9, 9, 1), 0.5)) == pytest.approx([0])


def test_it_is_known_by_its_name_in_any_process():
    found = at_size("nissim", 24)
    assert found.name == "nissim_at_24x24"
    assert found is at_size(nissim, (24, 24)) is get("nissim_at_24x24")
    assert get("top_k_distance_at_8x9") == at_size("top_k_distance", (8, 9))
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert (size_of(found), size_of("nissim"), size_of("nothing_at_all")) == ((24, 24), None, None)
    for name in ("nothing_at_24x24", "nissim_at_0x24"):
        with pytest.raises(ValueError, match="Unknown dissimilarity"):
            get(name)


def test_what_is_wrong_is_refused():
    with pytest.raises(ValueError, match="at a size already"):
        at_size("nissim_at_24x24", 12)
    with pytest.raises(ValueError, match=r"must be \(height, width\)"):
        at_size("nissim", (1, 2, 3))
    with pytest.raises(ValueError, match="`size`"):
        at_size("nissim", 0)
    with pytest.raises(ValueError, match="Only heatmaps of images"):
        at_size("cosine_distance", 4)(np.ones((2, 9, 1)), np.ones((2, 9, 1)))


def test_a_name_that_is_taken_is_not_taken_for_it():
    def other(heatmaps, others):
        return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))

    register(other, name="cosine_distance_at_13x17")
    with pytest.raises(ValueError, match="cosine_distance_at_13x17"):
        at_size("cosine_distance", (13, 17))
    again = at_size("cosine_distance", (17, 13))
    assert at_size("cosine_distance", (17, 13)) is again
