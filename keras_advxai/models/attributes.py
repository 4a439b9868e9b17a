"""What a trace takes in of a layer's plain attributes: numbers, flags, tables, and which layer an attribute points to.

A trace reads them once, as constants, whatever they are afterwards. `frozen` tells two states of a layer apart.
"""

from __future__ import annotations

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

from keras_advxai._registry import Configuration, hashable
from keras_advxai.models.recording import all_operations

_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None)})
_LONGEST = 256
"""Of longer lists only their length counts: to look at them took longer than what is kept."""
_LARGEST = 2**16
"""Arrays of more bytes are told apart as objects."""
_DEEPEST = 4
_OTHERS = sys.stdlib_module_names | {"keras", "tensorflow", "numpy", "scipy", "pandas", "PIL", "keras_advxai"}
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
    return (known, _taken_in(setting, _DEEPEST)) if callable(setting) else known


def read_by_own_code(key: Hashable) -> Hashable:
    """The same of what a key is made of: a user's own attacks, explainers, dissimilarities and functions.

    Two of one class with the same hyperparameters are equal, whatever their methods read of their module.

    Args:
        key: Tuples and settings of attacks, explainers and measurements, and whatever else.
    """
    found: list[Hashable] = []
    seen: set[int] = set()
    queue: list[Any] = [key]
    while queue:
        item = queue.pop()
        if id(item) in seen or isinstance(item, (str, int)):
            continue
        seen.add(id(item))
        if isinstance(item, (tuple, list)):
            queue.extend(item)
        elif isinstance(item, Configuration):
            own = [kind for kind in type(item).__mro__ if _top(kind.__module__) not in _OTHERS]
            found.extend(_taken_in(method, _DEEPEST) for kind in own for method in vars(kind).values())
            queue.extend(item.get_config().values())
        elif _top(type(item).__module__) == "keras_advxai":
            queue.extend(getattr(item, "__dict__", {}).values())  # a plan, and what it lists
        elif isinstance(item, types.FunctionType) and _top(item.__module__) not in _OTHERS:
            found.append(_taken_in(item, _DEEPEST))
    return tuple(item for item in found if item)


def _taken_in(setting: Any, deeper: int) -> Hashable:
    """What a trace takes in of a function, or of an object that is called as one."""
    if deeper <= 0:
        return None
    if isinstance(setting, types.FunctionType):
        return tuple((name, _lasting(value, deeper - 1)) for name, value in _outside(setting))
    if isinstance(setting, types.MethodType):
        return _taken_in(setting.__func__, deeper), _taken_in(setting.__self__, deeper)
    if isinstance(setting, functools.partial):
        given = (setting.args, setting.keywords)
        return _taken_in(setting.func, deeper), _lasting(given, deeper)
    if isinstance(setting, keras.Operation):
        operations = all_operations(setting)
        parts = tuple(Identity(part) for item in operations for part in parts_of(item))
        return parts, tuple(_attributes(item, deeper) for item in operations)
    return _attributes(setting, deeper) if _is_of_user(setting) else None


def _attributes(value: Any, deeper: int) -> Hashable:
    """Of Keras' own layers all that is a setting; of a user's objects what lasts."""
    if isinstance(value, keras.Operation) and type(value).__module__.startswith("keras."):
        return frozen(value)
    kept = _kept_by_layers() if isinstance(value, keras.Operation) else ()
    own = (item for item in vars(value).items() if item[0] not in kept)
    return tuple((name, _lasting(item, deeper - 1)) for name, item in own)


def _lasting(value: Any, deeper: int) -> Hashable:
    if type(value) in _ATOMS and type(value) is not int:
        return type(value), value
    if isinstance(value, tuple):
        return tuple(_lasting(item, deeper) for item in value)
    if isinstance(value, dict) and deeper > 0 and len(value) <= _LONGEST:
        return tuple(_lasting(item, deeper - 1) for item in value.values())
    if isinstance(value, (np.ndarray, np.generic)):
        return _value(value, 1)
    if isinstance(value, tf.Tensor) and hasattr(value, "numpy"):
        return Identity(value)
    if isinstance(value, keras.layers.Layer) and not isinstance(value, keras.Model):
        return _taken_in(value, deeper)
    return _attributes(value, deeper) if deeper > 0 and _is_of_user(value) else None


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
        return Identity(value), tuple(_read_by(value, deeper))
    if deeper > 0 and _is_of_user(value):
        # A configuration of the user's own, such as a dataclass.
        return Identity(value), _named(vars(value), deeper)
    return Identity(value)


def _named(values: Mapping[Any, Any], deeper: int) -> Hashable:
    if len(values) > _LONGEST or deeper <= 0:
        return len(values)
    return tuple((hashable(name), _value(item, deeper - 1)) for name, item in values.items())


def _several(values: Iterable[Any], count: int, deeper: int) -> Hashable:
    if count > _LONGEST or deeper <= 0:
        return count
    return tuple(_value(item, deeper - 1) for item in values)


def _is_of_user(value: Any) -> bool:
    if isinstance(value, types.SimpleNamespace):
        return True
    kinds = (type, types.ModuleType, keras.Operation, keras.Variable, tf.Module)
    return hasattr(value, "__dict__") and _top(type(value).__module__) not in _OTHERS and not isinstance(value, kinds)


def _top(module: str | None) -> str:
    """The name of a package, of the name of a module in it."""
    return (module or "").partition(".")[0]


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
            yield from _read_through(name, cell.cell_contents, function.__code__.co_names)
    known, names = function.__globals__, function.__code__.co_names
    for name in names:
        if name in known:
            yield f"read {name}", known[name]
            yield from _read_through(name, known[name], names)


def _read_through(path: str, holder: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """What code reads of a class, a module or an object of the user's that holds settings, and of those in it."""
    of_user = _is_of_user(holder)
    if isinstance(holder, types.ModuleType):
        of_user = _top(holder.__name__) not in _OTHERS
    elif isinstance(holder, type):
        of_user = _top(holder.__module__) not in _OTHERS
    if not of_user or path.count(".") >= _DEEPEST:
        return
    own = vars(holder)
    for name in names:
        if name in own and name != path.rpartition(".")[2]:
            yield f"read {path}.{name}", own[name]
            yield from _read_through(f"{path}.{name}", own[name], names)


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
