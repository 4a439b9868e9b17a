"""Attacks and explainers as the command line spells them: `pgd:steps=40,norm=l2`."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from keras_advxai._choice import snake_case
from keras_advxai.cli.failing import Failure, is_ours, printable

Kind = Literal["attack", "explainer"]

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ITEM = re.compile(rf'(?:{_QUOTED}|\[(?:{_QUOTED}|[^\]"])*\]|[^,"\[\]])*')
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
_LONGEST = 40
_KINDS: dict[str, Kind] = {"attacks": "attack", "explainer": "explainer"}
"""The hyperparameters that are attacks or explainers themselves, as those of an ensemble."""


def configured(kind: Kind, text: str) -> Any:
    """The attack or explainer that an option of the command line means.

    Args:
        kind: Which of the two.
        text: Its name, and behind a colon its hyperparameters: `pgd:steps=40,norm=l2`.

    Raises:
        Failure: There is none of this name, it has no such hyperparameter, or it refuses a value.
    """
    try:
        return _built(kind, text)
    except (ValueError, TypeError) as error:
        if not is_ours(error):
            raise
        said = re.sub(r"Argument `(\w+)`", r"`\1`", str(error))
        said = re.sub(r"pass an instance, \w+\((\w+)=.*", rf"say --{kind} {text.partition(':')[0]}:\1=...", said)
        raise Failure(f"--{kind} {printable(text[:200])}: {said}" if ":" in text else said) from error


def _built(kind: Kind, text: str) -> Any:
    name, colon, rest = text.partition(":")
    registry = _registry(kind)
    if not colon:
        return registry.get(name)
    options: dict[str, Any] = {}
    for item in _split(rest):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not key or not equals:
            raise ValueError(
                "Hyperparameters are written NAME:OPTION=VALUE,OPTION=VALUE, such as pgd:steps=40,norm=l2. Received: "
                f"{printable(item)!r}"
            )
        if key in options:
            raise ValueError(f"`{key}` is given twice.")
        options[key] = _nested(key, _value(value))
    return registry.build(name, options)


def _registry(kind: Kind) -> Any:
    from keras_advxai import attacks, explainers

    return attacks.registry.REGISTRY if kind == "attack" else explainers.registry.REGISTRY


def _nested(key: str, value: Any) -> Any:
    if key not in _KINDS:
        return value
    if isinstance(value, list):
        return [_nested(key, item) for item in value]
    return _built(_KINDS[key], value) if isinstance(value, str) else value


def _split(text: str) -> list[str]:
    """What stands between commas, but for those in quotes and brackets."""
    items, at = [], 0
    while True:
        found = _ITEM.match(text, at)
        items.append(found[0] if found else "")
        at += len(items[-1])
        if at == len(text):
            return items
        if text[at] != ",":
            raise ValueError(
                f"Quotation marks and brackets come in pairs, and a list holds no lists: {printable(text[at:])}"
            )
        at += 1


def _value(text: str) -> Any:
    """A number, a fraction such as 2/255, `true`, `false`, `none`, a list of them in brackets, or else text."""
    if re.fullmatch(_QUOTED, text):  # for a text that would be a number
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"What is in quotation marks must be as in JSON: {error}") from error
    if text.startswith("[") and text.endswith("]"):
        return [_value(item.strip()) for item in _split(text[1:-1])] if text[1:-1].strip() else []
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    found = re.fullmatch(rf"({_NUMBER})(?:/({_NUMBER}))?", text) if len(text) < _LONGEST else None
    if found is None:
        return text
    above, below = found.groups()
    if below is not None:
        return float(above) / float(below) if float(below) else text
    return int(above) if re.fullmatch(r"[+-]?\d+", above) else float(above)


def spelled(instance: Any) -> str:
    """How the command line spells an attack or explainer: its name, and what differs from the defaults.

    Args:
        instance: The attack or explainer.
    """
    from keras_advxai._registry import changed
    from keras_advxai.attacks.registry import REGISTRY

    for name, build in REGISTRY.presets.items():
        if instance == build():
            return name
    options = ",".join(f"{key}={_text(value)}" for key, value in changed(instance).items())
    return f"{snake_case(type(instance).__name__)}:{options}".rstrip(":")


def _text(value: Any) -> str:
    """What `_value` reads as a value; of arrays and functions what they are, for people."""
    from keras_advxai._registry import Configuration

    if hasattr(value, "tolist") and value.ndim < 2:  # a baseline of one value, or of one for each channel
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_text(item) for item in value)}]"
    if isinstance(value, Configuration):
        value = spelled(value)
    if isinstance(value, str):
        return value if re.fullmatch(r"[^\s,\"\[\]:]+", value) and _value(value) == value else json.dumps(value)
    return str(value) if isinstance(value, (int, float)) else f"<{type(value).__name__}>"
