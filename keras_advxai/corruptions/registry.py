"""The corruptions that are found by name, and the decorator that declares one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from keras_advxai._choice import nearest
from keras_advxai.corruptions.corruption import Corruption, CorruptionFunction

_KNOWN: dict[str, Corruption] = {}


@overload
def register(
    function: CorruptionFunction, /, *, name: str | None = None, channels: Sequence[int] = ()
) -> CorruptionFunction: ...


@overload
def register(
    *, name: str | None = None, channels: Sequence[int] = ()
) -> Callable[[CorruptionFunction], CorruptionFunction]: ...


def register(
    function: CorruptionFunction | None = None, /, *, name: str | None = None, channels: Sequence[int] = ()
) -> Any:
    """Declares a corruption: a decorator of a function of one image, a severity and random numbers.

    Used bare or with arguments. The corruption is found by its name from then on, as ours are; the function stays as it
    is.

    Args:
        function: What is decorated. It is given a copy of an image, `(height, width, channels)` float64 in [0, 1]; an
            integer from 1 to 5; and a `numpy.random.Generator`, seeded by the image. What it returns is clipped.
        name: What it is called, a Python identifier. Defaults to `None`, the function's own name.
        channels: Of how many channels the images must be. Defaults to any number.

    Raises:
        ValueError: Another function has the name already, or there is no usable name.
        TypeError: What is decorated is not a function.

    Example:

    >>> import numpy as np
    >>> import keras_advxai as kax
    >>> @kax.corruptions.register(name="dimmed_by_a_tenth")
    ... def dimmed(image, severity, rng):
    ...     return image * (1 - 0.1 * severity)
    >>> float(kax.corruptions.get("dimmed_by_a_tenth")(np.ones((1, 4, 4, 1)), severity=5).max())
    0.5
    """

    def declare(function: CorruptionFunction) -> CorruptionFunction:
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"Argument `function` must be a function of one image. Received: function={function!r}")
        own = getattr(function, "__name__", None) if name is None else name
        if not isinstance(own, str) or not own.isidentifier():
            raise ValueError(
                f"A corruption needs a name of letters, digits and underscores: pass it as `name`. Received: {own!r}"
            )
        known = _KNOWN.get(_squeezed(own))
        if known is not None and _place(known.function) != _place(function):
            raise ValueError(
                f"Another function is the corruption {known.name!r} already. Give this one a name of its own, as "
                f"`name`. Received: {function!r}"
            )
        _KNOWN[_squeezed(own)] = Corruption(own, function, tuple(channels))
        return function

    return declare if function is None else declare(function)


def get(identifier: str | Corruption) -> Corruption:
    """The corruption that a name means.

    Args:
        identifier: A name, in which case, hyphens and underscores do not matter; or a corruption.

    Raises:
        ValueError: The name is unknown; the message lists the known ones and the nearest.
        TypeError: `identifier` is something else.

    Example:

    >>> import keras_advxai as kax
    >>> kax.corruptions.get("Gaussian-Blur").name
    'gaussian_blur'
    """
    if isinstance(identifier, Corruption):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(f"Argument `identifier` must be the name of a corruption. Received: {identifier!r}")
    found = find(identifier)
    if found is None:
        names = [item.name for item in declared()]
        raise ValueError(f"Unknown corruption {identifier!r}.{nearest(identifier, names)} Known: {', '.join(names)}.")
    return found


def find(name: str) -> Corruption | None:
    """The corruption of a name; `None` if there is none."""
    return _KNOWN.get(_squeezed(name))


def declared() -> tuple[Corruption, ...]:
    """Every corruption that has been declared so far, in the order of their declarations."""
    return tuple(_KNOWN.values())


def _squeezed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in "_- ")


def _place(function: Any) -> tuple[Any, Any]:
    """Where a function is defined: a cell of a notebook may be run again, and then replaces what it has defined."""
    return getattr(function, "__module__", None), getattr(function, "__qualname__", function)
