"""Elements and rows that are chosen, as NumPy chooses them, and without broadcasting in what is compiled."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers import small_cnn

import keras_advxai as kax
from keras_advxai.ops.selection import select

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 4, 5, 2), (0, 4, 4, 1), (3, 2, 4, 5, 1)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("compiled", [False, True])
def test_it_chooses_as_numpy_does(shape, dtype, compiled):
    first, second = (RANDOM.normal(size=shape).astype(dtype) for _ in range(2))
    chosen, rows = RANDOM.random(shape) < 0.5, RANDOM.random(shape[:1]) < 0.5
    run = tf.function(select, autograph=False, reduce_retracing=True) if compiled else select
    np.testing.assert_array_equal(run(chosen, first, second), np.where(chosen, first, second))
    np.testing.assert_array_equal(
        run(rows, first, second), np.where(rows.reshape(-1, *[1] * (len(shape) - 1)), first, second)
    )


def test_what_is_not_chosen_may_be_nan():
    first, second = np.array([1.0, np.nan], "float32"), np.array([np.nan, 2.0], "float32")
    np.testing.assert_array_equal(select([True, False], first, second), [1.0, 2.0])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fgsm_has_no_choice_that_broadcasts(norm):
    classifier, attack = kax.ImageClassifier(small_cnn()), kax.attacks.FGSM(norm=norm)

    @tf.function(autograph=False)
    def attacked(images, labels):
        return attack(classifier, images, labels, 0.1)

    specs = tf.TensorSpec((None, *classifier.model.input_shape[1:])), tf.TensorSpec((None,), tf.int32)
    graph = attacked.get_concrete_function(*specs).graph
    of_images = [node.type for node in graph.get_operations() if node.outputs and node.outputs[0].shape.rank == 4]
    assert "Select" in of_images, "what is not finite in a gradient is exchanged"
    assert "SelectV2" not in of_images, "which takes four times as long where the batch's size is unknown"
