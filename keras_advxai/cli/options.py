"""The options that several commands have."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import click

from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import ENDED, INTERRUPTED, Failure, of_error
from keras_advxai.cli.kinds import Path, Share, Size
from keras_advxai.cli.writing import FIGURE_FORMATS

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command with `--quiet`, `--json` and `--debug`, whose errors are one line each.

    The function is called with a `Console` before what the options give. What a `KeyboardInterrupt` leaves is said by
    its attribute `kept`, if it has one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON, and nothing else."),
            click.Option(["-q", "--quiet"], is_flag=True, help="Show no progress and no hints."),
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an option of one value that is given twice is no longer the last of both."""
        try:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser names no command, whose help is the one to look at
            raise
        for option in given:
            single = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
            if single and given.count(option) > 1:
                raise click.UsageError(
                    f"{option.opts[0]} takes one value, and is given {given.count(option)} times.", ctx
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, and turn whatever it raises into a `Failure`."""
        ctx.obj = console = Console(**{name: ctx.params.pop(name) for name in ("quiet", "as_json", "debug")})
        try:
            with _ended_as_interrupted():
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            if console.debug:
                raise
            how, code = ("Ended", ENDED) if isinstance(error, _Ended) else ("Interrupted", INTERRUPTED)
            raise Failure(f"{how}. {_kept(ctx, error)}", code) from error
        except (click.ClickException, click.exceptions.Exit):
            if console.debug:
                _show_traceback()
            raise
        except Exception as error:  # whatever comes, nobody is shown pages of it
            if console.debug:
                _show_traceback()
            raise of_error(error) from error


class _Ended(KeyboardInterrupt):
    """Somebody asked the process to end."""


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Inside of it, a request to end, SIGTERM, is an interrupt: schedulers send it before a job's time is up."""

    def end(*args: object) -> None:
        raise _Ended

    if threading.current_thread() is not threading.main_thread():  # where Python has no handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _kept(ctx: click.Context, error: BaseException) -> str:
    """A sentence on what is kept of a command that was interrupted."""
    journal = ctx.params.get("journal")
    if journal is not None and journal.exists():  # of an earlier time
        return getattr(error, "kept", f"What is in {journal} is kept: the same command goes on from there.")
    return getattr(error, "kept", "Nothing was kept.")


def _show_traceback() -> None:
    import traceback

    click.echo(traceback.format_exc(), err=True)


def several(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in their order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def options_of(command: click.Command, without: Collection[str]) -> list[click.Parameter]:
    """The options of another command, so that two commands take and explain the same in the same words.

    Args:
        command: The other command.
        without: The options that are left out, by the names of their values.
    """
    own = {"as_json", "quiet", "debug"}  # which each command has by itself
    return [item for item in command.params if item.name not in own and item.name not in without]


MODEL_HELP = (
    "The model: a name of keras.applications such as MobileNetV2, a name of kax.pretrained such as efficientnet_lite0, "
    "a file of Keras (.keras, .h5), the folder of a SavedModel, or module:function."
)

model_settings = several(
    click.option(
        "--weights",
        default="imagenet",
        show_default=True,
        metavar="imagenet|FILE|none",
        help="The weights of a model of keras.applications.",
    ),
    click.option(
        "--preprocess",
        metavar="NAME",
        help="The module of keras.applications whose preprocessing the model takes, such as resnet50. Models by name "
        "bring their own.",
    ),
    click.option(
        "--bounds",
        nargs=2,
        type=float,
        metavar="LOW HIGH",
        help="The range of the pixels that the model takes, before any preprocessing; image files are scaled to it.  "
        "[default: 0 255 of image files, 0 1 of arrays]",
    ),
    click.option("--unsafe", is_flag=True, help="Run code that is in the file of the model. Only if you trust it."),
    click.option(
        "--task",
        type=click.Choice(["classification", "regression"]),
        help="Whether the model says classes or numbers.  [default: classification]",
    ),
    click.option(
        "--labels",
        type=click.Choice(["single", "multi"]),
        help="Whether an image has one class, or several labels, each there or not.  [default: what the model's head "
        "and the data say]",
    ),
    click.option(
        "--from-logits/--no-from-logits",
        default=None,
        help="Whether the model's output is logits.  [default: what its last operation says]",
    ),
    click.option("--model-output", metavar="NAME|N", help="Of several outputs of the model, the one with the classes."),
)
"""How the model is loaded and seen."""

model_options = several(click.option("--model", required=True, metavar="MODEL", help=MODEL_HELP), model_settings)
"""Which model, and how it is seen."""

image_options = several(
    click.option(
        "--size",
        type=Size(),
        metavar="N|HxW",
        help="The size of the images, of a model that takes any.  [default: what the model takes]",
    ),
    click.option(
        "--crop/--no-crop",
        default=True,
        show_default=True,
        help="Whether to take the middle of a photograph, or to stretch all of it.",
    ),
    click.option(
        "--crop-share",
        type=Share(positive=True),
        metavar="SHARE",
        help="How much of the middle to take, such as the 0.875 on which ImageNet's models are usually tested and that "
        "the demo takes.  [default: 1]",
    ),
    click.option(
        "--interpolation",
        type=click.Choice(["bicubic", "bilinear"]),
        default="bicubic",
        show_default=True,
        help="How images are resized. A model that was trained with Keras' image_dataset_from_directory takes "
        "bilinear, with --no-crop.",
    ),
    click.option(
        "--class-names",
        type=Path(exists=True, word="imagenet"),
        metavar="FILE|imagenet",
        help="The names of the classes: a file with a line for each, or JSON; or imagenet, for a file of a model with "
        "these 1,000.  [default: those of ImageNet of a model by name, or of the sub-folders]",
    ),
)
"""How image files are read, and what the classes are called."""

layer_option = click.option(
    "--layer",
    default="default",
    show_default=True,
    metavar="default|every|NAME",
    help="The layer that Grad-CAM and its kin look at: see `layers`.",
)
"""Where explainers that look at a layer look."""

severity_option = click.option(
    "--severity",
    "severities",
    multiple=True,
    type=click.IntRange(1, 5),
    default=[1, 3, 5],
    show_default=True,
    metavar="N",
    help="A severity of the corruptions among the attacks, from 1 to 5.",
)
"""How strong corruptions are."""

target_options = several(
    click.option(
        "--target",
        type=click.Choice(["predicted", "clean", "label"]),
        default="predicted",
        show_default=True,
        help="Whose class heatmaps explain: each image's own prediction, the clean image's, or the label.",
    ),
    click.option(
        "--attack-target",
        metavar="RULE|N",
        help="The class that targeted attacks, such as pgd:targeted=true, are to reach: least_likely, runner_up, "
        "random, or the number of one.",
    ),
)
"""Which classes are explained, and which are to be reached."""

figure_option = click.option(
    "--figure-format",
    "figure_formats",
    multiple=True,
    type=click.Choice(FIGURE_FORMATS, case_sensitive=False),
    help=f"The format of the figures; may be given several times.  [default: {FIGURE_FORMATS[0]}]",
)
"""In which formats figures are written."""


def seed_option(help: str) -> Callable[[F], F]:
    """The option `--seed`.

    Args:
        help: What the seed is of.
    """
    kind = click.IntRange(0, 2**32 - 1)
    return click.option("--seed", type=kind, default=0, show_default=True, metavar="N", help=help)


def page_option(command: F) -> F:
    """The option `--report` of a command whose result has a page of HTML."""
    help = "Where to write a page for a browser: words, charts and pictures in one file that can be sent to anybody."
    return click.option("--report", "page", type=Path(), metavar="FILE", help=help)(command)


def output_option(folder: str, help: str) -> Callable[[F], F]:
    """The option `--output` of a command that always writes something.

    Args:
        folder: The default.
        help: What is written.
    """
    return click.option("--output", type=Path(), default=folder, show_default=True, metavar="DIR", help=help)
