"""Weights are known again, bit by bit or but for rounding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scripted import weights

from keras_advxai.callbacks.weights import Weights


@pytest.fixture
def of(trained):
    def of(values):
        trained.set_weights(values)
        return Weights.of(trained)

    return of


def test_the_same_weights_are_the_same(of):
    assert of(weights()).same(of(weights()))
    assert of(weights()).close(of(weights()))


def test_one_bit_makes_others_which_are_close(of):
    nudged = weights()
    nudged[0][1, 1, 0, 0] = np.nextafter(nudged[0][1, 1, 0, 0], np.float32(2))
    assert not of(weights()).same(of(nudged))
    assert of(weights()).close(of(nudged))


@pytest.mark.parametrize("index", range(4))
def test_a_step_of_a_training_makes_others(of, index):
    moved = weights()
    moved[index] = moved[index] + 1e-3
    assert not of(weights()).close(of(moved))


def test_a_sign_that_leaves_sum_and_norm_is_seen_by_the_checksum(of):
    swapped = weights()
    swapped[2] = swapped[2][::-1]
    assert not of(weights()).same(of(swapped))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_type_of_weights(dtype):
    dense = keras.layers.Dense(2, dtype=dtype)
    model = keras.Sequential([keras.Input((3,)), dense, keras.layers.BatchNormalization()])
    before = Weights.of(model)
    assert before.same(Weights.of(model))
    dense.kernel.assign(dense.kernel + 1)
    assert not before.close(Weights.of(model))
