"""What may not be changed: a model and arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_COLLECTIONS = (list, tuple, set, frozenset, dict)
_PLAIN = (bool, int, float, str, bytes)


@contextlib.contextmanager
def unchanged(model: keras.Model, *arrays: np.ndarray) -> Iterator[None]:
    """Fail if what is done inside the block changes a model or arrays, even where it ends in an exception.

    Everything of Keras' that the model holds is looked at, as deep as it goes: layers and nested models, variables bit
    by bit, random seeds, regularisers, the optimizer with its slots, losses, metrics, and what `compile` and `fit`
    leave behind.

    Args:
        model: The model.
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
    before = _attributes(model)
    copies = [_parts(array) for array in arrays]
    try:
        yield
    finally:
        for array, copy in zip(arrays, copies, strict=True):
            require(_same(copy, _parts(array)), "An array was changed in place.")
        now = _attributes(model)
        for key in {**before, **now}:
            require(key in before and key in now and _same(before[key], now[key]), f"{key[1]} was changed.")


def require(condition: bool, sentence: str) -> None:
    """Fail with a sentence unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def _attributes(model: keras.Model) -> dict[tuple[int, str], list[Any]]:
    """Every attribute of everything of Keras' that can be reached from the model."""
    found: dict[tuple[int, str], list[Any]] = {}
    queue: list[Any] = [model]
    seen: dict[int, Any] = {}
    while queue:
        owner = queue.pop()
        if id(owner) in seen:
            continue
        seen[id(owner)] = owner
        for name, value in vars(owner).items():
            parts = _parts(value)
            found[id(owner), _describe(owner, name)] = parts
            queue.extend(part for part in parts if _is_of_keras(part))
    return found


def _parts(value: Any) -> list[Any]:
    """A value with all that is inside it: collections item by item, arrays and variables byte by byte."""
    if isinstance(value, np.ndarray):
        return [value, f"{value.dtype}{value.shape}", value.tobytes()]
    if isinstance(value, tf.Variable):
        return [value, value.numpy().tobytes()]
    if not isinstance(value, _COLLECTIONS):
        return [value]
    items = [part for pair in value.items() for part in pair] if isinstance(value, dict) else list(value)
    if isinstance(value, (set, frozenset)):
        items.sort(key=hash)
    identity = type(value) if isinstance(value, (tuple, frozenset)) else value
    return [identity, len(items), *(part for item in items for part in _parts(item))]


def _same(before: list[Any], now: list[Any]) -> bool:
    """Whether two lists of parts hold the same objects; of numbers and strings, equal ones."""
    return len(before) == len(now) and all(
        first is second or (isinstance(first, _PLAIN) and type(first) is type(second) and first == second)
        for first, second in zip(before, now, strict=True)
    )


def _is_of_keras(value: Any) -> bool:
    """Whether a value is an object, but not a collection, of a class that Keras made or is the base of."""
    made = any(cls.__module__.partition(".")[0] == "keras" for cls in type(value).__mro__)
    return made and hasattr(value, "__dict__") and not isinstance(value, (type, *_COLLECTIONS))


def _describe(owner: Any, name: str) -> str:
    if isinstance(owner, keras.Variable):
        return f"The model's variable {owner.path!r}" + ("" if name == "_value" else f" (its attribute {name!r})")
    kind = "layer" if isinstance(owner, keras.Operation) else type(owner).__name__
    return f"The attribute {name!r} of the model's {kind} {getattr(owner, 'name', '')!r}"
