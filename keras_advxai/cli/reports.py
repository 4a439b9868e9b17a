"""`keras-advxai show` and `merge`: reports that were saved."""

from __future__ import annotations

import pathlib
import shlex
from typing import TYPE_CHECKING, Any

import click

from keras_advxai.cli import writing
from keras_advxai.cli.concluding import conclude
from keras_advxai.cli.configuring import spelled
from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import Failure
from keras_advxai.cli.kinds import Path, Share
from keras_advxai.cli.options import Command, figure_option, several

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport

_SHOW = """
\b
Examples:
  keras-advxai show results
  keras-advxai show results/report.npz --output figures --figure-format pdf --figure-format svg
  keras-advxai show results --min-accuracy 0.3
"""
_MERGE = """
\b
Examples:
  keras-advxai evaluate --model my.keras --data photos --shard 0/2 --output part0
  keras-advxai evaluate --model my.keras --data photos --shard 1/2 --output part1
  keras-advxai merge part0 part1 --output whole
"""

_options = several(
    click.option(
        "--output",
        type=Path(),
        metavar="DIR",
        help="Where to write the report, the table and figures, as of `evaluate`.",
    ),
    figure_option,
    click.option("--min-accuracy", type=Share(), metavar="SHARE", help="As of `evaluate`."),
    click.option("--max-mod", type=Share(), metavar="MOD", help="As of `evaluate`."),
)


@click.command("show", cls=Command, short_help="Show a report that was saved.", epilog=_SHOW)
@click.argument("report", type=Path(exists=True))
@_options
@click.pass_obj
def show(
    console: Console,
    /,
    report: pathlib.Path,
    **options: Any,
) -> int:
    """Show a report that was saved: its table, and with --output its figures.

    REPORT is a file, report.npz or report.json, or the folder with it. The images and their heatmaps are not in it.
    """
    writing.check_figures(options)
    writing.check_folder(options["output"])
    with console.working():
        found = read(report)
    written = _measured_with(found)
    if written:
        console.show(f"{written}\n")
    return conclude(console, found, **options)


@click.command("merge", cls=Command, short_help="Make one report of the parts of an evaluation.", epilog=_MERGE)
@click.argument("parts", nargs=-1, required=True, type=Path(exists=True), metavar="PART...")
@_options
@click.pass_obj
def merge(
    console: Console,
    /,
    parts: tuple[pathlib.Path, ...],
    **options: Any,
) -> int:
    """Make one report of the parts of an evaluation, which --shard made.

    A PART is a file, report.npz or report.json, or the folder with it.
    """
    writing.check_figures(options)
    writing.check_folder(options["output"])
    with console.working():
        from keras_advxai.evaluation import EvaluationReport

        reports = [read(part) for part in parts]
        for path, report in zip(parts, reports, strict=True):
            if report.provenance["part"] is None:
                raise Failure(f"{path} is the report of all of its data, and no part: parts are made by --shard.")
        found = EvaluationReport.merge(reports)
    return conclude(console, found, **options)


def _measured_with(report: EvaluationReport) -> str:
    """The attacks and explainers with all their hyperparameters, as `evaluate` takes them."""
    try:
        settings = report.settings
    except ValueError:  # something of the user's own, or a report of an older version
        return ""
    kinds = {"attack": settings.attacks, "explainer": settings.explainers}
    words = [f"--{kind} {shlex.quote(spelled(item))}" for kind, items in kinds.items() for item in items]
    words += [f"--attack {item.name}" for item in settings.corruptions]
    return f"Measured with {' '.join(words)}"


def read(path: pathlib.Path) -> EvaluationReport:
    """The report in a file or folder.

    Args:
        path: The file, or a folder with a `report.npz` or `report.json`.

    Raises:
        Failure: There is none.
    """
    from keras_advxai.evaluation import EvaluationReport

    if path.is_dir():
        inside = [path / name for name in ("report.npz", "report.json") if (path / name).is_file()]
        if not inside:
            raise Failure(f"{path} is a folder without a report.npz or report.json.")
        path = inside[0]
    try:
        return EvaluationReport.load(path)
    except ValueError as error:
        raise Failure(f"{path} is no report that can be read: {error}") from error
