"""What is looked at first of everything that somebody else wrote: JSON, names, strings, plain values."""

from __future__ import annotations

import json
import math
import reprlib
from typing import Any

_DEEPEST = 100
"""Levels of lists and dictionaries; settings, the deepest, have about ten, and Python's own limit is a crash away."""

_LONGEST = 1024
"""Bits of an integer; Python refuses to write those of more than 4,300 digits."""

_SHOWN = 100  # characters
_QUOTED = 300  # characters of an error of NumPy, zipfile or json
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def parse_json(text: str) -> Any:
    """What a JSON text holds.

    Args:
        text: The text.

    Raises:
        ValueError: It is not JSON, or leaves open what it says: a name stands twice in it.
    """

    def refuse(constant: str) -> Any:
        raise ValueError(f"it has {constant}, which JSON does not know")

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in found if names.count(name) > 1)
            raise ValueError(f"it has {shown(twice)} twice")
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=distinct)
    except RecursionError as error:
        raise ValueError("its lists lie too deep in one another") from error


def as_dictionary(name: str, value: Any) -> dict[str, Any]:
    """A value, if it is a dictionary.

    Args:
        name: What it is called in the message.
        value: The value.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` must be a dictionary. Received: {shown(value)}")
    return value


def is_text(value: Any) -> bool:
    """Whether a value is a string that can be written to a file: JSON can hold half of a character."""
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def is_name(value: Any) -> bool:
    """Whether a value can name an attack, an explainer or a dissimilarity: a line of letters, in tables and figures."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def is_plain(value: Any, deepest: int = _DEEPEST) -> bool:
    """Whether a value is made of what JSON has, with finite numbers, and no deeper than anybody means.

    Args:
        value: The value.
        deepest: How many levels of lists and dictionaries it may have. Defaults to 100.
    """
    if value is None or is_text(value):
        return True
    if isinstance(value, int):
        return value.bit_length() <= _LONGEST
    if isinstance(value, float):
        return math.isfinite(value)
    if deepest and isinstance(value, dict):
        return all(is_text(key) and is_plain(item, deepest - 1) for key, item in value.items())
    return bool(deepest) and isinstance(value, (list, tuple)) and all(is_plain(item, deepest - 1) for item in value)


def shown(value: Any) -> str:
    """A value in an error message, however long or deep it is."""
    try:
        text = _SHORT.repr(value)
    except Exception:  # such as an integer of more digits than Python writes
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def reason(error: BaseException) -> str:
    """What somebody else's error says, however much of a damaged file it quotes."""
    text = str(error)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 3] + "..."
