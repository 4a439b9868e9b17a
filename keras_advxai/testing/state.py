"""What may not be changed: a model and arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_advxai.models.recording import all_operations

_COLLECTIONS = (list, tuple, set, frozenset, dict)
_PLAIN = (bool, int, float, str)


@contextlib.contextmanager
def unchanged(model: keras.Model, *arrays: np.ndarray) -> Iterator[None]:
    """Fail if what is done inside of the block changes a model or arrays, even where it ends in an exception.

    Args:
        model: The model: its variables, its optimizer's and metrics', and every attribute of its layers.
        *arrays: NumPy arrays.

    Raises:
        AssertionError: Something changed; the message says what.

    Example:

    >>> import keras
    >>> from keras_advxai.testing import unchanged
    >>> net = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, name="head")])
    >>> with unchanged(net):
    ...     net.get_layer("head").activation = keras.activations.relu
    Traceback (most recent call last):
    AssertionError: The attribute 'activation' of the model's layer 'head' was changed.
    """
    attributes, values = _attributes(model), _values(model)
    copies = [np.array(array) for array in arrays]
    try:
        yield
    finally:
        for array, copy in zip(arrays, copies, strict=True):
            require(np.array_equal(array, copy), "An array was changed in place.")
        now = _attributes(model)
        for layer, identity, name in [*attributes, *now]:
            key = (layer, identity, name)
            kept = key in attributes and key in now and _same(attributes[key], now[key])
            require(kept, f"The attribute {name!r} of the model's layer {layer!r} was changed.")
        for (path, before), (_, after) in zip(values, _values(model), strict=True):
            require(np.array_equal(before, after), f"The model's variable {path!r} was changed.")


def require(condition: bool, sentence: str) -> None:
    """Fail with a sentence unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def _attributes(model: keras.Model) -> dict[tuple[str, int, str], Any]:
    """Every attribute of every layer; of collections, a copy."""
    return {
        (operation.name, id(operation), name): _items(value) if isinstance(value, _COLLECTIONS) else value
        for operation in all_operations(model)
        for name, value in vars(operation).items()
    }


def _items(value: Any) -> list[Any]:
    return [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return before is after or (isinstance(before, _PLAIN) and bool(before == after))


def _values(model: keras.Model) -> list[tuple[str, np.ndarray]]:
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *model.metrics_variables, *getattr(optimizer, "variables", ())]
    return [(variable.path, variable.numpy().copy()) for variable in variables]
