"""The names of programs."""

from __future__ import annotations

import pathlib
import shlex
import shutil
import sys


def tensorboard_program() -> str:
    """The TensorBoard that belongs to this Python, so that a shell in this directory finds it."""
    beside = pathlib.Path(sys.executable).with_name("tensorboard")
    found = shutil.which("tensorboard")
    if not beside.exists() or (found is not None and pathlib.Path(found) == beside):
        return "tensorboard"
    here = pathlib.Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))
