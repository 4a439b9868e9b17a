"""The command line: `keras-advxai`, or `python -m keras_advxai`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from keras_advxai.cli.failing import MISTAKE, Failure, one_line
from keras_advxai.cli.program import program

_NAME = "keras-advxai"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments. Defaults to those of the process.

    Returns:
        The exit code; see `keras_advxai.cli.failing.CODES`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it when it is imported
    try:
        arguments = None if argv is None else list(argv)
        code = program.main(arguments, prog_name=_NAME, standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else _NAME
        text = one_line(error.format_message())
        click.echo(f"{_NAME}: error: {text}{'' if text.endswith(('.', '?')) else '.'} See {path} --help.", err=True)
        return MISTAKE
    except click.ClickException as error:
        click.echo(f"{_NAME}: error: {one_line(error.format_message())}", err=True)
        return error.code if isinstance(error, Failure) else MISTAKE
    return code if isinstance(code, int) else 0
