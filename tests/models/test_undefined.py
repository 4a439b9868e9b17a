"""NaN that arises inside of a model, and that something behind it turns to a number."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.undefined import not_finite_inside

L, ops = keras.layers, keras.ops
LEVELS = (0.5, 0.1, 0.0, 0.3)  # the second and the third are undefined for the root, the third for the logarithm


def inside(front, *layers):
    """Of which images of these levels a value inside is undefined; `None` if the model has no such operation."""
    stack = [keras.Input((4, 4, 1)), L.Lambda(front), *layers, L.Flatten(), L.Dense(2)]
    classifier = kax.ImageClassifier(keras.Sequential(stack))
    found = tf.function(lambda x: not_finite_inside(classifier.forward(x)), autograph=False)
    images = np.stack([np.full((4, 4, 1), level, "float32") for level in LEVELS])
    result = found(tf.constant(images))
    return None if result is None else result.numpy().tolist()


def root(x):
    return ops.sqrt(x - 0.2)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param([L.ReLU()], id="relu"),
        pytest.param([L.Conv2D(2, 3, activation="relu6")], id="inside of a convolution"),
        pytest.param([L.Lambda(lambda x: ops.where(x > 0, x, 0.0))], id="where of itself"),
        pytest.param([L.Lambda(lambda x: ops.maximum(x, 0.0))], id="maximum"),
        pytest.param([L.Lambda(lambda x: ops.clip(x, -1, 1))], id="clip"),
        pytest.param([L.MaxPooling2D()], id="max pooling"),
        pytest.param([L.Activation("tanh"), L.BatchNormalization(), L.ReLU()], id="further behind"),
        pytest.param([L.Reshape((16, 1)), L.Dense(2, activation="relu")], id="positions folded"),
    ],
)
def test_a_root_of_negative_numbers_is_seen_whatever_swallows_it(behind):
    assert inside(root, *behind) == [False, True, True, False]


def test_infinity_counts_where_nan_may_come_of_it():
    assert inside(ops.log, L.Conv2D(2, 3), L.ReLU()) == [False, False, True, False]
    assert inside(ops.log, L.ReLU()) == [False] * 4  # the maximum of minus infinity and 0 is 0
    assert inside(lambda x: x / ops.sum(x, (1, 2, 3), keepdims=True), L.ReLU()) == [False, False, True, False]


@pytest.mark.slow
def test_what_is_as_it_should_be_raises_no_alarm():
    assert inside(root) is None  # it would be seen at the end
    assert inside(lambda x: x - 0.2, L.Conv2D(2, 3), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D()) is None
    # What is not chosen is not used.
    assert inside(lambda x: ops.where(x > 0.2, root(x), 0.0), L.ReLU()) is None
    assert inside(lambda x: ops.nan_to_num(root(x)), L.ReLU()) in (None, [False] * 4)
    for layer in (L.LayerNormalization(), L.GroupNormalization(1), L.UnitNormalization()):
        assert inside(lambda x: x, layer, L.Conv2D(2, 3, activation="relu")) in (None, [False] * 4)
