"""`keras-advxai compare`: several models, or reports of them, on the same images."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from keras_advxai._files import write_atomically
from keras_advxai.cli import images, models, writing
from keras_advxai.cli.console import Console
from keras_advxai.cli.evaluate import check_measuring, evaluate, wanted_settings
from keras_advxai.cli.failing import DOUBTFUL, Failure, as_options, printable
from keras_advxai.cli.first_look import SHOWN, UNDECIDED, look
from keras_advxai.cli.kinds import Path, Size
from keras_advxai.cli.known_names import check_names
from keras_advxai.cli.options import Command, options_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_advxai.comparison import Comparison
    from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
    from keras_advxai.models import ImageClassifier

    Listed: TypeAlias = list[tuple[str, str, ImageClassifier | EvaluationReport]]
    Taken: TypeAlias = dict[int, tuple[ImageClassifier, images.Images]]

_OF_ONE = ("model", "data", "journal", "ray", "shard", "log_dir", "output", "min_accuracy", "max_mod", "yes")
"""The options of `evaluate` that are about one model, or that say something else here."""

EVERY = "every"

_EXAMPLES = """
\b
Examples:
  keras-advxai compare MobileNetV2 ResNet50 --data photos --output results
  keras-advxai compare first=a.keras second=b.keras --data test.csv --layer every
  keras-advxai compare net=seed0.keras net=seed1.keras other=other.keras --data test
  keras-advxai compare results/MobileNetV2 results/ResNet50 other/report.npz
"""


@click.command(
    "compare",
    cls=Command,
    short_help="Compare models on the same images.",
    epilog=_EXAMPLES,
    params=options_of(evaluate, without=_OF_ONE),
)
@click.argument("listed", nargs=-1, required=True, metavar="[NAME=]MODEL...")
@click.option("--data", type=Path(exists=True), metavar="DIR|CSV|NPZ", help="The images: see `evaluate`.")
@click.option("--heatmap-size", type=Size(), metavar="N|HxW", help="The size at which heatmaps of models are compared.")
@click.option(
    "--data-bounds",
    nargs=2,
    type=float,
    metavar="LOW HIGH",
    help="The range of the pixels of arrays, which are scaled to that of each model.  [default: as they are]",
)
@click.option("--output", type=Path(), metavar="DIR", help="Where to write tables, figures and the reports.")
@click.option("-y", "--yes", is_flag=True, help="Go on although the preprocessing of a model looks wrong.")
@click.pass_obj
def compare(console: Console, /, **options: Any) -> int:
    """Compare models on the same images: accuracy, drift of explanations, differences with intervals, ranks.

    A MODEL is what `evaluate` takes as --model, or a report: a file, report.npz or report.json, or the folder with it.
    Models of one NAME are runs of one model, its seeds, and are summarised. Each model sees the images at its own size
    and with its own preprocessing.
    """
    check_names(options, options["listed"])
    images.part_of(options)
    writing.check_figures(options)
    writing.check_folder(options["output"])
    writing.check_page(options["page"])
    check_measuring(options)
    with console.working():
        found = _loaded(options)
        settings = _settings(options, found)
        taken = {} if options["data"] is None else _images(options, found)
        doubts = list(_doubts(console, found, taken))
    if doubts:
        if not options["yes"]:
            console.finish({"doubts": doubts})
            raise Failure(f"{' '.join(doubts)} To go on nevertheless, say --yes.", DOUBTFUL)
        console.warn(" ".join(doubts))
    with console.working():
        comparison = _compared(console, options, settings, found, taken)
    skipped = {name: reason for _, seen in taken.values() for name, reason in images.left_out(seen.data).items()}
    images.say_left_out(console, skipped)
    console.show(str(comparison))
    written: list[tuple[pathlib.Path, str]] = []
    try:
        if options["output"] is not None:
            write(comparison, options["output"], written, options["figure_formats"])
            console.show(f"\n{writing.listed(written)}")
        if options["page"] is not None:
            writing.write_page(comparison, options["page"], written)
            console.show(f"\nThe page is {printable(str(options['page']))}.")
    finally:  # what was computed is not lost to a full disk
        console.finish(
            {**comparison.to_dict(), "doubts": doubts, "skipped": skipped, "files": [str(path) for path, _ in written]}
        )
    return 0


def _loaded(options: dict[str, Any]) -> Listed:
    """Of each model its name in the comparison, what was said, and the model or report."""
    from keras_advxai.comparing import saved_report

    of_files = options["data"] is not None and images.are_files(options["data"])
    found: Listed = []
    for text in options["listed"]:
        name, given = _named(text)
        report = saved_report(given)
        if report is not None:
            found.append((name or str(report.provenance["model"]), given, report))
            continue
        if options["data"] is None:
            raise Failure(f"{given} is no report, and a model needs images: pass --data.")
        classifier = models.load(given, **models.seen_as(options), of_files=of_files)
        found.append((name or pathlib.Path(given).stem, given, classifier))
    if len({name for name, _, _ in found}) < 2:
        names = ", ".join(dict.fromkeys(name for name, _, _ in found))
        raise Failure(f"A comparison needs at least two models. Received: {names}. Name them apart as NAME=MODEL.")
    return found


def _named(text: str) -> tuple[str, str]:
    """The name that is given to a model, if one is, and the model."""
    name, equals, rest = text.partition("=")
    return (name, rest) if equals and name and not pathlib.Path(text).exists() else ("", text)


def _settings(options: dict[str, Any], found: Listed) -> EvaluationSettings | None:
    """What is measured of each model that is evaluated, after it was looked at whether each has the layers for it."""
    from keras_advxai.models import ImageClassifier

    # `compare` itself adds every layer, whose names differ.
    of_all = {**options, "layer": "default" if options["layer"] == EVERY else options["layer"]}
    each = [wanted_settings(item, of_all) for _, _, item in found if isinstance(item, ImageClassifier)]
    return each[0] if each else None


def _images(options: dict[str, Any], found: Listed) -> Taken:
    """Each model that is to be evaluated, and the images as it takes them, by its place."""
    from keras_advxai.models import ImageClassifier

    taken: Taken = {}
    for place, (_, given, classifier) in enumerate(found):
        if isinstance(classifier, ImageClassifier):
            names = models.names_of_classes(options["class_names"], classifier, given, options["weights"])
            # A size is for models that take any.
            is_open = None in (classifier.image_shape or (None,))[:2]
            size = options["size"] if is_open else None
            reading = images.Reading.of({**options, "size": size}, names)
            taken[place] = classifier, images.load(options["data"], classifier, reading, SHOWN)
    return taken


def _doubts(console: Console, found: Listed, taken: Taken) -> Iterator[str]:
    """What speaks for a wrong preprocessing, of images that the models take as they are."""
    for place, (classifier, seen) in taken.items():
        sides = zip(classifier.image_shape or (), seen.look.shape[1:], strict=False)
        if any(side not in (None, given) for side, given in sides):
            continue  # arrays that are resized: the evaluation has its own finding
        first = look(classifier, seen.look, seen.labels)
        if first.is_undecided:
            console.warn(f"{found[place][0]}: {UNDECIDED}")
        if first.doubts:
            yield f"The preprocessing of {found[place][0]} looks wrong. {' '.join(map(as_options, first.doubts))}"
        if seen.doubts:
            yield f"{found[place][0]}: {' '.join(seen.doubts)}"


def _compared(
    console: Console,
    options: dict[str, Any],
    settings: EvaluationSettings | None,
    found: Listed,
    taken: Taken,
) -> Comparison:
    import keras_advxai as kax

    given: dict[str, list[Any]] = {}
    data: dict[str, list[Any]] = {}
    for place, (name, _, item) in enumerate(found):
        given.setdefault(name, []).append(item)
        data.setdefault(name, []).append(taken[place][1].data if place in taken else None)
    names = {seen.class_names for _, seen in taken.values()}
    of_files = options["data"] is not None and images.are_files(options["data"])
    arrays = next((seen.data for _, seen in taken.values()), None)
    try:
        return kax.compare(
            given,
            data if of_files else arrays,
            settings=settings,
            size=options["size"],
            heatmap_size=options["heatmap_size"],
            data_bounds=options["data_bounds"],
            every_layer=options["layer"] == EVERY,
            class_names=names.pop() if len(names) == 1 else None,
            progress=console.progress,
        )
    except (Exception, KeyboardInterrupt) as error:
        written: list[tuple[pathlib.Path, str]] = []
        made = getattr(error, "reports", {})
        if made and taken and options["output"] is not None:
            write_reports(made, options["output"], written)
            kept = f"What was evaluated is kept, and compares again: {', '.join(str(path) for path, _ in written)}."
            if isinstance(error, KeyboardInterrupt):
                vars(error)["kept"] = kept
            else:
                console.warn(kept)
        raise


def _text(comparison: Comparison, path: pathlib.Path) -> None:
    write_atomically(path, f"{comparison}\n".encode())


FORMATS: dict[str, tuple[str, str, Callable[[Comparison, pathlib.Path], object]]] = {
    "txt": ("table.txt", "the tables above", _text),
    "md": ("comparison.md", "the same in Markdown", lambda found, path: found.to_markdown(path)),
    "tex": (
        "comparison.tex",
        "the same for LaTeX, with booktabs and graphicx",
        lambda found, path: found.to_latex(path),
    ),
    "csv": ("models.csv", "every figure of every model", lambda found, path: found.to_csv(path)),
    "pairs": ("differences.csv", "the differences of all pairs", lambda found, path: found.differences_to_csv(path)),
    "json": ("comparison.json", "all of it for other programs", lambda found, path: found.to_json(path)),
}
"""The files of a comparison: name, what is in it, and what writes it."""


def write(
    comparison: Comparison,
    folder: pathlib.Path,
    written: list[tuple[pathlib.Path, str]],
    formats: Sequence[str] = (),
) -> None:
    """Write the files, figures and reports of a comparison. What was there by these names is replaced.

    Args:
        comparison: The comparison.
        folder: Where to. It is made if it is not there.
        written: To which each file that was written is added, with what is in it.
        formats: The formats of the figures. Defaults to PNG.

    Raises:
        OSError: They cannot be written.
    """
    write_reports(comparison.reports, folder, written)
    for name, what, save in FORMATS.values():
        save(comparison, folder / name)
        written.append((folder / name, what))
    for name, what, figure in _figures(comparison):
        writing.draw(figure, folder, name, what, written, formats)


def write_reports(
    reports: Mapping[str, Sequence[EvaluationReport]], folder: pathlib.Path, written: list[tuple[pathlib.Path, str]]
) -> None:
    """Write reports, each into a folder of its own.

    Args:
        reports: The reports of each model.
        folder: Where to. It is made if it is not there.
        written: To which each file that was written is added, with what is in it.

    Raises:
        OSError: They cannot be written.
    """
    for name, listed in reports.items():
        for number, report in enumerate(listed):
            own = folder / f"{_folder_name(name)}{f'-{number}' if len(listed) > 1 else ''}"
            own.mkdir(parents=True, exist_ok=True)
            report.save(own / "report.npz")
            written.append((own / "report.npz", f"the report of {name}, to be compared again"))


def _figures(comparison: Comparison) -> Iterator[tuple[str, str, Figure]]:
    from keras_advxai import figures

    yield "models", "accuracy and MOD of all models against epsilon", figures.models(comparison)
    if comparison.explainers:
        yield "trade_off", "accuracy against MOD", figures.trade_off(comparison)
        try:
            yield "relative_depth", "MOD at each layer against its depth", figures.relative_depth(comparison)
        except ValueError:  # of one layer
            return


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip(".")[:100] or "model"
