"""Fixtures: real faces, and small models trained on them."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Iterator

import digits
import helpers
import keras
import numpy as np
import pytest

from keras_advxai.datasets import faces
from keras_advxai.testing import unchanged

Data = tuple[np.ndarray, np.ndarray]

# alibi has an environment of its own, where `make test-alibi` names the folder: without alibi, that fails.
collect_ignore = [] if importlib.util.find_spec("alibi") else ["with_alibi"]


def _read_only(data: Data) -> Data:
    for array in data:
        array.flags.writeable = False
    return data


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test begins with the same random numbers, whichever ran before it."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def train_faces() -> Data:
    """150 images, `(150, 25, 25, 1)` float32 in [0, 1], and their labels, 1 for a face. Read-only."""
    return _read_only(faces.load_data()[0])


@pytest.fixture(scope="session")
def test_faces() -> Data:
    """50 more."""
    return _read_only(faces.load_data()[1])


@pytest.fixture(scope="session")
def few(test_faces) -> Data:
    """Six of them, three of each class."""
    x, y = test_faces
    chosen = np.concatenate([np.flatnonzero(y == 0)[:3], np.flatnonzero(y == 1)[:3]])
    return _read_only((x[chosen], y[chosen]))


@pytest.fixture(scope="session")
def trained_weights(train_faces) -> list[np.ndarray]:
    """The weights of `helpers.small_cnn("softmax")`, trained on the faces."""
    model = helpers.small_cnn()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(*train_faces, epochs=20, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.fixture(scope="session")
def build(trained_weights) -> Callable[..., keras.Model]:
    """A trained model of a test's own: `build(head="softmax", kind="functional")`.

    All heads give the same probabilities.
    """

    def build(head: str = "softmax", kind: str = "functional", name: str | None = None) -> keras.Model:
        return helpers.set_weights(helpers.small_cnn(head, kind, name), trained_weights)

    return build


@pytest.fixture(scope="module")
def faces_model(build) -> Iterator[keras.Model]:
    """A trained and compiled `Sequential` with a softmax, shared by a module, which must leave it as it is."""
    shared = build("softmax", "sequential", name="faces")
    shared.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    weights = [np.array(weight) for weight in shared.get_weights()]
    yield shared
    for before, after in zip(weights, shared.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after, err_msg="a test changed the weights of the shared model")


@pytest.fixture(scope="module")
def model(build) -> Iterator[keras.Model]:
    """A trained functional model with a softmax, shared by a module, which must leave it as it is."""
    shared = build()
    with unchanged(shared):
        yield shared


@pytest.fixture(scope="session")
def digits_weights(tmp_path_factory) -> Callable[[str], list[np.ndarray]]:
    """The weights of a model of one kind in `digits.EPOCHS`, trained once for all processes of a session."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    return functools.cache(lambda kind: digits.trained(kind, shared))
