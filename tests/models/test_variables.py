"""Which variables are not finite."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_advxai.models.variables import non_finite_variables


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_is_not_finite_is_named_and_what_is_large_is_not(dtype):
    layers = [keras.layers.Dense(2, dtype=dtype, name=name) for name in ("large", "wrong")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    largest = float(np.finfo(dtype).max)  # whose square, and whose sum, overflow
    layers[0].set_weights([np.full((3, 2), largest), np.array([largest, -largest])])
    assert non_finite_variables(model) == ()
    layers[1].set_weights([np.array([[1.0, 2.0], [np.inf, 0.0]]), np.array([0.0, np.nan])])
    assert [path.rpartition("wrong/")[2] for path in non_finite_variables(model)] == ["kernel", "bias"]
