"""What settings from a file are made of again: only what is known here already."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

import keras

from keras_advxai._registry import Registry

T = TypeVar("T")

_PLAIN = ("__numpy__", "__tuple__", "__tensor__")
"""The class names under which Keras keeps plain values."""


def restored(config: Any, registry: Registry[T]) -> T:
    """An attack or explainer from a file, if its class is known already: nothing is imported that a file names.

    Args:
        config: Its configuration.
        registry: The attacks, or the explainers.

    Raises:
        ValueError: Something in it is not registered with Keras.
    """
    registry.import_ours(config)
    for name in _needed(config):
        if not isinstance(name, str) or keras.saving.get_registered_object(name) is None:
            raise ValueError(
                f"The report was made with an {registry.kind} that is not known here: {name!r}. Import the file that "
                "defines it, decorated with @keras.saving.register_keras_serializable(package='...')."
            )
    return registry.deserialize(config)


def _needed(config: Any) -> Iterator[Any]:
    """The registered names of everything that Keras would build from a configuration, however deep inside."""
    if isinstance(config, dict):
        kind = config.get("class_name")
        if "class_name" in config and kind not in _PLAIN:
            # Of a function, Keras looks for `config`, and imports `module` if that is not registered. Other kinds with
            # underscores, such as "__lambda__", are code.
            special = isinstance(kind, str) and kind.startswith("__")
            yield kind if special else config.get("config" if kind == "function" else "registered_name")
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for item in config:
            yield from _needed(item)


def function_name(function: Any) -> str:
    """What a function, or an object that is called as one, is called in a file."""
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name


@dataclasses.dataclass(frozen=True)
class LostFunction:
    """Stands for a function that a file cannot hold.

    Attributes:
        name: What it was called.
    """

    name: Any

    def __call__(self, images: Any) -> Any:
        """Never: the function itself has to be passed.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"The function {self.name!r} was not read from the file. Pass it again.")
