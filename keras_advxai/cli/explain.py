"""`keras-advxai explain`: where a model looks in an image, before and after an attack, with and without the softmax."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from keras_advxai.cli import images, models, writing
from keras_advxai.cli.choosing import chosen_explainers, name_or_number
from keras_advxai.cli.configuring import configured
from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import Failure, as_options, printable
from keras_advxai.cli.first_look import UNDECIDED, FirstLook, look
from keras_advxai.cli.kinds import Epsilon, Path
from keras_advxai.cli.known_names import check_names
from keras_advxai.cli.options import (
    Command,
    figure_option,
    image_options,
    layer_option,
    model_options,
    output_option,
    target_options,
)

if TYPE_CHECKING:
    from keras_advxai.evaluation import Example
    from keras_advxai.models import ImageClassifier

_TOP = 5
_EXAMPLES = """
\b
Examples:
  keras-advxai explain cat.jpg --model efficientnet_lite0
  keras-advxai explain photos/*.jpg --model MobileNetV2 --epsilon 8/255 --output explained
  keras-advxai explain face.png --model my.keras --bounds 0 1 --class-names names.txt
"""


@click.command(
    "explain", cls=Command, short_help="Show where a model looks, before and after an attack.", epilog=_EXAMPLES
)
@click.argument("files", nargs=-1, required=True, type=Path(exists=True), metavar="IMAGE...")
@model_options
@click.option(
    "--attack",
    default="fgsm",
    show_default=True,
    metavar="NAME[:OPTION=VALUE,...]",
    help="See `attacks`. Hyperparameters stand behind a colon: pgd:steps=40,norm=l2.",
)
@click.option(
    "--epsilon",
    type=Epsilon(),
    default="2/255",
    show_default=True,
    metavar="E",
    help="The budget of the attack, as a fraction of the pixels' range.",
)
@click.option(
    "--explainer",
    "explainers",
    multiple=True,
    default=["grad_cam", "integrated_gradients"],
    show_default=True,
    metavar="NAME[:OPTION=VALUE,...]",
    help="See `explainers`. Hyperparameters stand behind a colon: integrated_gradients:steps=64.",
)
@layer_option
@target_options
@image_options
@output_option("keras-advxai-explain", "Where to write the figures.")
@figure_option
@click.pass_obj
def explain(console: Console, /, files: tuple[pathlib.Path, ...], **options: Any) -> int:
    """Show where a model looks in images, before and after an attack.

    For each image there are the most probable classes, a figure for each explainer, and one with and without the
    softmax.
    """
    for path in files:
        if not path.is_file():
            raise Failure(f"{path} is a folder. Name the images, such as {path}/*.jpg.")
    check_names(options, [options["model"]])
    models.check_file(options["model"])
    images.part_of(options)
    writing.check_folder(options["output"])
    with console.working():
        classifier, x, names = _loaded(files, options)
        before = look(classifier, x)
        for doubt in before.doubts:
            console.warn(f"The preprocessing looks wrong. {as_options(doubt)}")
        if before.is_undecided:
            console.warn(UNDECIDED)
        explained = _explained(console, classifier, x, names, options)
        after = look(classifier, _adversarial(explained, classifier))
    results = []
    for place, path in enumerate(files):
        rows = [_top(seen, place, names) for seen in (before, after)]
        console.show(_table(path, rows, explained.attack, explained.epsilon))
        results.append({"file": str(path), "original": rows[0], "adversarial": rows[1]})
    written: list[tuple[pathlib.Path, str]] = []
    try:
        shown = writing.pictured(names, classifier.kind.name, classifier.classes)
        _write(explained, files, shown, options["output"], options["figure_formats"], written)
        console.show(writing.listed(written))
    finally:  # what was found is not lost to a full disk
        console.finish({"images": results, "files": [str(path) for path, _ in written]})
    return 0


def _loaded(
    files: tuple[pathlib.Path, ...], options: dict[str, Any]
) -> tuple[ImageClassifier, Any, tuple[str, ...] | None]:
    import numpy as np

    from keras_advxai.data.pictures import Picture

    classifier = models.load(options["model"], **models.seen_as(options))
    names = models.names_of_classes(options["class_names"], classifier, options["model"], options["weights"])
    height, width, channels = images.pixels_of(classifier, options["size"])
    picture = Picture((height, width), images.part_of(options), channels, classifier.bounds, options["interpolation"])
    return classifier, np.stack([picture.read(path) for path in files]), names


@dataclasses.dataclass(frozen=True)
class _Explained:
    """Images before and after an attack.

    Attributes:
        examples: The images, with the heatmaps of each explainer.
        shown: The explainers that have a figure of their own.
        pairs: The explainers of the probability by those of the logit; none of a regression.
        attack: The name of the attack.
        epsilon: Its budget.
    """

    examples: tuple[Example, ...]
    shown: tuple[str, ...]
    pairs: dict[str, str]
    attack: str
    epsilon: float


def _explained(
    console: Console, classifier: ImageClassifier, x: Any, names: tuple[str, ...] | None, options: dict[str, Any]
) -> _Explained:
    import keras_advxai as kax

    explainers = chosen_explainers(classifier, options["explainers"], options["layer"])
    attack, epsilon = configured("attack", options["attack"]), options["epsilon"]
    how: dict[str, Any] = {
        "images": len(x),
        "target": options["target"],
        "attack_targets": name_or_number(options["attack_target"]),
        "class_names": names,
        "progress": console.progress,
    }
    if classifier.kind.name == "regression":  # which has no softmax to look behind
        report = kax.evaluate(
            classifier, x, attacks=attack, explainers=explainers, epsilons=(epsilon,), noise_control=False, **how
        )
        return _Explained(report.examples, report.explainers, {}, report.attacks[0], epsilon)
    found = kax.compare_scores(classifier, x, attack=attack, explainers=explainers, epsilon=epsilon, **how)
    return _Explained(found.examples, tuple(found.pairs), found.pairs, found.attack, epsilon)


def _adversarial(explained: _Explained, classifier: ImageClassifier) -> Any:
    """The adversarial images, in the order of the files."""
    import numpy as np

    found = {example.index: example.adversarial for example in explained.examples}
    low, high = classifier.bounds
    shares = np.stack([found[index] for index in sorted(found)])
    return np.clip(low + shares * np.float32(high - low), low, high).astype("float32")


def _top(seen: FirstLook, place: int, names: tuple[str, ...] | None) -> list[dict[str, Any]]:
    kind = ("class", "probability") if seen.values is None else ("output", "value")
    return [
        {kind[0]: index, "name": names[index] if names else None, kind[1]: None if share != share else share}
        for index, share in seen.top(place, _TOP)
    ]


def _table(path: pathlib.Path, rows: list[list[dict[str, Any]]], attack: str, epsilon: float) -> str:
    """The most probable classes of an image, and beside them those of its adversarial version."""
    from keras_advxai.text import epsilon_text, percent_text

    def cell(side: list[dict[str, Any]], rank: int) -> str:
        if rank >= len(side):
            return "" if rank else "no class: the output is not finite"
        item = side[rank]
        if "value" in item:
            return f"{item['value']:>10.4g}  {item['name'] or 'output ' + str(item['output'])}"
        share = "" if item["probability"] is None else f"{percent_text(item['probability']):>8}  "
        return f"{share}{item['name'] or 'class ' + str(item['class'])}"

    lines = [[cell(side, rank) for side in rows] for rank in range(max(1, *map(len, rows)))]
    width = max(len(left) for left, _ in lines)
    heads = f"  {'original':<{width}}   {attack} at epsilon {epsilon_text(epsilon)}"
    return "\n".join(
        [printable(str(path)), heads, *(f"  {left:<{width}}   {right}".rstrip() for left, right in lines), ""]
    )


def _stems(files: Sequence[pathlib.Path]) -> list[str]:
    """How the figures of each file begin, all otherwise."""
    stems = [path.stem for path in files]
    found: list[str] = []
    for place, stem in enumerate(stems):
        name = stem if stems.count(stem) == 1 else f"{stem}_{place}"
        while name in found or (name != stem and name in stems):
            name += "_"
        found.append(name)
    return found


def _write(
    explained: _Explained,
    files: tuple[pathlib.Path, ...],
    names: Sequence[str] | None,
    folder: pathlib.Path,
    formats: Sequence[str],
    written: list[tuple[pathlib.Path, str]],
) -> None:
    """Draw the figures of each image, and add what was written to a list."""
    from keras_advxai import figures
    from keras_advxai.text import epsilon_text

    folder.mkdir(parents=True, exist_ok=True)
    condition = f"{explained.attack} at {epsilon_text(explained.epsilon)}"  # a card has 54 letters in a line
    stems = _stems(files)
    for place, (path, stem) in enumerate(zip(files, stems, strict=True)):
        own: list[Example] = [example for example in explained.examples if example.index == place]
        drawn = []
        for example in own:
            if example.explainer in explained.shown:
                title = f"{printable(path.name)}: {example.explainer}, {condition}"
                figure = figures.explanation(example, class_names=names, images=True, title=title)
                drawn.append((example.explainer, "the image, and where the model looks", figure))
        if explained.pairs:
            title = f"{printable(path.name)}: {condition}"
            both = figures.scores(own, explained.pairs, class_names=names, title=title)
            drawn.append(("softmax", "the same with and without the softmax", both))
        for name, what, figure in drawn:
            writing.draw(figure, folder, f"{stem}_{name}", what, written, formats)
