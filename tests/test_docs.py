"""Every example in a public docstring is run, and whatever is public and takes arguments has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import keras_advxai

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

WRITTEN = r'(?:True|False|"[^"]*"|-?\d+(?:\.\d+)?(?:/-?\d+(?:\.\d+)?)?)'
"""A default that is written as in Python, or as a fraction."""
LISTED = rf"(?:`\(?)?{WRITTEN}(?:(?:, and |, | and ){WRITTEN})*(?:,?\)?`)?"
"""One, or several of them."""

WITHOUT_EXAMPLE = {
    "AuditError": "what `audit` raises, which has one",
    "AuditContext": "what the checks of an audit look at, made by `audit`, which has one",
    "Evidence": "what checks look at; `checks.findings` has one",
    "read": "what `evaluate` runs, which has one",
    "run": "what `evaluate` runs, which has one",
    "EvaluationReport": "what `evaluate` returns, which has one",
    "Row": "a row of a report",
    "Example": "a picture of a report",
    "Evaluator": "what `evaluate` runs, which has one",
    "Forward": "made by ImageClassifier.forward, whose class has one",
    "GradientAttack": "FGSM has one",
    "AlibiIntegratedGradients": "needs the extra; IntegratedGradients has one",
    "MinimumNormAttack": "DeepFool has one",
    "LayerInfo": "what ImageClassifier.layers returns",
    "serialize": "the example of `get` stands for the three",
    "deserialize": "the example of `get` stands for the three",
    "as_classifier": "one line around ImageClassifier",
    "Quantity": "made by the decorator `quantity`, which has one",
    "first_inputs": "for models that are not built yet, in the callback",
}
"""Public names that take arguments and need no example, with the reason."""


def public_modules() -> Iterator[ModuleType]:
    """The package and its subpackages, as far as they have an `__all__`."""
    yield keras_advxai
    for found in pkgutil.walk_packages(keras_advxai.__path__, "keras_advxai."):
        if any(part.startswith("_") for part in found.name.split(".")[1:]):
            continue
        module = importlib.import_module(found.name)
        if hasattr(module, "__all__"):
            yield module


def public_objects() -> dict[str, Any]:
    """Every class and function of ours that an `__all__` names, by its full name."""
    found = {}
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            ours = getattr(value, "__module__", None) or ""
            function = inspect.unwrap(value) if callable(value) else value  # a dissimilarity is an object around one
            if (inspect.isclass(value) or inspect.isfunction(function)) and ours.startswith("keras_advxai"):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def examples() -> list[doctest.DocTest]:
    """The examples of every module of the package, private ones included."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for item in pkgutil.walk_packages(keras_advxai.__path__, "keras_advxai."):
        if item.name.endswith("__main__"):
            continue
        module = importlib.import_module(item.name)
        found += [test for test in finder.find(module, globs={}) if test.examples]
    return found


PUBLIC = public_objects()
EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.removeprefix("keras_advxai."))
def test_example(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append, clear_globs=False)
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_an_example(name):
    value = PUBLIC[name]
    short = name.rsplit(".", 1)[-1]
    if not takes_arguments(value) or short in WITHOUT_EXAMPLE:
        return
    documentation = inspect.getdoc(value) or ""
    assert "Example:" in documentation, f"{name} takes arguments; its docstring needs an Example"
    assert ">>> " in documentation, f"the Example of {name} has nothing to run"


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_documented(name):
    value = PUBLIC[name]
    assert value.__doc__, f"{name} has no docstring"
    first = value.__doc__.strip().splitlines()[0]
    assert first.endswith((".", ":", "?")), f"{name}: the first line is a sentence of its own: {first!r}"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_is_documented_by_its_name(name):
    value = PUBLIC[name]
    documentation = inspect.getdoc(value) or ""
    if "Args:" not in documentation:
        return
    for parameter in parameters(value):
        assert f" {parameter}: " in documentation, f"{name}: the argument {parameter!r} is not under Args"


def test_a_default_is_what_the_documentation_says():
    held, wrong = 0, []
    for name, value in PUBLIC.items():
        documentation = inspect.getdoc(value) or ""
        for parameter in signature(value):
            own = re.search(rf"^( +){parameter.name}: (.*?)(?=^\1\w|^$|\Z)", documentation, re.MULTILINE | re.DOTALL)
            said = re.search(rf"Defaults to ({LISTED})(?!\w)(.)", " ".join(own[2].split()) + " ") if own else None
            if not said or not isinstance(parameter.default, (bool, int, float, str, tuple)):
                continue  # None stands for what is decided later
            if isinstance(parameter.default, tuple) and said[2] not in ".,":
                continue  # of a unit, which is said behind the numbers
            held += 1
            values = [eval(value) for value in re.findall(WRITTEN, said[1])]
            expected = tuple(values) if isinstance(parameter.default, tuple) else values[0]
            if parameter.default != expected or isinstance(parameter.default, bool) != isinstance(expected, bool):
                wrong.append(f"{name}: {parameter.name}={parameter.default!r}, documented as {said[1]}")
    assert not wrong, "\n".join(wrong)
    assert held > 150


def test_the_exceptions_exist_and_are_needed():
    shorts = {name.rsplit(".", 1)[-1]: value for name, value in PUBLIC.items()}
    for name in WITHOUT_EXAMPLE:
        assert name in shorts, f"{name} is no longer public: remove it from WITHOUT_EXAMPLE"
        assert "Example:" not in (inspect.getdoc(shorts[name]) or ""), f"{name} has an example: remove it"


def test_there_is_something_to_run():
    assert len(EXAMPLES) > 15
    assert len(PUBLIC) > 15


def takes_arguments(value: Any) -> bool:
    if inspect.isclass(value) and issubclass(value, BaseException):
        return False
    return bool(parameters(value))


def signature(value: Any) -> list[inspect.Parameter]:
    """What a function of ours takes, or the constructor of a class."""
    function = value.__init__ if inspect.isclass(value) else inspect.unwrap(value)
    if not inspect.isfunction(function) or not function.__module__.startswith("keras_advxai"):
        return []
    return list(inspect.signature(function).parameters.values())


def parameters(value: Any) -> list[str]:
    kept = [p for p in signature(value) if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return [parameter.name for parameter in kept if parameter.name != "self"]
