"""The models on digits, trained once in a session, and the benchmarks, which know how to ask the peers."""

from __future__ import annotations

import pathlib
import sys

import digits
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

IMAGES = 128


@pytest.fixture(scope="session")
def images() -> digits.Data:
    """128 images that no model was trained with, and their labels. Read-only."""
    x, y = (part[:IMAGES] for part in digits.data()[1])
    for array in (x, y):
        array.flags.writeable = False
    return x, y


@pytest.fixture(scope="session")
def models(digits_weights):
    """The models by kind, shared by all tests, which must leave them as they are."""
    found = {kind: digits.model(digits_weights(kind)) for kind in digits.EPOCHS}
    yield found
    for kind, model in found.items():
        for before, after in zip(digits_weights(kind), model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after, err_msg="a test changed the weights of a shared model")
