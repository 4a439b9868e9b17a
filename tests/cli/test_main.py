import os
import subprocess
import sys

import pytest

from keras_advxai import __version__
from keras_advxai.cli import main

_HELP_WITHOUT_HEAVY_IMPORTS = """
import sys, time
start = time.process_time()
from keras_advxai.cli import main
try:
    main({arguments!r})
except SystemExit as stop:
    code = stop.code
elapsed = time.process_time() - start
heavy = sorted({{"keras", "tensorflow", "numpy", "matplotlib", "skimage", "rich"}} & set(sys.modules))
print(code, heavy, elapsed < 0.5, file=sys.stderr)
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


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["--version"]])
def test_help_loads_nothing_heavy_and_is_quick(arguments):
    done = _python("-c", _HELP_WITHOUT_HEAVY_IMPORTS.format(arguments=arguments))
    assert done.stderr.split("\n")[-2] == "0 [] True"


def test_help_names_the_commands_and_the_options_of_the_demo(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "demo" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["demo", "--help"])
    text = capsys.readouterr().out
    for option in ("--output DIR", "--epochs N", "--seed N", "(default: keras-advxai-demo)"):
        assert option in text


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"keras-advxai {__version__}\n"


def test_runs_as_a_module():
    done = _python("-m", "keras_advxai", "--version")
    assert (done.returncode, done.stdout) == (0, f"keras-advxai {__version__}\n")


def test_without_a_command_it_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "demo" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dem"], "invalid choice: 'dem'"),
        (["demo", "--epochs", "0"], "--epochs: must be an integer of at least 1"),
        (["demo", "--epochs", "1.5"], "--epochs: invalid integer value: '1.5'"),
        (["demo", "--seed", "-1"], "--seed: must be an integer of at least 0"),
        (["demo", "--seed", "4294967296"], "below 2**32: 4294967296"),
        (["demo", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_an_output_that_is_a_file_is_an_error_of_one_line(tmp_path, capsys):
    path = tmp_path / "taken"
    path.write_text("mine")
    assert main(["demo", "--output", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("keras-advxai: error: ")
    assert captured.err.count("\n") == 1
    assert str(path) in captured.err
    assert path.read_text() == "mine"


def test_another_backend_is_refused_before_anything_is_computed(tmp_path):
    done = _python("-m", "keras_advxai", "demo", "--output", str(tmp_path / "new"), KERAS_BACKEND="jax")
    assert done.returncode != 0
    assert "keras_advxai works on Keras' TensorFlow backend" in done.stderr
    assert not (tmp_path / "new").exists()


def test_an_interruption_ends_without_a_traceback(monkeypatch, tmp_path, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.mkdir", interrupt)
    assert main(["demo", "--output", str(tmp_path / "new")]) == 130
    assert capsys.readouterr().err == ""
