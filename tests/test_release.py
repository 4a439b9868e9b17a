"""What is said of versions, commands and layers in one place is what is true in the other."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from test_imports import LAYERS

from keras_advxai import __version__

ROOT = Path(__file__).resolve().parents[1]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _required() -> dict[str, str]:
    """What has to be installed, and from which version on."""
    parser = configparser.ConfigParser()
    parser.read_string(_read("setup.cfg"))
    return dict(re.findall(r"^([\w-]+)>=([\d.]+)$", parser["options"]["install_requires"], re.MULTILINE))


def _pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==([^\s;]+)", _read(f"requirements/{name}.txt"), re.MULTILINE))


def _numbers(version: str) -> tuple[int, ...]:
    """As they compare: 3.8 is 3.8.0."""
    numbers = [int(number) for number in re.findall(r"\d+", version.partition(".post")[0])]
    return tuple(numbers + [0] * (4 - len(numbers)))


def test_each_range_begins_where_it_was_run():
    required, lowest = _required(), _pinned("lowest")
    assert {"tensorflow", "keras", "tensorboard", "numpy"} <= set(required)
    assert {name: _numbers(lowest[name]) for name in required} == {
        name: _numbers(version) for name, version in required.items()
    }


def test_the_middle_lies_between():
    lowest, middle, newest = (_pinned(name) for name in ("lowest", "middle", "lock"))
    for name in ("tensorflow", "keras", "tensorboard"):
        assert _numbers(lowest[name]) < _numbers(middle[name]) < _numbers(newest[name]), name


def test_every_upper_bound_has_a_reason_beside_it():
    reason = before = ""
    for line in _read("setup.cfg").splitlines():
        if line.startswith("#"):
            reason = reason + line if before.startswith("#") else line
        elif line and line[0].isalpha() and not before.startswith("#"):
            reason = ""  # a comment is about the one setting below it
        if re.search(r">=[\d.]+,<", line):
            assert "bound" in reason, line
        before = line


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/contributing.md", ".github/pull_request_template.md"])
def test_the_commands_of_contributors_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", _read("Makefile"), re.MULTILINE))
    named = {word for line in re.findall(r"`make ([a-z -]+?)(?: [A-Z]|`)", _read(page)) for word in line.split()}
    assert "test" in named
    assert named <= targets


def test_the_table_of_all_commands_has_all():
    table = _read("docs/contributing.md").split("## All commands")[1].split("##")[0]
    explained = set(re.findall(r"^([a-z-]+):.*## ", _read("Makefile"), re.MULTILINE))
    assert explained == set(re.findall(r"`make ([a-z-]+)", table.split("\n\nOn two cores")[0]))


def test_the_commands_of_one_screen_are_those_of_ci():
    block = _read("CONTRIBUTING.md").split("```sh\n")[1].split("```")[0]
    commands = re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)
    assert commands == ["lint", "test", "test-slow", "demo"]
    assert set(commands) <= set(re.findall(r"^make ([a-z-]+)", _read(".ci/run"), re.MULTILINE))
    assert len(_read("CONTRIBUTING.md").splitlines()) <= 45


def test_the_table_of_layers_is_that_of_the_imports():
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", _read("docs/contributing.md"), re.MULTILINE)
    levels = {int(level): set(re.findall(r"`([\w.]+?)(?:/|\.py)`", text)) for level, text in rows}
    expected = {level: set(names) for level, names in enumerate(LAYERS)}
    expected.pop(len(LAYERS) - 1)  # `__main__`, which calls `cli`
    assert levels == expected


def test_the_citation_is_of_this_version():
    citation = dict(re.findall(r"^([\w-]+): (.+)$", _read("CITATION.cff"), re.MULTILINE))
    assert citation["version"] == __version__
    assert f"## [{__version__}] - {citation['date-released']}" in _read("CHANGELOG.md").splitlines()


def test_the_version_stands_in_one_place():
    places = [
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.cfg"), *ROOT.glob("*.toml"), *(ROOT / "keras_advxai").rglob("*.py")]
        if re.search(rf"^_*version_* *= *\W?{re.escape(__version__)}", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert places == ["keras_advxai/__init__.py"]


def test_the_page_on_installation_is_what_was_locked():
    page = _read("docs/installation.md")
    for name in ("lowest", "middle", "lock"):
        row = next(line for line in page.splitlines() if f"requirements/{name}.txt" in line)
        pinned = _pinned(name)
        versions = [pinned[package] for package in ("tensorflow", "keras", "tensorboard", "numpy", "scipy")]
        assert row.removesuffix(" |").split(" | ")[1:] == versions, name
    line = next(line for line in page.splitlines() if line.startswith("pip install tensorflow-cpu"))
    assert {"tensorflow", *line.split()[2:]} == {"tensorflow-cpu", *_required()}
