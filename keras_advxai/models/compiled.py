"""Keeps what was compiled for a model for as long as the model lives, and no longer."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras

from keras_advxai.models.recording import all_operations

_STORE: weakref.WeakKeyDictionary[keras.Model, dict[Hashable, Any]] = weakref.WeakKeyDictionary()
_LOCK = threading.RLock()


def remember(model: keras.Model, key: Hashable, build: Callable[[], Any]) -> Any:
    """What `build()` returned for this model and key the first time.

    The model's structure belongs to the key: a layer that is added, or an activation that is exchanged,
    makes a new entry. Weights do not: compiled functions read them as they are.

    Args:
        model: The model. It is referred to weakly.
        key: What tells the values of one model apart.
        build: Makes the value. It must not keep a reference to the model, or the model would never be freed.
    """
    structure = tuple((_mark(item), _mark(getattr(item, "activation", None))) for item in all_operations(model))
    with _LOCK:
        values = _STORE.setdefault(model, {})
        full_key = (key, structure)
        if full_key not in values:
            values[full_key] = build()
        return values[full_key]


def _mark(value: Any) -> Hashable:
    """What equals itself as long as `value` lives, and nothing afterwards; an id would be given out again."""
    try:
        mark: Hashable = weakref.ref(value)
        hash(mark)
    except TypeError:
        return id(value)
    return mark
