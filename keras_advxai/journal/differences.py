"""In what two evaluations differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_advxai._answer import Answer
from keras_advxai.measurements.reading import shown

ANSWER = "answer"
"""The entry of what the model says of one image that is made, which is not the same to the last bit everywhere."""


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """In what two identities of an evaluation differ, a clause for each thing.

    Args:
        stored: That of a journal, which nobody has checked.
        given: That of the evaluation that is to go on with it.

    Example:

    >>> from keras_advxai.journal.differences import differences
    >>> differences({"settings": {"seed": 0, "steps": None}}, {"settings": {"seed": 1, "steps": None}})
    ['settings: seed 0 in the journal, and 1 now']
    """
    found: list[str] = []
    for name in dict.fromkeys((*given, *stored)):
        one, other = stored.get(name), given.get(name)
        if _same(one, other):
            continue
        if name == ANSWER:  # the last of them, and of another model no news
            if not found and not _is_that_of(one, other):
                found.append(
                    "what the model computes: with the same weights it says something else of the same image, so its "
                    "code, an attribute of a layer, `preprocess` or `reduce` is another"
                )
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            keys = [key for key in dict.fromkeys((*other, *one)) if not _same(one.get(key), other.get(key))]
            if all(map(_is_hash, (*one.values(), *other.values()))):
                found.append(f"{name}: {len(keys)} of {len(other)}, the first of them {shown(keys[0])}")
            else:
                found.append(f"{name}: " + ", ".join(_clause(key, one.get(key), other.get(key)) for key in keys))
        else:
            found.append(_clause(name, one, other))
    return found


def _is_that_of(one: Any, other: Any) -> bool:
    answer = Answer.from_dict(one)
    return answer is None or answer.is_that_of(Answer.from_dict(other))


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64


def _clause(name: Any, one: Any, other: Any) -> str:
    if _is_hash(one) and _is_hash(other):  # which tell nobody anything
        return str(name)
    return f"{name} {shown(one)} in the journal, and {shown(other)} now"


def _same(one: Any, other: Any) -> bool:
    # True is 1 for Python, and 1 is 1.0; settings that differ in that are others all the same.
    return repr(one) == repr(other)
