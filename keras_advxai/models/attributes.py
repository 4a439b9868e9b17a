"""What a trace takes in of a layer's plain attributes: numbers, flags, tables, and which layer an attribute points to.

A trace reads them once, as constants, whatever they are afterwards. `frozen` tells two states of a layer apart.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
import types
import weakref
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import hashable

ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None)})
_PLAIN = (list, tuple, dict, set, collections.deque, np.ndarray, np.generic)
LONGEST = 256
"""Of longer lists only their length counts: to look at them took longer than what is kept."""
_LARGEST = 2**16
"""Arrays of more bytes are told apart as objects."""
DEEPEST = 4
OTHERS = sys.stdlib_module_names | {"keras", "tensorflow", "numpy", "scipy", "pandas", "PIL", "keras_advxai"}
"""Whose modules and objects are not looked into."""
_TRAINING = frozenset(
    [
        "_called",
        "_compile_config",
        "_compile_loss",
        "_compile_metrics",
        "_compiled_trainable_state",
        "_compute_loss_has_training_arg",
        "_distribute_strategy",
        "_eval_epoch_iterator",
        "_functional",
        "_initial_epoch",
        "_inputs",
        "_inputs_struct",
        "_jit_compile",
        "_layers",
        "_loss_tracker",
        "_nodes",
        "_nodes_by_depth",
        "_operations",
        "_operations_by_depth",
        "_outputs",
        "_outputs_struct",
        "_run_eagerly",
        "compiled",
        "history",
        "jit_compile",
        "loss",
        "optimizer",
        "output_names",
        "predict_function",
        "run_eagerly",
        "steps_per_execution",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
        "test_function",
        "train_function",
        "unrolled_steps_per_execution",
    ]
)
"""What `compile`, `fit` and `predict` note in a model, and what a functional model is made of.

Names, since Keras tells its own from a subclass's nowhere. One that a version adds costs a trace, and no wrong number.
"""


def frozen(operation: keras.Operation, without: Container[str] = ()) -> tuple[tuple[str, Hashable], ...]:
    """The plain attributes of an operation, and what its own `call` reads of its module; equal as long as none changes.

    Args:
        operation: A layer, a model or another operation of Keras.
        without: Names of what is left out. Defaults to none.

    Returns:
        Names, and what stands for the values of them.

    Example:

    >>> import keras
    >>> from keras_advxai.models.attributes import frozen
    >>> layer = keras.layers.Rescaling(2.0)
    >>> before = frozen(layer)
    >>> before == frozen(layer)
    True
    >>> layer.scale = 3.0
    >>> before == frozen(layer)
    False
    """
    kind = type(operation)
    of_keras = kind.__module__.startswith("keras.")
    kept = kept_by_layers()
    found: list[tuple[str, Hashable]] = []
    for name, value in vars(operation).items():
        if name in kept or name.startswith("_self_") or (of_keras and name[0] == "_"):
            continue
        if type(value) in ATOMS:
            found.append((name, (type(value), value)))
        elif not of_keras or isinstance(value, (types.FunctionType, list, tuple, dict, np.ndarray)):
            found.append((name, value_of(value, DEEPEST)))
    if not of_keras:
        found.extend(_read_by(getattr(kind, "call", None), DEEPEST))
        found.extend((name, value_of(value, DEEPEST)) for name, value in of_classes(kind))
    return tuple(item for item in found if item[0] not in without) if without else tuple(found)


def parts_of(operation: keras.Operation) -> list[Any]:
    """What a trace through an operation has taken in: the operation, its activation and its variables."""
    own = vars(operation)
    # Users exchange the last softmax for a linear activation by hand, as tf-keras-vis asks for.
    parts = [operation, getattr(operation, "activation", None)]
    if isinstance(operation, keras.layers.Normalization):
        parts += [getattr(operation, "mean", None), getattr(operation, "variance", None)]  # made anew by `adapt`
    # `quantize` and `enable_lora` put other variables in the place of those that a trace reads.
    for kind in ("_trainable_variables", "_non_trainable_variables"):
        parts.extend(own.get(kind, ()))
    return [part for part in parts if part is not None]


@functools.cache
def kept_by_layers() -> frozenset[str]:
    """The names of what every layer keeps about itself."""
    return frozenset(vars(keras.layers.Layer())) | _TRAINING


def value_of(value: Any, deeper: int) -> Hashable:
    """Something that is equal as long as a trace would take in the same of a value."""
    if type(value) in ATOMS:
        return type(value), value
    if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        return _several(value, len(value), deeper)
    if isinstance(value, Mapping):
        return _named(value, deeper)
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, np.ndarray) and value.nbytes <= _LARGEST and not value.dtype.hasobject:
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (keras.KerasTensor, tf.Tensor)) and not hasattr(value, "numpy"):
        return None  # of a trace, which a layer kept by mistake
    if isinstance(value, types.MethodType):
        return Identity(value.__func__), Identity(value.__self__)
    if isinstance(value, types.FunctionType):
        return Identity(value), tuple(_read_by(value, deeper)), _named(vars(value), deeper)
    if deeper > 0 and (is_of_user(value) or is_kept_apart(value)):
        # A configuration of the user's own, such as a dataclass, a class with nothing but settings, or a module.
        return Identity(value), _named(held_by(value), deeper)
    return Identity(value)


def held_by(value: Any) -> dict[str, Any]:
    """What an object, a class or a module of a user's holds.

    Args:
        value: An object: what is in itself, in its `__slots__`, and in its classes, which stand for it. Of a class, the
            plain values of it and of those it is made of; of a module, its plain values.
    """
    if isinstance(value, types.ModuleType):
        return {name: item for name, item in vars(value).items() if _is_plain(name, item)}
    if isinstance(value, type):
        return dict(of_classes(value))
    found = dict(of_classes(type(value)))
    for kind in classes_of_user(type(value)):
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            with contextlib.suppress(AttributeError):  # nothing is in it yet
                found[name] = getattr(value, name)
    return {**found, **getattr(value, "__dict__", {})}


def _is_plain(name: str, value: Any) -> bool:
    return not name.startswith("__") and (type(value) in ATOMS or isinstance(value, _PLAIN))


def of_classes(kind: type) -> Iterator[tuple[str, Any]]:
    """The plain attributes of a user's classes, those of the innermost first: each stands for that of its objects.

    Args:
        kind: The class of an object.
    """
    yield from ((name, value) for name, value in _of_mro(kind).items() if _is_plain(name, value))


def _of_mro(kind: type) -> dict[str, Any]:
    """All attributes of a user's classes; of one name that of the innermost."""
    return {name: value for item in reversed(classes_of_user(kind)) for name, value in vars(item).items()}


def classes_of_user(kind: type) -> list[type]:
    """The classes of the user's that one is made of, itself first.

    Args:
        kind: The class.
    """
    return [item for item in kind.__mro__ if package_of(item.__module__) not in OTHERS]


def _named(values: Mapping[Any, Any], deeper: int) -> Hashable:
    if len(values) > LONGEST or deeper <= 0:
        return len(values)
    return tuple((hashable(name), value_of(item, deeper - 1)) for name, item in values.items())


def _several(values: Iterable[Any], count: int, deeper: int) -> Hashable:
    if count > LONGEST or deeper <= 0:
        return count
    return tuple(value_of(item, deeper - 1) for item in values)


def is_of_user(value: Any) -> bool:
    """Whether a value is an object of a class that is neither Python's nor one of the known packages'.

    Args:
        value: The value.
    """
    if isinstance(value, types.SimpleNamespace):
        return True
    kinds = (type, types.ModuleType, keras.Operation, keras.Variable, tf.Module)
    is_known = package_of(type(value).__module__) in OTHERS
    holds = hasattr(value, "__dict__") or any("__slots__" in vars(kind) for kind in classes_of_user(type(value)))
    return holds and not is_known and not isinstance(value, kinds)


def is_kept_apart(value: Any) -> bool:
    """Whether a value is a class or a module of the user's, in which settings may be kept.

    Args:
        value: The value.
    """
    if isinstance(value, types.ModuleType):
        return package_of(value.__name__) not in OTHERS
    return isinstance(value, type) and package_of(value.__module__) not in OTHERS


def package_of(module: str | None) -> str:
    """The name of a package, of the name of a module in it."""
    return (module or "").partition(".")[0]


def _read_by(function: Any, deeper: int) -> Iterator[tuple[str, Hashable]]:
    """What a function reads of plain values from outside."""
    function = getattr(function, "__wrapped__", function)
    if isinstance(function, types.FunctionType) and deeper > 0:
        for name, value in outside(function):
            yield name, _plain(value, deeper - 1)


def outside(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """A function's defaults, what it encloses, and names of its module."""
    yield "defaults", function.__defaults__
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a name that is not bound yet
            yield f"enclosed {name}", cell.cell_contents
            yield from _read_through(name, cell.cell_contents, function.__code__.co_names)
    known, names = function.__globals__, function.__code__.co_names
    for name in names:
        if name in known:
            yield f"read {name}", known[name]
            yield from _read_through(name, known[name], names)


def _read_through(path: str, holder: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """What code reads of a class, a module or an object of the user's that holds settings, and of those in it."""
    if not (is_of_user(holder) or is_kept_apart(holder)) or path.count(".") >= DEEPEST:
        return
    if isinstance(holder, type):
        own = _of_mro(holder)  # classes in it, too
    else:
        own = vars(holder) if isinstance(holder, types.ModuleType) else held_by(holder)
    for name in names:
        if name in own and name != path.rpartition(".")[2]:
            yield f"read {path}.{name}", own[name]
            yield from _read_through(f"{path}.{name}", own[name], names)


def _plain(value: Any, deeper: int) -> Hashable:
    """As `value_of`, but of what is no plain value its identity alone: modules and functions are not looked into."""
    if type(value) in ATOMS or isinstance(value, _PLAIN):
        return value_of(value, deeper)
    return Identity(value)


class Identity:
    """Equals the identities of the same object as long as it lives, and no other; an id would be given out again."""

    __slots__ = ("_id", "_refer")

    def __init__(self, value: Any) -> None:
        self._id = id(value)
        try:
            self._refer: Callable[[], Any] = weakref.ref(value)
        # Objects with `__slots__`, and strings, have no weak references. They are kept themselves.
        except TypeError:
            self._refer = lambda: value

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identity) or self._id != other._id:
            return False
        mine = self._refer()
        return mine is not None and mine is other._refer()
