"""What the commands have in common: kinds of arguments, and the names of programs."""

from __future__ import annotations

import argparse
import pathlib
import shlex
import shutil
import sys
from collections.abc import Callable


def whole_number(least: int) -> Callable[[str], int]:
    """The type of an argument that is an integer of 32 bits.

    Args:
        least: The smallest number allowed.

    Returns:
        A function that reads it, for `add_argument(type=...)`.

    Example:

    >>> from keras_advxai.cli.terminal import whole_number
    >>> whole_number(1)("15")
    15
    """

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value < 2**32:
            raise argparse.ArgumentTypeError(f"must be an integer of at least {least}, below 2**32: {text}")
        return value

    parse.__name__ = "integer"  # argparse says it where the text is no number at all
    return parse


def tensorboard_program() -> str:
    """The TensorBoard that belongs to this Python, so that a shell in this directory finds it."""
    beside = pathlib.Path(sys.executable).with_name("tensorboard")
    found = shutil.which("tensorboard")
    if not beside.exists() or (found is not None and pathlib.Path(found) == beside):
        return "tensorboard"
    here = pathlib.Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))
