"""Keeps what was compiled for a model, the latest of it, and no longer than the model lives."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models.recording import all_operations

_STORE: weakref.WeakKeyDictionary[keras.Model, tuple[Any, dict[Hashable, Any]]] = weakref.WeakKeyDictionary()
_LOCK = threading.RLock()
_STEADY = threading.local()
_MOST = 128
"""How many values are kept for one model; the one that was asked for longest ago is dropped first."""


def remember(model: keras.Model, key: Hashable, build: Callable[[], Any]) -> Any:
    """What `build()` returned for this model and key the first time.

    The model's structure belongs to the key: a layer that is added, an activation that is exchanged, or a
    variable that takes the place of another (LoRA, quantisation) makes a new entry. The values of the
    variables do not: compiled functions read them as they are.

    Args:
        model: The model. It is referred to weakly.
        key: What tells the values of one model apart.
        build: Makes the value. It must not keep a reference to the model, or the model would never be freed.
    """
    structure = _structure(model)
    with _LOCK:
        building, values = _STORE.setdefault(model, (threading.RLock(), {}))
    with building:
        full_key = (key, structure)
        value = values.pop(full_key) if full_key in values else build()
        values[full_key] = value
        while len(values) > _MOST:
            values.pop(next(iter(values)))
        return value


def function(model: keras.Model, key: Hashable, call: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """`call(model, *args)` compiled, for tensors like those in `args` and any batch size.

    Args:
        model: The model. The compiled function refers to it weakly.
        key: What tells `call` apart from others.
        call: What is compiled.
        args: Nested structures of tensors; `None` for an argument that is left out.

    Returns:
        A function of those arguments that are not left out.
    """
    given = tuple(index for index, arg in enumerate(args) if arg is not None)
    signature = [keras.tree.map_structure(_spec, args[index]) for index in given]
    trace = _Trace(call, weakref.ref(model), len(args), given)
    return remember(
        model,
        (key, given, str(signature)),
        lambda: tf.function(trace, autograph=False, input_signature=signature),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Trace:
    """A function of a model, to be traced without a reference that would keep the model alive."""

    call: Callable[..., Any]
    model: weakref.ref[keras.Model]
    count: int
    given: tuple[int, ...]

    def __call__(self, *tensors: Any) -> Any:
        args = [None] * self.count
        for index, tensor in zip(self.given, tensors, strict=True):
            args[index] = tensor
        model = self.model()
        with steady(model):
            return self.call(model, *args)


@contextlib.contextmanager
def steady(model: keras.Model) -> Iterator[None]:
    """Inside of it, this thread takes the model's structure as it is in the beginning, and looks at it once.

    Looking at a deep model takes a part of a millisecond, and one call of an attack or an explainer asks ten times.

    Args:
        model: The model. Nobody may change its structure inside; its weights may change.
    """
    before = getattr(_STEADY, "structure", None)
    _STEADY.structure = (weakref.ref(model), _structure(model))
    try:
        yield
    finally:
        _STEADY.structure = before


def _spec(value: Any) -> tf.TensorSpec:
    return tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)


def _structure(model: keras.Model) -> tuple[_Mark, ...]:
    """What a trace through a model takes in. It stays the same inside of `steady`."""
    known = getattr(_STEADY, "structure", None)
    if known is not None and known[0]() is model:
        return known[1]
    return tuple(_Mark(part) for item in all_operations(model) for part in _parts(item))


def _parts(operation: keras.Operation) -> list[Any]:
    """What a trace through an operation has taken in: the operation, its activation and its variables."""
    own = vars(operation)
    parts = [operation, getattr(operation, "activation", None)]
    if isinstance(operation, keras.layers.Normalization):
        parts += [getattr(operation, "mean", None), getattr(operation, "variance", None)]  # made anew by `adapt`
    for kind in ("_trainable_variables", "_non_trainable_variables"):
        parts.extend(own.get(kind, ()))
    return [part for part in parts if part is not None]


class _Mark:
    """Equals the marks of the same object as long as it lives, and no other; an id would be given out again."""

    __slots__ = ("_id", "_refer")

    def __init__(self, value: Any) -> None:
        self._id = id(value)
        try:
            self._refer: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            self._refer = lambda: value

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Mark) or self._id != other._id:
            return False
        mine = self._refer()
        return mine is not None and mine is other._refer()
