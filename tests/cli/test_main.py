import json
import os
import pathlib
import subprocess
import sys

import click

from keras_advxai import __version__
from keras_advxai._choice import nearest
from keras_advxai.cli import known_names, main
from keras_advxai.cli.document import with_reference
from keras_advxai.cli.failing import CODES
from keras_advxai.cli.known_names import check_names, known
from keras_advxai.cli.program import program

_HELP_WITHOUT_HEAVY_IMPORTS = """
import sys
from keras_advxai.cli import main
codes = {main([*command, "--help"]) for command in COMMANDS} | {main(["--version"]), main(["version"])}
heavy = {"keras", "tensorflow", "numpy", "matplotlib", "skimage", "rich", "PIL", "tqdm"} & set(sys.modules)
print(sorted(codes), sorted(heavy), file=sys.stderr)
"""


def _python(*arguments, **variables):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, **variables},
        check=False,
    )


def test_help_and_versions_load_nothing_heavy():
    commands = [[], *([name] for name in program.commands)]
    done = _python("-c", _HELP_WITHOUT_HEAVY_IMPORTS.replace("COMMANDS", repr(commands)))
    assert done.stderr.split("\n")[-2] == "[0] []"


def test_a_value_that_is_missing_names_the_help_of_its_command(capsys):
    assert main(["evaluate", "--model", "net.keras", "--data", ".", "--bounds", "0"]) == 2
    assert "requires 2 arguments. See keras-advxai evaluate --help." in capsys.readouterr().err


def test_names_are_looked_at_before_anything_heavy_is_loaded():
    both = ["--model", "net.keras", "--data", "."]
    wrong = [
        ["evaluate", *both, "--attack", "pgdd"],
        ["evaluate", *both, "--explainer", "none", "--metric", "nisim"],
        ["explain", ".", "--model", "net.keras", "--explainer", "gradcan:layer=a"],
        ["compare", "a.keras", "b.keras", "--data", ".", "--attack", "fgms"],
        ["metrics", "nisim"],
        ["evaluate", "--model", "gone.keras", "--data", "."],
        ["layers", "gone.keras"],
    ]
    done = _python("-c", _HELP_WITHOUT_HEAVY_IMPORTS.replace("COMMANDS", repr(wrong)).replace('"--help"', '"--quiet"'))
    assert done.stderr.split("\n")[-2] == "[0, 2] []"
    assert done.stderr.count("Did you mean ") == 4  # the folder is no image
    check_names({"attacks": ["own"]}, ["module:function"])  # which may register it
    for name in ("HiResCAM", "hi-res-cam", "NONE"):
        check_names({"explainers": [name]}, ["net.keras"])


def test_the_names_that_are_known_without_loading_anything_are_all_there_are():
    import keras_advxai as kax

    registries = {"attack": kax.attacks.registry.REGISTRY, "explainer": kax.explainers.registry.REGISTRY}
    for kind, registry in registries.items():
        ours = {name for name, made in registry.classes.items() if made.__module__.startswith("keras_advxai")}
        assert {*ours, *registry.presets, *registry.elsewhere} == set(known(kind))
    ours = {metric.name for metric in kax.metrics.declared() if metric.function.__module__.startswith("keras_advxai")}
    assert ours == set(known("metric"))
    everything = {*kax.corruptions.COMMON, *kax.corruptions.EXTRA, "common_corruptions"}
    assert everything == set(known("corruption"))
    for kind in ("attack", "explainer", "metric", "corruption"):
        assert len(known(kind)) == len(set(known(kind)))


def test_without_sources_any_name_may_be_known(tmp_path, monkeypatch):
    """As where only compiled files are installed: the registries are asked, later."""
    monkeypatch.setattr(known_names, "__file__", str(tmp_path / "cli" / "known_names.pyc"))
    known.cache_clear()
    try:
        check_names({"attacks": ["nothing"]}, ["net.keras"])
    finally:
        monkeypatch.undo()
        known.cache_clear()


def test_help_names_the_commands_and_each_has_examples(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    wanted = "evaluate compare explain layers attacks corruptions explainers metrics show merge demo version"
    assert list(program.commands) == wanted.split()
    for name in program.commands:
        assert f"\n  {name} " in text
        assert main([name, "--help"]) == 0
        own = capsys.readouterr().out
        assert own.startswith(f"Usage: keras-advxai {name}")
        assert "--quiet" in own
        assert "--json" in own
        if name != "version":
            assert f"  keras-advxai {name}" in own.partition("Examples:")[2]
        assert max(map(len, own.splitlines())) <= 100


def test_every_example_is_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "test",
        "results/report.npz",
        "part0",
        "part1",
        "test.csv",
        "photos/a.jpg",
        "cat.jpg",
        "face.png",
        "names.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    count = 0
    for command in (program, *program.commands.values()):
        text = (command.epilog or "").replace("\\\n", " ")
        for line in text.splitlines():
            words = line.replace("*", "a").split()
            if words[:1] != ["keras-advxai"]:
                continue
            own = program.commands[words[1]]
            own.make_context(words[1], words[2:], parent=click.Context(program))  # raises for what is not understood
            count += 1
    assert count > 15


def test_version_says_what_it_runs_on(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"keras-advxai {__version__}\n"
    assert main(["version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["keras-advxai"] == __version__
    assert found["keras"].startswith("3.")
    assert found["tensorflow"].startswith("2.")


def test_runs_as_a_module():
    done = _python("-m", "keras_advxai", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"keras-advxai {__version__}\n", "")


def test_without_a_command_it_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "demo" in captured.err


def test_another_backend_is_refused_before_anything_is_computed(tmp_path):
    done = _python("-m", "keras_advxai", "demo", "--output", str(tmp_path / "new"), KERAS_BACKEND="jax")
    assert done.returncode != 0
    assert "keras_advxai works on Keras' TensorFlow backend" in done.stderr
    assert not (tmp_path / "new").exists()


def test_nothing_is_near_to_a_name_of_another_kind():
    assert nearest("zzz", ["evaluate"]) == ""
    assert set(CODES) == {0, 1, 2, 3, 70, 130, 143}


def test_the_page_of_the_command_line_is_current():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert page == with_reference(page)  # else: make command-line-document
    for name in program.commands:
        assert f"\n## {name}\n" in page
