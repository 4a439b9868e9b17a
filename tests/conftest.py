"""Fixtures: real faces, and small models trained on them."""

from __future__ import annotations

import functools
import gc
import importlib.util
import zlib
from collections.abc import Callable, Iterator

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
import weights

from keras_advxai.corruptions import registry as corruptions
from keras_advxai.datasets import faces
from keras_advxai.metrics import registry as dissimilarities
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


@pytest.fixture(autouse=True)
def _declared_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test or an example declares is forgotten after it."""
    for registry in (dissimilarities, corruptions):
        monkeypatch.setattr(registry, "_KNOWN", dict(registry._KNOWN))


@pytest.fixture(autouse=True, scope="session")
def _no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is converted once is kept in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_ADVXAI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="module")
def _memory_is_given_back() -> Iterator[None]:
    """After each file, whose models are needed no more."""
    yield
    helpers.give_back_memory()


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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--train-seed",
        type=int,
        help="Train what the tests begin from, with this seed, instead of taking the weights in tests/data.",
    )
    parser.addoption(
        "--unoptimized",
        action="store_true",
        help="Run graphs as they are traced. TensorFlow takes a third of the tests' time to rewrite them.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is traced."""
    if config.getoption("--unoptimized"):
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `sampled` leaves out of the cases of a test."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sampled"):
            cases.setdefault(item.nodeid.split("[")[0], []).append(item)
    for test, of_test in cases.items():
        every = of_test[0].get_closest_marker("sampled").args[0]
        kept = _spread(of_test, -(-len(of_test) // every), zlib.crc32(test.encode()) % len(of_test))
        for item in of_test:
            if item not in kept:
                item.add_marker(pytest.mark.slow)


def _spread(cases: list[pytest.Item], count: int, first: int) -> list[pytest.Item]:
    """So many cases, each the one with the most values of parameters that those before it do not have.

    Every second of "linf" and "l2" with something else would be "linf" in every test. So would the first of the two
    alone, and each test begins with another one.
    """
    left, kept, seen = cases[first:] + cases[:first], [], set()
    while len(kept) < count:
        values = [{(name, repr(value)) for name, value in _parameters(case).items()} - seen for case in left]
        place = max(range(len(left)), key=lambda place: len(values[place]))
        seen |= values[place]
        kept.append(left.pop(place))
    return kept


def _parameters(case: pytest.Item) -> dict[str, object]:
    return case.callspec.params if hasattr(case, "callspec") else {}


def pytest_collection_finish() -> None:
    """From here on the collector does not look at what stays: half a million objects, after every file and oftener."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def load_weights(pytestconfig) -> Callable[[str], list[np.ndarray]]:
    """The weights of one name in `weights.TRAINERS`."""
    return functools.cache(lambda name: weights.load(name, pytestconfig.getoption("--train-seed")))


@pytest.fixture(scope="session")
def trained_weights(load_weights) -> list[np.ndarray]:
    """The weights of `helpers.small_cnn("softmax")`, trained on the faces."""
    return load_weights("faces")


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
    kept = [np.array(weight) for weight in shared.get_weights()]
    yield shared
    for before, after in zip(kept, shared.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after, err_msg="a test changed the weights of the shared model")


@pytest.fixture(scope="module")
def model(build) -> Iterator[keras.Model]:
    """A trained functional model with a softmax, shared by a module, which must leave it as it is."""
    shared = build()
    with unchanged(shared):
        yield shared


@pytest.fixture(scope="session")
def digits_weights(load_weights) -> Callable[[str], list[np.ndarray]]:
    """The weights of a model of one kind in `digits.EPOCHS`."""
    return lambda kind: load_weights(f"digits_{kind}")
