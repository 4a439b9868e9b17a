"""The programs in README.md and in docs/ run, commands exist, links lead somewhere, and tables are complete."""

from __future__ import annotations

import configparser
import importlib
import json
import operator
import pathlib
import re
import shlex
from typing import Any

import click
import pages
import pytest
from kinds import KINDS, WITHOUT_POSITIONS
from tensorboard import program

import keras_advxai
from benchmarks import table
from keras_advxai import __version__
from keras_advxai.checks.evidence import CHECKS
from keras_advxai.cli.program import program as cli

ROOT, README = pages.ROOT, pages.README
TEXTS = {pages.name(page): page.read_text(encoding="utf-8") for page in pages.PAGES}
GETTING_STARTED = TEXTS["docs/getting_started.md"]

WRITTEN = {
    "README.md": {"logs", "report.html"},
    "docs/getting_started.md": {"comparison.png", "logs", "logs-final", "report.json", "report.npz"},
    "docs/comparison.md": {"models.png", "relative_depth.png", "trade_off.png"},
    "docs/concepts/scores.md": {"confidence.png", "scores.png"},
    "docs/howto/early_stopping.md": {"best.keras"},
    "docs/howto/layers.md": {"depth.png"},
    "docs/howto/night.md": {"report.html", "report.npz", "run.journal"},
    "docs/howto/preprocessing.md": {"explainable.keras", "photographs.png", "photos"},
    "docs/howto/transfer_learning.md": {"faces", "transfer"},
    "docs/reports.md": {"comparison.pdf", "report.html", "report.md", "report.tex", "rows.csv", "samples.csv"},
}
"""The files that the programs of a page leave behind; the others leave none."""


def of_tasks(left: dict[str, Any]) -> None:
    assert left["classifier"].default_layer == "bottleneck"
    assert left["heatmaps"].shape == (4, 32, 32, 1)
    assert left["report"].mean_change("pgd", 0.05) > 0


def of_training(left: dict[str, Any]) -> None:
    assert 0 <= left["report"].accuracy("standard", 0.05) <= left["report"].clean_accuracy
    assert len(left["history"].history["loss"]) == 1


def of_reports(left: dict[str, Any]) -> None:
    lines = left["report"].samples.to_csv().splitlines()
    assert len(lines) == 1 + 12 * (1 + 2 * 2)
    assert lines[1].startswith("0,cats and dogs/0.png,0,")


def of_own(left: dict[str, Any]) -> None:
    del CHECKS.all["small-sample"]  # declared by the page, for this process
    assert {row.attack for row in left["report"].rows} >= {"stripes", "iterated_fgsm_steps3"}
    assert {row.explainer for row in left["report"].rows} == {"input_gradient"}
    assert "small-sample" in {finding.id for finding in left["checked"].warnings}


def of_getting_started(left: dict[str, Any]) -> None:
    header = next(line for line in GETTING_STARTED.splitlines() if line.strip().startswith("epsilon  "))
    assert header.split() in [line.split() for line in str(left["report"]).splitlines()]


def of_transfer_learning(left: dict[str, Any]) -> None:
    shown = left["watched"].report.examples
    assert {example.label for example in shown} == {0, 1}
    assert {pathlib.PurePath(example.name).parts[0] for example in shown} == {"face", "other"}


LEFT = {
    "docs/howto/transfer_learning.md": of_transfer_learning,
    "docs/tasks.md": of_tasks,
    "docs/training.md": of_training,
    "docs/reports.md": of_reports,
    "docs/howto/own.md": of_own,
    "docs/getting_started.md": of_getting_started,
}
"""What is known of what the programs of a page leave behind."""


@pytest.fixture
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")  # of the first epochs of a training
@pytest.mark.parametrize("page", pages.RUN, ids=pages.name)
def test_programs_run_one_after_another(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages.photographs(tmp_path / "photos")
    left = pages.run(page)
    written = {path.name for path in tmp_path.iterdir()}
    assert written - {"photos"} == WRITTEN.get(pages.name(page), set()) - {"photos"}
    LEFT.get(pages.name(page), bool)(left)


def test_every_page_with_a_program_is_run_or_says_why():
    named = {pages.ROOT / name for name in pages.NOT_RUN}
    assert named <= set(pages.WITH_PROGRAMS)
    assert {*pages.RUN, *named} == set(pages.WITH_PROGRAMS)


@pytest.mark.parametrize("page", pages.WITH_PROGRAMS, ids=pages.name)
def test_programs_name_what_there_is(page):
    """Quickly, without running them: they compile, and `kax.` is followed by a public name."""
    for line, block in pages.blocks(page, "python"):
        compile("\n" * line + block, pages.name(page), "exec")
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


COMMANDS = {
    "make": _check_make,
    "keras-advxai": _check_cli,
    ".venv/bin/keras-advxai": _check_cli,
    ".venv/bin/pip": _check_pip,
    ".venv/bin/python": _check_python,
    ".venv/bin/tensorboard": _check_tensorboard,
    "python3": _check_python,
    "tensorboard": _check_tensorboard,
}
OF_THE_QUICK_START = ("README.md", "docs/getting_started.md", "docs/tour.md")


@pytest.mark.parametrize("name", OF_THE_QUICK_START)
def test_shell_commands_exist(name, setup_cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").touch()  # what the commands are about
    blocks = [block for _, block in pages.blocks(ROOT / name, "sh")]
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    assert commands
    for words in commands:
        COMMANDS[words[0]](words, setup_cfg)


def test_options_of_tensorboard_are_really_looked_at():
    with pytest.raises(SystemExit):
        _check_tensorboard(["tensorboard", "--logdir", "logs", "--samples_per_plug", "images=100", "--no"], None)


def test_every_block_of_the_readme_is_of_a_kind_that_is_tested():
    assert set(re.findall(r"^```(\w*)$", TEXTS["README.md"], re.MULTILINE)) == {"python", "sh", ""}


def test_the_readme_is_short_and_reads_anywhere(setup_cfg):
    """As on the page of a package registry: no link and no picture is relative, and each one's file is here."""
    assert len(TEXTS["README.md"].splitlines()) <= 200
    links = re.findall(r"\]\(([^)]+)\)", TEXTS["README.md"])
    url = setup_cfg["metadata"]["url"]
    places = (f"{url}/blob/main/", f"{url.replace('github.com', 'raw.githubusercontent.com')}/main/")
    assert any("docs/images" in link for link in links)
    for link in links:
        assert link.startswith("https://"), link
        if link.startswith(places):
            assert (ROOT / link.split("/main/")[1].split("#")[0]).is_file(), link


@pytest.mark.parametrize("page", pages.PAGES[1:], ids=pages.name)
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```$", "", TEXTS[pages.name(page)], flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", text):
        assert link.startswith("https://") or (page.parent / link).is_file(), link


def test_links_lead_to_text_and_not_to_a_page_that_only_includes_it():
    """GitHub shows such a page as its one directive. The site leads back to it; see `link_outside` in docs/conf.py."""
    empty = [page for page in pages.PAGES if TEXTS[pages.name(page)].startswith("```{include}")]
    assert [pages.name(page) for page in empty] == ["docs/checks.md"]
    for name, text in TEXTS.items():
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", text):
            local = link.split("/blob/main/")[-1] if name == "README.md" else link
            assert (ROOT / name).parent / local not in empty, name
            assert ((ROOT / name).parent / local).resolve() not in empty, name


def test_one_page_says_how_to_install_from_where():
    """The package is on no registry: a first install is from a clone or from the repository's address."""
    for name, text in TEXTS.items():
        assert name == "docs/installation.md" or not re.search(r"pip install [\"']?keras-advxai", text), name


def test_no_paragraph_stands_twice():
    seen: dict[str, str] = {}
    for name, text in TEXTS.items():
        text = table.PLACE.sub("", text)  # what is generated says for each table where it was measured
        prose = re.sub(r"^```.*?^```$|<!--.*?-->", "", text, flags=re.MULTILINE | re.DOTALL)
        for paragraph in re.split(r"\n\s*\n", prose):
            words = " ".join(paragraph.split())
            if len(words) > 150 and not words.startswith(("|", "!")):
                assert words not in seen, f"in {name} and {seen[words]}: {words[:80]}"
                seen[words] = name


def test_the_drawings_are_of_the_packages_that_there_are(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    pictures = importlib.import_module("pictures")
    for file, drawn in pictures.DRAWINGS.items():
        assert (pictures.IMAGES / file).read_text(encoding="utf-8") == drawn(), "run: make docs-pictures"
    assert set(pictures.MEANINGS) <= {name for names in pictures.layers() for name in names}


def test_figures_in_the_text_are_those_of_the_table():
    printed = pages.blocks(ROOT / "docs/getting_started.md", "text")[0][1]
    quoted = re.findall(r"\b0\.\d{3}\b", GETTING_STARTED.split("How to read it.")[1].split("\n\n")[0])
    assert quoted
    assert all(figure in printed for figure in quoted)


def test_every_dependency_is_explained(setup_cfg):
    rows = re.findall(r"^\| (?:extra )?`?([\w-]+)`? \|", TEXTS["docs/dependencies.md"], re.MULTILINE)
    needed = re.findall(r"^([\w-]+)", setup_cfg["options"]["install_requires"], re.MULTILINE)
    extras = list(setup_cfg["options.extras_require"])
    assert sorted(rows) == sorted(["package", *needed, *extras])


def test_python_versions_are_those_of_the_set_up(setup_cfg):
    declared = re.findall(r"Python :: (3\.\d+)", setup_cfg["metadata"]["classifiers"])
    for name, heading in (("README.md", "Try it"), ("docs/getting_started.md", "Install, and run the demo")):
        assert re.findall(r"3\.1\d", TEXTS[name].split(f"## {heading}\n", 1)[1].split("```")[0]) == declared


def test_changelog_has_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)


def test_the_table_of_kinds_is_what_was_run(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    kinds = importlib.import_module("model_kinds").table()
    assert kinds in TEXTS["docs/models.md"]
    kinds = json.loads((ROOT / "benchmarks/results/model_kinds_keras_advxai.json").read_text())["kinds"]
    assert set(kinds) == set(KINDS) - set(WITHOUT_POSITIONS)
    assert {kind["outcome"] for kind in kinds.values()} == {"right"}
