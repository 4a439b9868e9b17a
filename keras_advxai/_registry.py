"""Configurations, and how each kind of them is found by name, serialised and built again."""

from __future__ import annotations

import abc
import functools
import importlib
import inspect
import re
import reprlib
import types
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

import keras
import numpy as np

from keras_advxai._backend import check_keras
from keras_advxai._choice import nearest, snake_case

check_keras()

T = TypeVar("T")
C = TypeVar("C", bound="Configuration")
K = TypeVar("K")


class _Frozen(abc.ABCMeta):
    """Builds an instance with its ordinary `__init__`, then closes it to assignment."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__call__(*args, **kwargs)
        # After the last of the constructors, so that subclasses assign attributes like anywhere else.
        object.__setattr__(instance, "_frozen", True)
        return instance


class Configuration(metaclass=_Frozen):
    """An immutable set of hyperparameters: the base of attacks and explainers.

    A subclass takes its hyperparameters in `__init__` and keeps each under its own name; that is all
    that `get_config`, `from_config`, `repr`, equality and hashing need. Two instances with equal
    hyperparameters are equal, and so share what was compiled for them.
    """

    _frozen = False
    _unnamed: tuple[str, ...] = ("seed",)
    """Hyperparameters that do not appear in the name, because they hardly change what is measured."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise AttributeError(
                f"{type(self).__name__} is immutable: build another one with `{name}` changed. "
                f"Received: {name}={value!r}"
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable. Received: del {name}")

    def get_config(self) -> dict[str, Any]:
        """The hyperparameters, by the names that the constructor takes."""
        return {name: getattr(self, name) for name in _parameters(type(self))}

    @classmethod
    def from_config(cls: type[C], config: dict[str, Any]) -> C:
        """The instance that `get_config` described, saved hyperparameters such as arrays among them."""
        return cls(**{key: _deserialized(value) for key, value in config.items()})

    @property
    def name(self) -> str:
        """Short name for reports and plots: the class, then what differs from the defaults, but for seeds."""
        parts = [snake_case(type(self).__name__)]
        parts += [_short(key, value) for key, value in changed(self).items() if key not in self._unnamed]
        return re.sub(r"[^\w.]+", "-", "_".join(parts))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and (type(self), self._key()) == (type(other), other._key())

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> tuple[Any, ...]:
        return tuple((name, hashable(value)) for name, value in self.get_config().items())


class Registry(Generic[T]):
    """One kind of configuration: its base class and the classes known by name.

    Args:
        kind: What the kind is called in messages, for example `"attack"`.
        base: The class that every instance must have.
        classes: The classes found by name. Case, hyphens and underscores do not matter. Others are added by
            `register`.

    Attributes:
        presets: Instances with a name of their own, by name, as functions that build them.
        elsewhere: What a package above this one adds, by name, as `"module:attribute"`. It is imported when it is asked
            for, so that what it needs, such as cleverhans, is not loaded for nothing.
    """

    def __init__(self, kind: str, base: type[T], classes: Iterable[type[T]] = ()) -> None:
        self.kind = kind
        self.base = base
        self.classes = {snake_case(cls.__name__): cls for cls in classes}
        self.presets: dict[str, Callable[[], T]] = {}
        self.elsewhere: dict[str, str] = {}

    def register(self, cls: type[K]) -> type[K]:
        """Decorates a class of ours: it is found by name from now on, and saved by Keras as `keras_advxai>Name`."""
        keras.saving.register_keras_serializable(package="keras_advxai")(cls)
        self.classes[snake_case(cls.__name__)] = cast("type[T]", cls)
        return cls

    def get(self, identifier: str | dict[str, Any] | T | type[T]) -> T:
        """The instance that `identifier` means.

        Args:
            identifier: A name, a configuration made by `serialize`, a class, or an instance.

        Raises:
            ValueError: The name is unknown; the message lists the known ones and the nearest. Or what it means has no
                defaults.
            TypeError: `identifier` is something else.
        """
        if isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return self._built(identifier)
        if isinstance(identifier, str):
            return self._built(self._by_name(identifier))
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        raise TypeError(
            f"Argument `identifier` must be the name of a known {self.kind} ({', '.join(self._known())}), a "
            f"configuration, or an instance of {self.base.__name__}. "
            f"Received: {identifier!r} (of type {type(identifier).__name__})"
        )

    def serialize(self, instance: T) -> dict[str, Any]:
        """A configuration of plain Python values, from which `deserialize` builds an equal instance."""
        config: dict[str, Any] = keras.saving.serialize_keras_object(instance)
        return config

    def deserialize(self, config: dict[str, Any]) -> T:
        """The instance that `serialize` described.

        Raises:
            ValueError: Something in it is unknown or wrong.
            TypeError: The configuration is of something else. (Keras returns some unknown
                configurations unchanged, and others as classes.)
        """
        self.import_ours(config)
        try:
            instance = keras.saving.deserialize_keras_object(config)
        except Exception as error:  # Keras' own, and those of constructors, according to what is wrong with it
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"Argument `config` must be what `serialize` made of some {self.kind}. Received: "
                f"{reprlib.repr(config)}. {str(error)[:500]}"
            ) from error
        if not isinstance(instance, self.base):  # Keras returns dictionaries that it does not know unchanged
            raise TypeError(
                f"Argument `config` must be what `serialize` made of some {self.kind}. "
                f"Received: {config!r}, which describes a {type(instance).__name__}"
            )
        return instance

    def import_ours(self, config: Any) -> None:
        """Import those of our own modules that define a class which a configuration names, and no others.

        Args:
            config: What `serialize` made, or what somebody else wrote.
        """
        for place in self.elsewhere.values():
            if _names_class(config, place.partition(":")[2]):
                _imported(place)  # registers the class with Keras, which knows it by its registered name only

    def build(self, name: str, options: Mapping[str, Any]) -> T:
        """The instance that a name means, with hyperparameters other than the defaults.

        Args:
            name: The name.
            options: The hyperparameters.

        Raises:
            ValueError: The name is unknown, it has no such hyperparameter, or one is missing. What a constructor raises
                of a value passes through.
        """
        found, whole = self._by_name(name), self.behind(name)
        known = list(_parameters(whole) if isinstance(whole, type) else inspect.signature(whole).parameters)
        known = known[len(found.args) if isinstance(found, functools.partial) else 0 :]
        for key in options:
            if key not in known:
                raise ValueError(
                    f"The {self.kind} {name!r} has no hyperparameter {key!r}.{nearest(key, known)} It has: "
                    f"{', '.join(known) or 'none'}."
                )
        return self._built(found, options)

    def behind(self, name: str) -> Callable[..., T]:
        """The class or function that documents the hyperparameters of what a name means.

        Args:
            name: The name.

        Raises:
            ValueError: The name is unknown.
        """
        found = self._by_name(name)
        return found.func if isinstance(found, functools.partial) else found

    def _built(self, build: Callable[..., T], options: Mapping[str, Any] = types.MappingProxyType({})) -> T:
        """What a class or a preset builds of its defaults and some hyperparameters."""
        if inspect.isabstract(build):
            raise ValueError(
                f"{getattr(build, '__name__', build)} is what every {self.kind} is built on, and none itself. Pass a "
                f"subclass, or one of: {', '.join(sorted(self._known()))}. Received: {build!r}"
            )
        own = list(_parameters(build).items()) if isinstance(build, type) else []
        missing = [name for name, default in own if default is inspect.Parameter.empty and name not in options]
        if missing:  # Python would name the constructor, which nobody called
            needed, call = ", ".join(f"`{name}`" for name in missing), ", ".join(f"{name}=..." for name in missing)
            known = snake_case(build.__name__)
            raise ValueError(f"The {self.kind} {known!r} needs {needed}: pass an instance, {build.__name__}({call}).")
        return build(**options)

    def _by_name(self, name: str) -> Callable[..., T]:
        named = self._known()
        known = {_squeeze(key): build for key, build in named.items()}
        if _squeeze(name) in known:
            build = known[_squeeze(name)]
            return cast("Callable[..., T]", _imported(build)) if isinstance(build, str) else build
        raise ValueError(
            f"Unknown {self.kind} {name!r}.{nearest(name, named)} Known: {', '.join(sorted(named))}. "
            f"An instance of a subclass of {self.base.__name__} may be passed as well."
        )

    def _known(self) -> dict[str, Callable[..., T] | str]:
        """What builds an instance, or the place of it, by name."""
        return {**self.elsewhere, **self.classes, **self.presets}


def moved(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a module, by which names that have moved are found for one version more.

    Args:
        module: The name of the module.
        names: The module in which each name is found now.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(
            f"{module}.{name} has moved, and will be gone in the next version: use {names[name]}.{name}.",
            DeprecationWarning,
            stacklevel=2,
        )
        return _imported(f"{names[name]}:{name}")

    return find


def changed(instance: Configuration) -> dict[str, Any]:
    """The hyperparameters that differ from the defaults."""
    values = {key: (getattr(instance, key), default) for key, default in _parameters(type(instance)).items()}
    return {key: value for key, (value, default) in values.items() if hashable(value) != hashable(default)}


def hashable(value: Any) -> Any:
    """`value` where it can be hashed, else something as distinct: its parts, or its identity."""
    # By content, so that configurations read from two files share what was compiled.
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, (list, tuple)):
        return tuple(hashable(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, hashable(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:  # callables of a user's class with `__eq__` alone, for example
        return id(value)
    return value


def _short(key: str, value: Any) -> str:
    """A hyperparameter in the name of a configuration."""
    if isinstance(value, bool):
        return key if value else f"no_{key}"
    if isinstance(value, np.ndarray):
        return f"{key}{zlib.crc32(value.tobytes()):08x}"
    if isinstance(value, Configuration):
        return value.name
    if callable(value):
        # A lambda's is "<lambda>", which file names and paths of checkpoints cannot have.
        return f"{key}_{re.sub(r'[^a-zA-Z0-9_]', '', getattr(value, '__name__', type(value).__name__))}"
    return value if isinstance(value, str) else f"{key}{value}"


def _deserialized(value: Any) -> Any:
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) and "class_name" in value else value


def _imported(place: str) -> Any:
    """What `"module:attribute"` means."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _names_class(config: Any, name: str) -> bool:
    """Whether a configuration, or one inside it such as an attack of an ensemble, is of the class of this name."""
    if isinstance(config, (list, tuple)):
        return any(_names_class(item, name) for item in config)
    if isinstance(config, dict):
        return config.get("class_name") == name or any(_names_class(item, name) for item in config.values())
    return False


def _squeeze(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


@functools.cache
def _parameters(cls: type) -> Mapping[str, Any]:
    """The constructor's parameters with their defaults, those passed on to the base class included."""
    found: dict[str, Any] = {}
    for klass in cls.__mro__:
        if "__init__" not in vars(klass) or klass is object:
            continue
        parameters = list(inspect.signature(vars(klass)["__init__"]).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                found.setdefault(parameter.name, parameter.default)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return types.MappingProxyType(found)
