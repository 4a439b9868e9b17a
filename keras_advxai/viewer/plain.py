"""Values as JSON can hold them: no NaN, no infinity, no half of a character."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_DIGITS = 6


class Plain(list[Any]):
    """A list that `plain` has made of an array of numbers, and need not look through again."""


_AS_THEY_ARE = (int, bool, type(None), Plain)


def plain(value: Any, digits: int = _DIGITS) -> Any:
    r"""A value made of dictionaries, lists, texts and numbers, as JSON can hold it.

    Args:
        value: The value; arrays and tuples become lists, keys texts.
        digits: How many significant digits numbers keep. Defaults to 6.

    Returns:
        The same with `None` for what is not finite, and `\ufffd` for halves of characters, which UTF-8 has not.

    Example:

    >>> from keras_advxai.viewer.plain import plain
    >>> plain({"a": (1.0, float("nan"), 1 / 3), "b": "\ud800"}) == {"a": [1.0, None, 0.333333], "b": "\ufffd"}
    True
    """
    # By its type first: of ten thousand texts and numbers in a report, each would be asked whether it is a mapping.
    if type(value) in _AS_THEY_ARE or (type(value) is str and value.isascii()):
        return value
    if isinstance(value, np.ndarray):
        return _of_array(value, digits)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, digits) for item in value]
    if isinstance(value, str):
        return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, np.generic):
        return plain(value.item(), digits)
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value if isinstance(value, int) else plain(str(value), digits)


def _of_array(value: np.ndarray, digits: int) -> Any:
    # What was measured of each image is most of what there is: without a call for each number.
    if value.ndim != 1 or value.dtype.kind not in "biuf":
        return plain(value.tolist(), digits)
    if value.dtype.kind != "f":
        return Plain(value.tolist())
    finite = math.isfinite
    return Plain([float(f"{item:.{digits}g}") if finite(item) else None for item in value.tolist()])


def to_json(value: Any) -> str:
    r"""JSON text of plain values, in which nothing ends a script of HTML.

    Args:
        value: What `plain` returned.

    Raises:
        ValueError: There is NaN or infinity in it.

    Example:

    >>> from keras_advxai.viewer.plain import to_json
    >>> print(to_json({"name": "</script>"}))
    {"name":"\u003c/script>"}
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    # `<` would end or comment out the script that holds the JSON; the two others end lines in older JavaScript.
    for letter in "<\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
