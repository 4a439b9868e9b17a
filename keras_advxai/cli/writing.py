"""What a report leaves in a folder."""

from __future__ import annotations

import itertools
import os
import pathlib
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from keras_advxai._files import write_atomically
from keras_advxai.cli.failing import Failure, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_advxai.evaluation import EvaluationReport
    from keras_advxai.reporting.paged import Paged

_DPI = 100
_PICTURED = 6

FIGURE_FORMATS = ("png", "pdf", "svg")
"""The formats of figures, of which the first is the default."""


def check_folder(path: pathlib.Path | None, option: str = "--output") -> None:
    """Raise if nothing can be written to a folder, which need not be there. Nothing is left in it.

    Args:
        path: The folder; `None` for none.
        option: What gives it. Defaults to `"--output"`.

    Raises:
        Failure: It cannot be written to.
    """
    if path is None:
        return
    existing = path
    try:
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise Failure(f"{option}: {existing} is a file, and no folder.")
        with tempfile.TemporaryFile(dir=existing):  # to write is the only proof
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{option}: nothing can be written to {path}: {reason}") from error


def check_page(path: pathlib.Path | None) -> None:
    """Raise if no page can be written to a file, which need not be there.

    Args:
        path: The file; `None` for none.

    Raises:
        Failure: It is a folder, or in one that cannot be written to.
    """
    if path is None:
        return
    if path.is_dir():
        raise Failure(f"--report: {path} is a folder. Name a file, such as {path / 'report.html'}.")
    check_folder(path.parent, "--report")


def write_page(result: Paged, path: pathlib.Path, written: list[tuple[pathlib.Path, str]]) -> None:
    """Write the page of a result, with the command that was given.

    Args:
        result: The report or comparison.
        path: Where to. Its folder is made if it is not there.
        written: To which the file is added.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    result.to_html(path, command=shlex.join(["keras-advxai", *sys.argv[1:]]))
    written.append((path, "the page for a browser"))


def check_figures(options: dict[str, Any]) -> None:
    """Raise if formats are chosen for figures that are not written.

    Args:
        options: What the options of the command give.

    Raises:
        click.UsageError: They are.
    """
    if options["figure_formats"] and options["output"] is None:
        raise click.UsageError("--figure-format is for the figures in the folder of --output, which is missing.")


def summary(report: EvaluationReport) -> dict[str, Any]:
    """A report as plain values, without what was measured of each image."""
    found = report.to_dict()
    found.pop("measurements")
    return found


def _text(report: EvaluationReport, path: pathlib.Path) -> None:
    write_atomically(path, f"{report}\n".encode())


FORMATS: dict[str, tuple[str, str, Callable[[EvaluationReport, pathlib.Path], object]]] = {
    "npz": (
        "report.npz",
        "all that was measured, for keras-advxai show and EvaluationReport.load",
        lambda report, path: report.save(path),
    ),
    "json": ("report.json", "the same as text, for other programs", lambda report, path: report.to_json(path)),
    "txt": ("table.txt", "the table above", _text),
    "md": ("report.md", "the same in Markdown", lambda report, path: report.to_markdown(path)),
    "tex": (
        "report.tex",
        "its tables for LaTeX, with booktabs and graphicx",
        lambda report, path: report.to_latex(path),
    ),
    "csv": ("rows.csv", "every figure, a line for each attack and epsilon", lambda report, path: report.to_csv(path)),
    "samples": ("samples.csv", "every image", lambda report, path: report.samples.to_csv(path)),
}
"""The files of a report: name, what is in it, and what writes it."""


def pictured(names: Sequence[str] | None, task: str, classes: int) -> Sequence[str] | None:
    """The names of the classes in pictures, or those of the outputs of a regression; `None` for numbers.

    Args:
        names: The names, if they are known.
        task: What the model is for.
        classes: How many classes or outputs it has.
    """
    return names or ([f"output {index}" for index in range(classes)] if task == "regression" else None)


def figures(report: EvaluationReport) -> Iterator[tuple[str, str, Figure]]:
    """The figures of a report: name, what is shown, and the figure. Without examples there are fewer.

    Args:
        report: The report.
    """
    from keras_advxai import figures as drawn
    from keras_advxai.text import epsilon_text

    source = report.provenance
    names = pictured(source["class_names"], source["task"], report.measurements.coordinates.classes)
    yield "drift", "accuracy and MOD against epsilon", drawn.drift(report)
    layered = [name for name in report.explainers if len(report.provenance["layers"].get(name, ())) == 1]
    if len(layered) > 1:
        yield "depth", "MOD at each layer", drawn.depth(report)
    if not report.examples:
        return
    epsilon = max(report.epsilons)
    attacks = [attack for attack in report.attacks if report.aims[attack] != "noise"] or report.attacks
    for explainer, attack in itertools.product(report.explainers[:_PICTURED], attacks[:_PICTURED]):
        examples = report.select(attack=attack, explainer=explainer, epsilon=epsilon)[:_PICTURED]
        condition = f"{attack} at epsilon {epsilon_text(epsilon)}"
        what = f"{len(examples)} of {len(report.measurements)} images before and after {condition}"
        what += ", the largest" if len(report.epsilons) > 1 else ""
        shown = drawn.comparison(examples, class_names=names, title=f"{explainer}, {condition}")
        name = f"examples_{explainer}" if attack == attacks[0] else f"examples_{explainer}_{attack}"
        yield name, f"{what}, and where the model looks", shown


def write(
    report: EvaluationReport,
    folder: pathlib.Path,
    written: list[tuple[pathlib.Path, str]],
    formats: Sequence[str] = (),
    pictures: bool = True,
) -> None:
    """Write the files and figures of a report. What was there by these names is replaced.

    Args:
        report: The report.
        folder: Where to. It is made if it is not there.
        written: To which each file that was written is added, with what is in it.
        formats: The formats of the figures. Defaults to PNG.
        pictures: Whether to draw. Defaults to `True`.

    Raises:
        OSError: They cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, what, save in FORMATS.values():
        save(report, folder / name)
        written.append((folder / name, what))
    for name, what, figure in figures(report) if pictures else ():
        draw(figure, folder, name, what, written, formats, dpi=_DPI)


def draw(
    figure: Figure,
    folder: pathlib.Path,
    name: str,
    what: str,
    written: list[tuple[pathlib.Path, str]],
    formats: Sequence[str] = (),
    **how: Any,
) -> None:
    """Write a figure in each of some formats.

    Args:
        figure: The figure.
        folder: Where to.
        name: Its name, without an ending.
        what: What is shown.
        written: To which each file that was written is added.
        formats: The formats. Defaults to PNG.
        **how: As `savefig` takes it.

    Raises:
        OSError: It cannot be written.
    """
    for form in dict.fromkeys(formats or FIGURE_FORMATS[:1]):
        path = folder / f"{name}.{form}"
        figure.savefig(path, **how)
        written.append((path, what))


def left_over(written: list[tuple[pathlib.Path, str]]) -> list[str]:
    """The figures in the folder that an earlier run has written there, and this one has not.

    Args:
        written: The files that were written.
    """
    names = {path.name for path, _ in written}
    found = (path for path in written[0][0].parent.iterdir() if path.suffix[1:] in FIGURE_FORMATS)
    ours = (path.name for path in found if path.stem in ("drift", "depth") or path.stem.startswith("examples_"))
    return sorted(name for name in ours if name not in names)


def listed(written: list[tuple[pathlib.Path, str]]) -> str:
    """The files that were written, a line for each."""
    width = max(len(printable(path.name)) for path, _ in written)
    lines = [f"  {printable(path.name):<{width}}  {what}" for path, what in written]
    return "\n".join([f"Written to {printable(str(written[0][0].parent))}:", *lines])
