"""The command line: `keras-advxai`, or `python -m keras_advxai`."""
# ruff: noqa: T201 (a command line prints)

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from keras_advxai import __version__
from keras_advxai.cli import demo

_DESCRIPTION = "Adversarial robustness and explanation drift of Keras image classifiers."


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments. Defaults to those of the process.

    Returns:
        The exit code: 0, 2 for something wrong in what was asked for, or 130 after an interruption.

    Raises:
        SystemExit: After `--help` and `--version`, and for arguments that cannot be parsed.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    if args.run is None:
        parser.print_help(sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it when it is imported
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keras-advxai", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    demo.add_command(commands)
    return parser
