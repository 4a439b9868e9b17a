"""Names: whether what was received is one of some, which may have been meant, that of a class. Loads nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any


def is_one_of(value: Any, names: Collection[str]) -> bool:
    """Whether a value is one of some names, whatever it is.

    Args:
        value: What was received.
        names: The names.

    Example:

    >>> from keras_advxai._choice import is_one_of
    >>> is_one_of("l2", ("linf", "l2")), is_one_of(["l2"], ("linf", "l2"))
    (True, False)
    """
    # `in` asks each name for `==`, which of an array is an array, and of a tensor an error of TensorFlow's.
    return isinstance(value, str) and value in names


def check_one_of(argument: str, value: Any, names: Collection[str], *, hint: bool = True) -> None:
    """Raise unless an argument is one of some names.

    Args:
        argument: What the argument is called.
        value: What was received.
        names: The names.
        hint: Whether the message says which name is nearest, which of names as short as those of norms says nothing.
            Defaults to `True`.

    Raises:
        ValueError: It is none of them.

    Example:

    >>> from keras_advxai._choice import check_one_of
    >>> try:
    ...     check_one_of("start", "zeros", ("zero", "uniform"))
    ... except ValueError as error:
    ...     print(error)
    Argument `start` must be one of zero, uniform. Did you mean 'zero'? Received: start='zeros'
    """
    if not is_one_of(value, names):
        meant = nearest(str(value), names) if hint else ""
        raise ValueError(
            f"Argument `{argument}` must be one of {', '.join(names)}.{meant} Received: {argument}={value!r}"
        )


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """A sentence that names the known names nearest to `name`, or an empty string.

    Args:
        name: The name that is not known.
        known: The names that are.
        cutoff: How near a name has to be, from 0 to 1. Defaults to 0.5.

    Example:

    >>> from keras_advxai._choice import nearest
    >>> nearest("evaluat", ["evaluate", "explain"])
    " Did you mean 'evaluate'?"
    """
    lower = {item.lower(): item for item in known}
    close = [lower[item] for item in difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=cutoff)]
    return f" Did you mean {' or '.join(repr(item) for item in close)}?" if close else ""


def snake_case(name: str) -> str:
    """The name of a class as the one by which it is found.

    Args:
        name: The name of the class.

    Example:

    >>> from keras_advxai._choice import snake_case
    >>> snake_case("GradCAM"), snake_case("FGSM"), snake_case("UniformNoise")
    ('grad_cam', 'fgsm', 'uniform_noise')
    """
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()
