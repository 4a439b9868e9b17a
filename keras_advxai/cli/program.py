"""The program `keras-advxai`: its commands and what all of them have in common."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import click

from keras_advxai import __version__
from keras_advxai._choice import nearest
from keras_advxai.cli.compare import compare
from keras_advxai.cli.console import Console
from keras_advxai.cli.demo import demo
from keras_advxai.cli.evaluate import evaluate
from keras_advxai.cli.explain import explain
from keras_advxai.cli.failing import MISTAKE
from keras_advxai.cli.layers import layers
from keras_advxai.cli.listing import attacks, corruptions, explainers, metrics
from keras_advxai.cli.options import Command
from keras_advxai.cli.reports import merge, show

_EXAMPLES = """
\b
Examples:
  keras-advxai demo --photographs
  keras-advxai evaluate --model MobileNetV2 --data photos --output results
  keras-advxai explain cat.jpg --model efficientnet_lite0
"""


class Program(click.Group):
    """The group of all commands, which names the nearest one to a name that is none."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that the arguments name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise click.UsageError(
                f"There is no command {name!r}.{nearest(name, self.commands)} Known: {', '.join(self.commands)}.", ctx
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their use."""
        return list(self.commands)


@click.group(
    cls=Program,
    epilog=_EXAMPLES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="keras-advxai", message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Adversarial robustness and explanation drift of Keras image classifiers."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(MISTAKE)


@click.command("version", cls=Command)
@click.pass_obj
def version(console: Console) -> int:
    """Show the versions of the package and of what it runs on."""
    found = {"keras-advxai": __version__, "python": platform.python_version()}
    for name in ("keras", "tensorflow", "tensorboard", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # such as tensorflow-cpu in its place
            found[name] = "not installed"
    console.show("\n".join(f"{name} {value}" for name, value in found.items()))
    console.finish(found)
    return 0


for command in (
    evaluate,
    compare,
    explain,
    layers,
    attacks,
    corruptions,
    explainers,
    metrics,
    show,
    merge,
    demo,
    version,
):
    program.add_command(command)
