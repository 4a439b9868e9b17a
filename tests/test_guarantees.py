"""The page of promises: the tests that it names exist."""

from __future__ import annotations

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "guarantees.md"
ROW = re.compile(r"^\|(?P<promise>.+)\|(?P<tests>[^|]+)\|$")
NAMED = re.compile(r"`(?:[\w/]*?(?P<file>test_\w+\.py))?(?:(?:::)?(?P<name>test_\w+)(?:\[[^`]*\])?)?`")
"""A file, a test in it, a further test of the file named before (`::test_more`), or a test of any file."""


def names_of(folder: pathlib.Path) -> dict[str, set[str]]:
    """The names of the tests in each file, also of those in classes."""
    return {
        file.name: {
            node.name
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        }
        for file in folder.rglob("test_*.py")
    }


def missing(text: str, known: dict[str, set[str]]) -> list[str]:
    """One sentence for each promise without a test, and each test that is not there."""
    found = []
    for line in text.splitlines():
        row = ROW.match(line)
        if row is None or row["promise"].strip() == "promise" or set(row["promise"].strip()) <= set("-: "):
            continue
        named = [match for match in NAMED.finditer(row["tests"]) if match["file"] or match["name"]]
        if not named:
            found.append(f"No test holds {row['promise'].strip()!r}.")
        file = None
        for match in named:
            file = match["file"] or file
            there = known.get(file, set()) if file else set().union(*known.values())
            if (file and file not in known) or (match["name"] and match["name"] not in there):
                found.append(f"There is no {file or 'file'}::{match['name']}.")
    return found


def test_each_promise_has_a_test_that_exists():
    assert missing(PAGE.read_text(encoding="utf-8"), names_of(ROOT / "tests")) == []


def test_there_are_promises():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if ROW.match(line)]
    assert len(rows) > 40


def test_what_would_be_found():
    known = {"test_a.py": {"test_one"}}
    header = "| promise | test |\n|---|---|\n"
    assert missing(f"{header}| It works | `test_a.py::test_one`, `tests/x/test_a.py::test_one[a b]` |", known) == []
    assert missing(f"{header}| It works | `test_a.py::test_two` |", known) == ["There is no test_a.py::test_two."]
    assert missing(f"{header}| It works | `test_b.py::test_one` |", known) == ["There is no test_b.py::test_one."]
    assert missing(f"{header}| It works | `test_one` |", known) == []
    assert missing(f"{header}| It works | `test_two` |", known) == ["There is no file::test_two."]
    assert missing(f"{header}| It works | `x/test_a.py`, `::test_one` (`TWICE=2`) |", known) == []
    assert missing(f"{header}| It works | `x/test_a.py`, `::test_two` |", known) == ["There is no test_a.py::test_two."]
    assert missing(f"{header}| It works | `test_b.py` |", known) == ["There is no test_b.py::None."]
    assert missing(f"{header}| It works | we hope |", known) == ["No test holds 'It works'."]
