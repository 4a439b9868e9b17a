"""From the options to the images and their labels."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import Failure, printable
from keras_advxai.text import shortened

if TYPE_CHECKING:
    from keras_advxai.models import ImageClassifier

_NAMED = 10
"""So many files that are left out are named; the JSON has all of them."""

LOOKED_AT = 32
"""So many images are looked at before anything is attacked."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """How image files are read.

    Attributes:
        size: `(height, width)`; `None` for what the model takes.
        crop: Whether the middle is taken, or which share of it.
        batch_size: How many are read at a time.
        limit: At most so many; `None` for all.
        class_names: The names of the model's classes; `None` where there are none.
        labels: Whether there are labels to be read.
        interpolation: How they are resized.
    """

    size: tuple[int, int] | None = None
    crop: bool | float = True
    batch_size: int = 32
    limit: int | None = None
    class_names: tuple[str, ...] | None = None
    labels: bool = True
    interpolation: str = "bicubic"

    @classmethod
    def of(cls, options: dict[str, Any], class_names: tuple[str, ...] | None) -> Reading:
        """What the options of a command say.

        Args:
            options: What the options give.
            class_names: The names of the classes.
        """
        return cls(
            options["size"],
            part_of(options),
            options["batch_size"],
            options["limit"],
            class_names,
            not options["no_labels"],
            options["interpolation"],
        )


def part_of(options: dict[str, Any]) -> bool | float:
    """Which part of an image is taken, as `kax.data.load` says it by `crop`.

    Args:
        options: What the options of a command give.

    Raises:
        click.UsageError: They do not go together.
    """
    share: float | None = options["crop_share"]
    if share is None:
        return bool(options["crop"])
    if not options["crop"]:
        raise click.UsageError("--crop-share is a share of the middle, and --no-crop takes all of the image.")
    return share


@dataclasses.dataclass(frozen=True)
class Images:
    """Images and labels, as `evaluate` takes them.

    Attributes:
        data: The data.
        names: The names of the files; none of arrays and datasets.
        class_names: The names of the classes; `None` where nobody knows.
        look: Some of them, spread over all: what the model takes.
        shown: Some of them, of which the predictions are shown.
        labels: The labels of `look`; `None` where there are none.
        count: How many images there are; `None` where nobody knows.
        doubts: Sentences on what speaks for labels that do not mean what the model does. Defaults to none.
        are_resized: Whether they are files of other sizes than the model takes. Defaults to `False`.
    """

    data: Any
    names: tuple[str, ...]
    class_names: tuple[str, ...] | None
    look: Any
    shown: Any
    labels: Any
    count: int | None
    doubts: tuple[str, ...] = ()
    are_resized: bool = False


def are_files(path: pathlib.Path) -> bool:
    """Whether there are image files at a path, or a table of them; else there are arrays."""
    return path.suffix.lower() != ".npz" and not (path / "dataset_spec.pb").exists()


def load(path: pathlib.Path, classifier: ImageClassifier, reading: Reading, first: int) -> Images:
    """The images at a path, as a model takes them.

    Args:
        path: What `--data` says.
        classifier: The model.
        reading: How image files are read.
        first: How many predictions are shown.

    Raises:
        Failure: They do not fit the model.
        ValueError: There are none at the path.
    """
    return _of_files(path, classifier, reading, first) if are_files(path) else _of_arrays(path, reading, first)


def _of_files(path: pathlib.Path, classifier: ImageClassifier, reading: Reading, first: int) -> Images:
    from keras_advxai import data

    height, width, channels = pixels_of(classifier, reading.size)
    how: dict[str, Any] = {
        "size": (height, width),
        "crop": reading.crop,
        "interpolation": reading.interpolation,
        "channels": channels,
        "classes": reading.class_names,
        "bounds": classifier.bounds,
        "numbers": classifier.labels == "multi" or classifier.task == "regression",
        "labels": reading.labels,
        "shuffle": True,  # of folders sorted by class, chance and the first images would be of one class
    }
    found = data.load(path, batch_size=reading.batch_size, limit=reading.limit, **how)
    _check_labels(found.labels, classifier.classes)
    look = data.load(path, batch_size=LOOKED_AT, limit=min(LOOKED_AT, reading.limit or LOOKED_AT), **how)
    batch = look[0]
    x, y = batch if look.labels is not None else (batch, None)
    if not len(x):
        reasons = next(iter(look.skipped.values()), "")
        raise Failure(f"None of the first images of {path} can be decoded: {reasons}")
    found.reuse(x, look, 0)  # one decoding for each
    shown, names = x[:first], look.names_of(0)[:first]
    if len(found.names) > len(look.names):  # those above are spread over all of them
        heads = data.load(path, batch_size=first, limit=reading.limit, **how)
        heads.reuse(x, look, 0)
        batch = heads[0]
        first_ones = batch if heads.labels is None else batch[0]
        found.reuse(first_ones, heads, 0)
        if len(first_ones):  # none of them may be an image
            shown, names = first_ones, heads.names_of(0)
    named = reading.class_names
    doubts: tuple[str, ...] = ()
    if named is None and found.class_names is not None:
        if len(found.class_names) == classifier.classes:
            named = found.class_names
        elif not how["numbers"]:
            doubts = (_nameless(found.class_names, classifier.classes),)
            found.class_names = None  # said here, in words of the command line
    return Images(found, names, named, x, shown, y, len(found.names), doubts, look.are_resized)


def _nameless(names: Sequence[str], classes: int) -> str:
    shown = ", ".join(map(shortened, names[:3])) + (" ..." if len(names) > 3 else "")
    return (
        f"The images are of {len(names)} class{'es' * (len(names) > 1)}, {shown}, and the model has {classes}, so that "
        "nobody knows which of its classes these are. Pass --class-names with the names of all, in the model's order, "
        "or name folders and labels by the numbers of the classes."
    )


def _of_arrays(path: pathlib.Path, reading: Reading, first: int) -> Images:
    import numpy as np
    import tensorflow as tf

    from keras_advxai import data

    found = data.load(path, batch_size=reading.batch_size, labels=reading.labels)
    limit = reading.limit
    if isinstance(found, tf.data.Dataset):
        if limit is not None:
            found = found.unbatch().take(limit).batch(reading.batch_size)
        batch = next(iter(found), None)
        if batch is None:
            raise Failure(f"There are no images in {path}.")
        x, y = batch[:2] if isinstance(batch, tuple) else (batch, None)
        x, y = x.numpy(), None if y is None else y.numpy()
    else:
        x, y = found if isinstance(found, tuple) else (found, None)
        if limit is not None:
            chosen = np.arange(min(limit, len(x))) * len(x) // min(limit, len(x))  # uniformly spread, as of files
            x, y = x[chosen], None if y is None else y[chosen]
            found = x if y is None else (x, y)
    count = None if isinstance(found, tf.data.Dataset) else len(x)
    labels = None if y is None else y[:LOOKED_AT]
    return Images(found, (), reading.class_names, x[:LOOKED_AT], x[:first], labels, count)


def left_out(data: Any) -> dict[str, str]:
    """The files that could not be decoded, with the reasons.

    Args:
        data: The data.
    """
    return dict(getattr(data, "skipped", {}))


def say_left_out(console: Console, skipped: dict[str, str]) -> None:
    """Name the files that could not be decoded: the first ten, and how many there are.

    Args:
        console: Where it is said.
        skipped: File to reason.
    """
    for name, reason in list(skipped.items())[:_NAMED]:
        console.warn(f"{printable(name)} was left out: {reason}")
    if len(skipped) > 1:
        console.warn(f"{len(skipped)} files were left out{', of which these are the first' * (len(skipped) > _NAMED)}.")


def pixels_of(classifier: ImageClassifier, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Height, width and channels of the image files for a model.

    Args:
        classifier: The model.
        size: What `--size` says; `None` for what the model takes.

    Raises:
        Failure: The model takes other images, or any.
    """
    shape = classifier.image_shape
    if shape is not None and len(shape) != 3:
        raise Failure(f"The model takes inputs of shape {shape}, which are no images. Pass arrays, in an .npz file.")
    if shape is not None and shape[0] in (1, 3) and shape[-1] not in (1, 3, None):
        raise Failure(f"The model takes images with the channels first, {shape}. Pass arrays, in an .npz file.")
    takes = (None, None, 3) if shape is None else tuple(shape)
    if size is None:
        if takes[0] is None or takes[1] is None:
            raise Failure("The model takes images of any size. Pass --size, such as --size 224.")
        size = takes[0], takes[1]
    if any(wanted is not None and wanted != given for wanted, given in zip(takes, size, strict=False)):
        raise Failure(f"--size {size[0]}x{size[1]} does not fit the model, which takes {takes[0]}x{takes[1]}.")
    channels = 3 if takes[2] is None else takes[2]
    if channels not in (1, 3):
        raise Failure(
            f"The model takes images with {channels} channels, which no file has. Pass arrays, in an .npz file."
        )
    return size[0], size[1], channels


def _check_labels(labels: Any, classes: int) -> None:
    if labels is None:
        return
    if labels.ndim > 1:
        if labels.shape[1] != classes:
            raise Failure(
                "Behind each path in the table there must be a number for each output of the model, "
                f"{classes} in all. Received: {labels.shape[1]}"
            )
        return
    largest = int(labels.max())
    if largest >= classes:
        raise Failure(
            f"The labels reach class {largest}, and the model has {classes} classes, 0 to {classes - 1}. Labels that "
            "are names are numbered in alphabetical order, unless --class-names gives the order of the model."
        )
