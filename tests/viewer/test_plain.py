"""Values as JSON can hold them."""

from __future__ import annotations

import numpy as np
import pytest

from keras_advxai.viewer.plain import plain, to_json


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1 / 3, np.nan, -np.inf, 1e-30, 123456789.0], "float32"),
        ([1 / 3, np.nan, np.inf], "float64"),
        ([3, -1], "int32"),
        ([True, False], "bool"),
        ([[0.1, np.nan], [2.0, 3.0]], "float32"),
        ([], "float32"),
    ],
)
@pytest.mark.parametrize("digits", [4, 6])
def test_an_array_is_what_the_list_of_its_values_is(values, dtype, digits):
    array = np.array(values, dtype)
    assert plain(array, digits) == plain(array.tolist(), digits)
    assert to_json(plain({"a": [plain(array, digits)]})) == to_json(plain({"a": [array.tolist()]}, digits))
