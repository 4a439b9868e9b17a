"""What a trace takes in of code of the user's own: functions, objects, attacks, explainers and dissimilarities.

As of a layer's attributes, a trace reads numbers and flags once, as constants, whatever they are afterwards.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Hashable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import Configuration, hashable
from keras_advxai.models.attributes import (
    ATOMS,
    DEEPEST,
    LONGEST,
    OTHERS,
    Identity,
    classes_of_user,
    frozen,
    held_by,
    is_kept_apart,
    is_of_user,
    kept_by_layers,
    outside,
    package_of,
    parts_of,
    value_of,
)
from keras_advxai.models.recording import all_operations


def told_apart(setting: Any) -> Hashable:
    """Something that is equal as long as a trace takes in the same of a setting, which may be a user's function.

    Of what a function reads, whole numbers and lists are left out: they are counts more often than settings, and what
    changes whenever it is traced would be compiled at every call.

    Args:
        setting: A value, or a function that reads others of its module or encloses them, as a `preprocess` may.

    Example:

    >>> from keras_advxai.models.own_code import told_apart
    >>> factor = 2.0
    >>> def scaled(x):
    ...     return factor * x
    >>> before = told_apart(scaled)
    >>> factor = 3.0
    >>> before == told_apart(scaled)
    False
    """
    known: Hashable = hashable(setting)
    return (known, _taken_in(setting, DEEPEST)) if callable(setting) else known


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
            for kind in classes_of_user(type(item)):
                found.extend(_lasting(value, 1) or _taken_in(value, DEEPEST) for value in vars(kind).values())
            queue.extend(item.get_config().values())
        elif package_of(type(item).__module__) == "keras_advxai":
            queue.extend(getattr(item, "__dict__", {}).values())  # a plan, and what it lists
        elif isinstance(item, types.FunctionType) and package_of(item.__module__) not in OTHERS:
            found.append(_taken_in(item, DEEPEST))
    return tuple(item for item in found if item)


def _taken_in(setting: Any, deeper: int) -> Hashable:
    """What a trace takes in of a function, or of an object that is called as one."""
    if isinstance(setting, (staticmethod, classmethod)):
        setting = setting.__func__
    if deeper <= 0 or setting is None:
        return None
    if isinstance(setting, types.FunctionType):
        # A decorator stands before the function that it runs.
        inner = _taken_in(getattr(setting, "__wrapped__", None), deeper - 1)
        return inner, tuple((name, _lasting(value, deeper - 1)) for name, value in outside(setting))
    if isinstance(setting, types.MethodType):
        return _taken_in(setting.__func__, deeper), _taken_in(setting.__self__, deeper)
    if isinstance(setting, functools.partial):
        return _taken_in(setting.func, deeper), _lasting((setting.args, setting.keywords), deeper)
    if isinstance(setting, keras.Operation):
        operations = all_operations(setting)
        parts = tuple(Identity(part) for item in operations for part in parts_of(item))
        return parts, tuple(_attributes(item, deeper) for item in operations)
    return _attributes(setting, deeper) if is_of_user(setting) else None


def _attributes(value: Any, deeper: int) -> Hashable:
    """Of Keras' own layers all that is a setting; of a user's objects what lasts, and what calling them reads."""
    is_layer = isinstance(value, keras.Operation)
    if is_layer and package_of(type(value).__module__) == "keras":
        return frozen(value)
    kept = kept_by_layers() if is_layer else ()
    own = [item for item in held_by(value).items() if item[0] not in kept]
    found = tuple((name, _lasting(item, deeper - 1)) for name, item in own)
    method = getattr(type(value), "call" if is_layer else "__call__", None)
    return found, _taken_in(method, deeper - 1) if isinstance(method, types.FunctionType) else None


def _lasting(value: Any, deeper: int) -> Hashable:
    if type(value) in ATOMS and type(value) is not int:
        return type(value), value
    if isinstance(value, tuple):
        return tuple(_lasting(item, deeper) for item in value)
    if isinstance(value, dict) and deeper > 0 and len(value) <= LONGEST:
        return tuple(_lasting(item, deeper - 1) for item in value.values())
    if isinstance(value, (np.ndarray, np.generic)):
        return value_of(value, 1)
    if isinstance(value, tf.Tensor) and hasattr(value, "numpy"):
        return Identity(value)
    if isinstance(value, keras.layers.Layer) and not isinstance(value, keras.Model):
        return _taken_in(value, deeper)
    if deeper > 0 and is_kept_apart(value):
        return tuple((name, _lasting(item, 0)) for name, item in held_by(value).items())
    return _attributes(value, deeper) if deeper > 0 and is_of_user(value) else None
