"""What a trace takes in of a layer's plain attributes: numbers, flags, tables, and which layer an attribute points to.

A trace reads them once, as constants, whatever they are afterwards. `frozen` tells two states of a layer apart.
"""

from __future__ import annotations

import contextlib
import functools
import types
import weakref
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import hashable

_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None)})
_LONGEST = 256
"""Of longer lists only their length counts: to look at them took longer than what is kept."""
_LARGEST = 2**16
"""Arrays of more bytes are told apart as objects."""
_DEEPEST = 4
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
    kept = _kept_by_layers()
    found: list[tuple[str, Hashable]] = []
    for name, value in vars(operation).items():
        if name in kept or name.startswith("_self_") or (of_keras and name[0] == "_"):
            continue
        if type(value) in _ATOMS:
            found.append((name, (type(value), value)))
        elif not of_keras or isinstance(value, (types.FunctionType, list, tuple, dict, np.ndarray)):
            found.append((name, _value(value, _DEEPEST)))
    if not of_keras:
        found.extend(_read_by(getattr(kind, "call", None), _DEEPEST))
        # An attribute of a class stands for that of its objects.
        own = (item for item in kind.__mro__ if not item.__module__.startswith(("keras.", "tensorflow.", "builtins")))
        for item in own:
            found.extend((name, value) for name, value in vars(item).items() if type(value) in _ATOMS)
    return tuple(item for item in found if item[0] not in without) if without else tuple(found)


def told_apart(setting: Any) -> Hashable:
    """Something that is equal as long as a trace takes in the same of a setting, which may be a user's function.

    Of what a function reads, whole numbers and lists are left out: they are counts more often than settings, and what
    changes whenever it is traced would be compiled at every call.

    Args:
        setting: A value, or a function that reads others of its module or encloses them, as a `preprocess` may.

    Example:

    >>> from keras_advxai.models.attributes import told_apart
    >>> factor = 2.0
    >>> def scaled(x):
    ...     return factor * x
    >>> before = told_apart(scaled)
    >>> factor = 3.0
    >>> before == told_apart(scaled)
    False
    """
    known: Hashable = hashable(setting)
    if isinstance(setting, types.FunctionType):
        return known, tuple((name, _lasting(value)) for name, value in _outside(setting))
    if callable(setting) and (isinstance(setting, keras.Operation) or _is_of_user(setting)):
        return known, tuple((name, _lasting(value)) for name, value in vars(setting).items())
    return known


def _lasting(value: Any) -> Hashable:
    if type(value) in _ATOMS and type(value) is not int:
        return type(value), value
    if isinstance(value, tuple):
        return tuple(_lasting(item) for item in value)
    return _value(value, 1) if isinstance(value, (np.ndarray, np.generic)) else None


@functools.cache
def _kept_by_layers() -> frozenset[str]:
    """The names of what every layer keeps about itself."""
    return frozenset(vars(keras.layers.Layer())) | _TRAINING


def _value(value: Any, deeper: int) -> Hashable:
    """Something that is equal as long as a trace would take in the same of a value."""
    if type(value) in _ATOMS:
        return type(value), value
    if isinstance(value, (list, tuple, set, frozenset)):
        return _several(value, len(value), deeper)
    if isinstance(value, Mapping):
        return _several(value.items(), len(value), deeper)
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, np.ndarray) and value.nbytes <= _LARGEST and not value.dtype.hasobject:
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (keras.KerasTensor, tf.Tensor)) and not hasattr(value, "numpy"):
        return None  # of a trace, which a layer kept by mistake
    if isinstance(value, types.MethodType):
        return Identity(value.__func__), Identity(value.__self__)
    if isinstance(value, types.FunctionType):
        return Identity(value), tuple(_read_by(value, deeper))
    if deeper > 0 and _is_of_user(value):
        # A configuration of the user's own, such as a dataclass.
        return Identity(value), _several(vars(value).items(), len(vars(value)), deeper)
    return Identity(value)


def _several(values: Iterable[Any], count: int, deeper: int) -> Hashable:
    if count > _LONGEST or deeper <= 0:
        return count
    return tuple(_value(item, deeper - 1) for item in values)


def _is_of_user(value: Any) -> bool:
    module = type(value).__module__.partition(".")[0]
    return hasattr(value, "__dict__") and not (
        module in ("keras", "tensorflow", "numpy", "builtins", "functools", "weakref", "threading")
        or isinstance(value, (type, types.ModuleType, keras.Operation, keras.Variable, tf.Module))
    )


def _read_by(function: Any, deeper: int) -> Iterator[tuple[str, Hashable]]:
    """What a function reads of plain values from outside."""
    function = getattr(function, "__wrapped__", function)
    if isinstance(function, types.FunctionType) and deeper > 0:
        for name, value in _outside(function):
            yield name, _plain(value, deeper - 1)


def _outside(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """A function's defaults, what it encloses, and names of its module."""
    yield "defaults", function.__defaults__
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a name that is not bound yet
            yield f"enclosed {name}", cell.cell_contents
    known = function.__globals__
    for name in function.__code__.co_names:
        if name in known:
            yield f"read {name}", known[name]


def _plain(value: Any, deeper: int) -> Hashable:
    """As `_value`, but of what is no plain value its identity alone: modules and functions are not looked into."""
    if type(value) in _ATOMS or isinstance(value, (list, tuple, dict, set, np.ndarray, np.generic)):
        return _value(value, deeper)
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
