"""What goes wrong on the command line, as one line and an exit code."""

from __future__ import annotations

import linecache
import os
import re
import tempfile
import traceback
from types import TracebackType
from typing import Any

import click

from keras_advxai.text import to_be_said

FAILED_LIMIT = 1
MISTAKE = 2
DOUBTFUL = 3
UNEXPECTED = 70
INTERRUPTED = 130
ENDED = 143

CODES = {
    0: "it is done",
    FAILED_LIMIT: "it is done, and a limit such as `--min-accuracy` is not kept",
    MISTAKE: "something is wrong in what was asked for",
    DOUBTFUL: "the preprocessing looks wrong; `--yes` goes on",
    UNEXPECTED: "an error that should not occur, most likely a bug",
    INTERRUPTED: "it was interrupted",
    ENDED: "it was asked to end, as a scheduler does; what was measured is kept as after an interrupt",
}
"""The exit codes, and what they mean."""

_PACKAGE = __name__.partition(".")[0]
OPTION_OF = {
    "attacks": "--attack",
    "epsilons": "--epsilon",
    "explainers": "--explainer",
    "metrics": "--metric",
    "log_dir": "--log-dir",
    "class_names": "--class-names",
    "batch_size": "--batch-size",
    "attack_targets": "--attack-target",
    "from_logits": "--from-logits",
    "output": "--model-output",
    "fold_batch_norm": "--fold-batch-norm",
    "jit_compile": "--jit-compile",
    **{
        name: f"--{name}"
        for name in (
            *("attack", "bounds", "checks", "crop", "epsilon", "journal", "limit", "preprocess", "seed", "shard"),
            *("interpolation", "labels", "size", "steps", "target", "task", "weights"),
        )
    },
}
"""The options that give the arguments of our functions, whose messages name these."""


class Failure(click.ClickException):
    """An end with one line on standard error.

    Args:
        text: What is wrong, and what to do.
        code: The exit code. Defaults to 2, for something that is wrong in what was asked for.
    """

    def __init__(self, text: str, code: int = MISTAKE) -> None:
        super().__init__(one_line(text))
        self.code = code


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def printable(name: str) -> str:
    r"""A name as one line that any terminal can show: of a file it may be any bytes.

    Example:

    >>> from keras_advxai.cli.failing import printable
    >>> print(printable("cat.png"), printable("a\nb.png"))
    cat.png a\nb.png
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def as_options(text: str) -> str:
    """A message of one of our functions, with the options that give its arguments.

    Example:

    >>> from keras_advxai.cli.failing import as_options
    >>> as_options("Argument `epsilons` must be finite. Received: epsilons=(nan,)")
    '--epsilon must be finite. Received: (nan,)'
    >>> as_options("Pass bounds=(0, 255) if the model takes pixels.")
    'Pass --bounds 0 255 if the model takes pixels.'
    """
    text = re.sub(r"Argument `(\w+)`", lambda found: OPTION_OF.get(found[1], found[0]), text)
    names = "|".join(OPTION_OF)
    text = re.sub(rf"Received: ({names})=", "Received: ", text)
    text = re.sub(rf"`({names})`", lambda found: OPTION_OF[found[1]], text)
    text = re.sub(r"\bbounds=\((\S+), (\S+)\)", r"--bounds \1 \2", text)
    text = re.sub(r"\bshard=\((\d+), (\d+)\)", r"--shard \1/\2", text)
    text = text.replace("`classes`", "--class-names").replace("`numbers=True`", "--task regression")
    text = text.replace("unsafe=True", "--unsafe").replace(to_be_said(""), "")
    text = text.replace("from_logits=True", "--from-logits").replace("from_logits=False", "--no-from-logits")
    text = re.sub(
        rf"\b({names})=('[^']*'|None|\.\.\.)",
        lambda found: f"{OPTION_OF[found[1]]} {found[2].strip(chr(39)).lower()}",
        text,
    )
    return text.replace("or None", "or none") if "--weights" in text else text


def of_error(error: BaseException) -> Failure:
    """How an error ends a command.

    What one of our functions raises is about what was asked for, as are errors of files and of packages that are not
    installed. Anything else should not have come so far: its traceback is written to a file.

    Args:
        error: What was raised.
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return Failure(f"{os.fspath(error.filename)}: {error.strerror}")
    if is_ours(error):
        return Failure(as_options(str(error) or type(error).__name__))
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return Failure("The memory does not suffice. Lower --batch-size, or --limit the images.")
    told = one_line(str(error))
    told = told if len(told) <= 200 else f"{told[:200]} ..."
    return Failure(
        f"An unexpected {type(error).__name__}: {told} This is most likely a bug. Its traceback is in "
        f"{_written(error)}, and --debug shows it.",
        UNEXPECTED,
    )


def is_ours(error: BaseException) -> bool:
    """Whether an error was raised by a statement of ours, and so has a message for users; or is one of files.

    Args:
        error: What was raised.
    """
    if isinstance(error, (OSError, ImportError)):
        return True
    trace: TracebackType | None = error.__traceback__
    last: Any = None
    while trace is not None:
        last, trace = trace, trace.tb_next
    if last is None or str(last.tb_frame.f_globals.get("__name__", "")).partition(".")[0] != _PACKAGE:
        return False
    return linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno).strip().startswith("raise")


def _written(error: BaseException) -> str:
    handle, path = tempfile.mkstemp(prefix=f"{_PACKAGE}-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(traceback.format_exception(error))
    return path
