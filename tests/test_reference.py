"""Every public name has its place in the API reference, and so do the types of what public functions return."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pages

import keras_advxai as kax

PUBLIC = [getattr(kax, name) for name in kax.__all__ if inspect.ismodule(getattr(kax, name))]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in (pages.ROOT / "docs" / "reference").glob("*.rst"))
DIRECTIVES = re.findall(r"^\.\. auto(class|function|data|module):: (\S+)$", TEXT, re.MULTILINE)
ELSEWHERE = {"__version__"}
"""Public names that are no part of the API."""


def value(name: str) -> Any:
    """What a full name stands for; modules are imported by their public parents."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[count:], found)
    raise AssertionError(name)


def documented() -> list[Any]:
    return [value(name) for _, name in DIRECTIVES]


def exported() -> Iterator[tuple[str, Any]]:
    for module in [kax, *PUBLIC]:
        for name in module.__all__:
            if name not in ELSEWHERE:
                yield f"{module.__name__}.{name}", getattr(module, name)


def test_every_public_name_is_in_the_reference():
    names = {name for _, name in DIRECTIVES}
    found = documented()
    for name, what in exported():
        if what in PUBLIC:
            continue  # its names are looked at one by one
        if isinstance(what, ModuleType):
            inside = [other for other in names if other.startswith(f"{name}.")]
            assert name in names or inside, f"docs/reference has nothing of {name}"
        else:
            assert name in names or any(what is other for other in found), f"docs/reference lacks {name}"


def returned(function: Any) -> Iterator[str]:
    annotation = inspect.get_annotations(inspect.unwrap(function)).get("return")
    yield from re.findall(r"[A-Za-z_]\w*", annotation if isinstance(annotation, str) else "")


def functions(what: Any) -> Iterator[Any]:
    """A function, or the public methods and properties of a class."""
    if not inspect.isclass(what):
        if callable(what):
            yield what
        return
    for name, member in vars(what).items():
        if not name.startswith("_"):
            member = getattr(member, "fget", None) or getattr(member, "func", None) or member
            member = getattr(member, "__func__", member)
            if inspect.isfunction(member):
                yield member


def classes() -> dict[str, list[type]]:
    """Every class of ours by its name, whether or not the module that speaks of it imports it at run time."""
    found: dict[str, list[type]] = {}
    for module in [module for name, module in sys.modules.items() if name.startswith("keras_advxai")]:
        for what in vars(module).values():
            if inspect.isclass(what) and what.__module__.startswith("keras_advxai."):
                found.setdefault(what.__name__, []).append(what)
    return found


def test_the_types_of_what_is_returned_are_in_the_reference():
    found = documented()
    ours = classes()
    words = {word: name for name, what in exported() for function in functions(what) for word in returned(function)}
    assert {"EvaluationReport", "Samples", "ScoreComparison", "Finding", "Comparison"} <= set(words)
    for word, name in words.items():
        if word in ours:
            assert any(one in found for one in ours[word]), f"docs/reference lacks {word}, which {name} returns"


def test_nothing_is_there_twice():
    names = [name for _, name in DIRECTIVES]
    assert sorted(names) == sorted(set(names))
