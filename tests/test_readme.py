import configparser
import importlib
import json
import operator
import pathlib
import re
import shlex

import click
import keras
import numpy as np
import pytest
from kinds import KINDS, WITHOUT_POSITIONS
from tensorboard import program

import keras_advxai
from keras_advxai import __version__
from keras_advxai.cli.program import program as cli

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    """The code blocks of a language, each with the line that it begins on."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(README.count("\n", 0, match.start(1)), match[1]) for match in pattern.finditer(README)]


def _section(heading):
    return README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")  # of the first epochs of a training
def test_python_blocks_run_one_after_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    (tmp_path / "photos").mkdir()
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        keras.utils.save_img(tmp_path / "photos" / name, generator.integers(0, 256, (90, 120, 3)), scale=False)
    namespace = {"__name__": "readme"}
    for line, block in _blocks("python"):
        # The only thing changed: nothing is downloaded.
        block = block.replace('weights="imagenet"', "weights=None")
        exec(compile("\n" * line + block, "README.md", "exec"), namespace)
    assert {path.name for path in tmp_path.iterdir()} == {
        "comparison.png", "confidence.png", "depth.png", "explainable.keras", "logs", "logs-final", "models.png",
        "photographs.png", "photos", "relative_depth.png", "report.html", "report.json", "report.md", "report.npz",
        "report.tex", "rows.csv", "samples.csv", "scores.png", "trade_off.png",
    }  # fmt: skip
    header = next(line for line in README.splitlines() if line.strip().startswith("epsilon  "))
    assert header.split() in [line.split() for line in str(namespace["report"]).splitlines()]


def test_python_blocks_name_what_there_is():
    """Quickly, without running them: they compile, and `kax.` is followed by a public name."""
    for line, block in _blocks("python"):
        compile("\n" * line + block, "README.md", "exec")
        for name in re.findall(r"\bkax\.([\w.]*\w)", block):
            assert operator.attrgetter(name)(keras_advxai) is not None, name


def _check_make(words, setup_cfg):
    assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def _check_cli(words, setup_cfg):
    command = cli.commands[words[1]]
    command.make_context(words[1], words[2:], parent=click.Context(cli))  # raises for what is not understood


def _check_pip(words, setup_cfg):
    assert words[1:3] == ["install", "-c"]
    assert (ROOT / words[3]).is_file()
    assert words[4] == "-e"
    extra = re.fullmatch(r"\.(?:\[(\w+)\])?", words[5])[1]
    assert extra is None or extra in setup_cfg["options.extras_require"]


def _check_python(words, setup_cfg):
    assert words[1:] in (["-m", "venv", ".venv"], ["-m", "pytest", "-m", "not slow"])


def _check_tensorboard(words, setup_cfg):
    program.TensorBoard().configure(argv=words)


CHECKS = {
    "make": _check_make,
    "keras-advxai": _check_cli,
    ".venv/bin/keras-advxai": _check_cli,
    ".venv/bin/pip": _check_pip,
    ".venv/bin/python": _check_python,
    "python3": _check_python,
    "tensorboard": _check_tensorboard,
}


def test_shell_commands_exist(setup_cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "test", "cat.jpg"):  # what the commands are about
        (tmp_path / name).touch()
    commands = [shlex.split(line, comments=True) for _, block in _blocks("sh") for line in block.splitlines()]
    assert [words[:2] for words in commands[:2]] == [["make", "demo"], ["make", "test"]]
    for words in commands:
        CHECKS[words[0]](words, setup_cfg)


def test_options_of_tensorboard_are_really_looked_at():
    with pytest.raises(SystemExit):
        _check_tensorboard(["tensorboard", "--logdir", "logs", "--samples_per_plug", "images=100", "--no"], None)


def test_every_block_is_of_a_kind_that_is_tested():
    assert set(re.findall(r"^```(\w*)$", README, re.MULTILINE)) == {"python", "sh", "text", ""}


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert "docs/images/faces.png" in links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_figures_in_the_text_are_those_of_the_table():
    table = _blocks("text")[0][1]
    quoted = re.findall(r"\b0\.\d{3}\b", README.split("How to read it.")[1].split("\n\n")[0])
    assert quoted
    assert all(figure in table for figure in quoted)


def test_every_dependency_is_explained(setup_cfg):
    rows = re.findall(r"^\| (?:extra )?`?([\w-]+)`? \|", _section("What it depends on, and why"), re.MULTILINE)
    needed = re.findall(r"^([\w-]+)", setup_cfg["options"]["install_requires"], re.MULTILINE)
    extras = list(setup_cfg["options.extras_require"])
    assert sorted(rows) == sorted(["package", *needed, *extras])


def test_python_versions_are_those_of_the_set_up(setup_cfg):
    declared = re.findall(r"Python :: (3\.\d+)", setup_cfg["metadata"]["classifiers"])
    assert re.findall(r"3\.1\d", _section("Quick start").split("```")[0]) == declared


def test_changelog_has_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)


def test_the_table_of_kinds_is_what_was_run(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    table = importlib.import_module("model_kinds").table()
    assert table in README
    kinds = json.loads((ROOT / "benchmarks/results/model_kinds_keras_advxai.json").read_text())["kinds"]
    assert set(kinds) == set(KINDS) - set(WITHOUT_POSITIONS)
    assert {kind["outcome"] for kind in kinds.values()} == {"right"}
