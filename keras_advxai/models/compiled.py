"""Keeps what was compiled for a model, the latest of it, and no longer than the model lives."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from keras_advxai.models.attributes import Identity, frozen, parts_of
from keras_advxai.models.own_code import read_by_own_code
from keras_advxai.models.recording import all_operations
from keras_advxai.ops.compiling import call_compiled, unwatched

_Values: TypeAlias = "dict[tuple[Hashable, _Structure], Any]"
_STORE: weakref.WeakKeyDictionary[keras.Model, tuple[Any, dict[tuple[Hashable, _Structure], Any]]] = (
    weakref.WeakKeyDictionary()
)
_LOCK = threading.RLock()
_CACHED = threading.local()
_NOTED: weakref.WeakKeyDictionary[keras.Operation, set[str]] = weakref.WeakKeyDictionary()
"""Attributes that running a model changes, such as counts of its calls: no reason to compile it again."""
_MAX_ENTRIES = 128
"""How many values are kept for one model; the one that was asked for longest ago is dropped first."""


def remember(model: keras.Model, key: Hashable, build: Callable[[], Any]) -> Any:
    """What `build()` returned for this model and key the first time.

    The model's structure is part of the key: a layer that is added, an activation that is replaced, a variable that
    replaces another (LoRA, quantisation), or a plain attribute that changes (a rate, a flag, which head is used) makes
    a new entry. The values of the variables do not: compiled functions read them as they are.

    Args:
        model: The model. It is referred to weakly.
        key: What distinguishes the values of one model.
        build: Makes the value. It must not keep a reference to the model, or the model would never be freed.
    """
    # Outside of the lock: a deep model takes milliseconds, and threads with other models need not wait.
    structure, key = _structure(model), (key, read_by_own_code(key))
    with _LOCK:
        building, values = _STORE.setdefault(model, (threading.RLock(), {}))
    # A lock for each model: two threads build a value once, and a slow trace holds up nobody else. It is reentrant,
    # because tracing an attack asks for the summary of the same model.
    with building:
        # Taken out and put back in at the end: the first of a dictionary is then what was asked for longest ago.
        if (key, structure) in values:
            value = values.pop((key, structure))
        else:
            with unwatched():  # a summary is of the model's own operations
                value = build()
            structure = _settled(model, structure, values)
        values[key, structure] = value
        while len(values) > _MAX_ENTRIES:
            values.pop(next(iter(values)))
        return value


def function(model: keras.Model, key: Hashable, call: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """`call(model, *args)` compiled, for tensors like those in `args` and any batch size.

    Args:
        model: The model. The compiled function refers to it weakly.
        key: What distinguishes `call` from others.
        call: What is compiled.
        args: Nested structures of tensors; `None` for an argument that is left out.

    Returns:
        A function of those arguments that are not left out.
    """
    # `None` is no tensor, and a signature cannot leave an argument open.
    given = tuple(index for index, arg in enumerate(args) if arg is not None)
    signature = [keras.tree.map_structure(_spec, args[index]) for index in given]
    trace = _Trace(call, weakref.ref(model), len(args), given)
    run = remember(
        model,
        (key, given, str(signature)),
        lambda: tf.function(trace, autograph=False, input_signature=signature),
    )

    def called(*tensors: Any) -> Any:
        found = call_compiled(run, *tensors)
        if trace.before is not None:
            with _LOCK:
                building, values = _STORE[model]
            with building:
                _settled(model, trace.before, values)
        return found

    return called


@dataclasses.dataclass(eq=False)
class _Trace:
    """A function of a model, to be traced without a reference that would keep the model alive."""

    call: Callable[..., Any]
    # The store holds models weakly, and its values strongly: a value that held the model would keep it alive for good.
    model: weakref.ref[keras.Model]
    count: int
    given: tuple[int, ...]
    before: _Structure | None = None
    """The model's structure when it was traced; `None` as long as it has not been."""

    def __call__(self, *tensors: Any) -> Any:
        args = [None] * self.count
        for index, tensor in zip(self.given, tensors, strict=True):
            args[index] = tensor
        model = self.model()
        with cached_structure(model) as self.before:
            return self.call(model, *args)


@contextlib.contextmanager
def cached_structure(model: keras.Model) -> Iterator[_Structure]:
    """Inside of it, this thread looks at the model's structure once, in the beginning, and takes it for unchanged.

    Looking at a deep model takes milliseconds, and one call of an attack or an explainer asks ten times.

    Args:
        model: The model. Nobody may change its structure inside; its weights may change.
    """
    # An evaluation of one model may run another one inside, such as an explainer's stand-in, and come back.
    before = getattr(_CACHED, "structure", None)
    structure = _structure(model)
    _CACHED.structure = (weakref.ref(model), structure)
    try:
        yield structure
    finally:
        _CACHED.structure = before


def _spec(value: Any) -> tf.TensorSpec:
    # One trace for all batch sizes: the last batch of a data set is smaller, and an attack drops images as it goes.
    return tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)


def _structure(model: keras.Model) -> _Structure:
    """What a trace through a model takes in. It stays the same inside `cached_structure`."""
    known: tuple[weakref.ref[keras.Model], _Structure] | None = getattr(_CACHED, "structure", None)
    if known is not None and known[0]() is model:
        return known[1]
    return _looked_at(model)


def _looked_at(model: keras.Model) -> _Structure:
    operations = all_operations(model)
    parts = tuple(Identity(part) for item in operations for part in parts_of(item))
    return _Structure(parts, tuple(frozen(item, _NOTED.get(item, ())) for item in operations))


def _settled(model: keras.Model, before: _Structure, values: dict[tuple[Hashable, _Structure], Any]) -> _Structure:
    """The structure after the model has run for the first time, by which all that was kept before is kept, too.

    What changed meanwhile the model's own code has noted: a user's doing is between two calls.

    Args:
        model: The model.
        before: Its structure before that.
        values: What is kept for it.
    """
    after = _looked_at(model)
    if after == before or after.parts != before.parts:
        return before
    for operation, old, new in zip(all_operations(model), before.settings, after.settings, strict=True):
        known = dict(old)
        noted = {name for name, value in new if name in known and known[name] != value}
        noted |= dict(new).keys() - known.keys()
        if noted:
            _NOTED.setdefault(operation, set()).update(noted)
    after = _looked_at(model)
    for key, structure in [item for item in values if item[1] == before]:
        values[key, after] = values.pop((key, structure))
    known_here = getattr(_CACHED, "structure", None)
    if known_here is not None and known_here[0]() is model:
        _CACHED.structure = (known_here[0], after)
    return after


class _Structure:
    """All that a trace takes in of a model, hashed once: a deep one has thousands of parts, and a call asks often."""

    __slots__ = ("_hash", "parts", "settings")

    def __init__(self, parts: tuple[Identity, ...], settings: tuple[tuple[tuple[str, Hashable], ...], ...]) -> None:
        self.parts = parts
        self.settings = settings
        self._hash = hash((parts, settings))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Structure) or self._hash != other._hash:
            return False
        return self.parts == other.parts and self.settings == other.settings
