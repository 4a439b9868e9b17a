"""The reference of all commands, as a part of docs/command_line.md: `python -m keras_advxai.cli.document PATH`."""

from __future__ import annotations

import inspect
import pathlib
import sys

import click

from keras_advxai.cli.failing import CODES
from keras_advxai.cli.program import program

MARKS = ("<!-- reference -->", "<!-- end of reference -->")


def reference() -> str:
    """The exit codes, and the options of every command, as Markdown."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in CODES.items())
    parts = [f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"]
    for name, command in program.commands.items():
        ctx = click.Context(command, info_name=f"keras-advxai {name}")
        usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        text = inspect.cleandoc(command.help or "")
        rows = "\n".join(_row(option, ctx) for option in command.params if isinstance(option, click.Option))
        examples = inspect.cleandoc((command.epilog or "").replace("\b", "")).partition("\n")[2]
        shown = f"```sh\n{inspect.cleandoc(examples)}\n```\n\n" if examples else ""
        parts.append(f"## {name}\n\n`{usage}`\n\n{text}\n\n{shown}| option | meaning |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(option: click.Option, ctx: click.Context) -> str:
    names, text = (part.replace("|", "\\|") for part in option.get_help_record(ctx) or ("", ""))
    return f"| `{names}` | {' '.join(text.split())} |"


def with_reference(page: str) -> str:
    """A page with the reference between its marks.

    Args:
        page: The page, with both marks.
    """
    before, _, rest = page.partition(MARKS[0])
    return f"{before}{MARKS[0]}\n\n{reference()}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.write_text(with_reference(path.read_text(encoding="utf-8")), encoding="utf-8")
