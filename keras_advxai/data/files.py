"""Which image files there are, and what labels they have."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_advxai._choice import nearest
from keras_advxai._warnings import warn
from keras_advxai.data.pictures import ENDINGS
from keras_advxai.text import shortened

_SEPARATORS = (",", ";", "\t")
"""Of the cells of a table: spreadsheets write semicolons where commas are in numbers."""

_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path")
_LABELS = ("label", "labels", "class", "classes", "class_id", "class_name", "category", "target", "targets", "y")
"""How a heading calls the columns."""

_DIGITS = 9
"""As many as the number of a class has at most."""


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files with their labels.

    Attributes:
        paths: Where they are.
        names: What they are called: the path within the folder, or as a table has it.
        labels: Their classes, or the numbers of each; `None` without labels.
        class_names: The names of the classes, or of the numbers, by index; `None` where there are none.
    """

    paths: tuple[pathlib.Path, ...]
    names: tuple[str, ...]
    labels: tuple[Any, ...] | None
    class_names: tuple[str, ...] | None = None

    def first(self, count: int | None) -> Files:
        """At most so many of them, uniformly spread, so that a folder sorted by class gives some of each."""
        if count is None or count >= len(self.paths):
            return self
        return self._at([place * len(self.paths) // count for place in range(count)])

    def shuffled(self, seed: int) -> Files:
        """All of them in an order that is drawn, the same one for a seed."""
        return self._at(np.random.default_rng(seed).permutation(len(self.paths)).tolist())

    def _at(self, places: Sequence[int]) -> Files:
        return Files(
            tuple(self.paths[place] for place in places),
            tuple(self.names[place] for place in places),
            None if self.labels is None else tuple(self.labels[place] for place in places),
            self.class_names,
        )


def in_folder(folder: str | os.PathLike[str], classes: Sequence[str] | None = None, labelled: bool = True) -> Files:
    """The images of a folder: those of its sub-folders, one for each class, or those that lie in it, without labels.

    Args:
        folder: The folder. What lies deeper belongs to the class of the sub-folder right below it. Links are followed,
            each folder once; what is no regular file is passed over.
        classes: The names of the classes in the order of the model's outputs, which the sub-folders are named after.
            Defaults to `None`: sub-folders that are all numbers are the classes of these numbers, and others are
            numbered in alphabetical order, as Keras does.
        labelled: Whether sub-folders are classes. Defaults to `True`; or else all that is below the folder counts.

    Raises:
        ValueError: There are no images, images beside the sub-folders, or a sub-folder that is no class.
    """
    root = pathlib.Path(folder)
    if not labelled:
        anywhere = tuple(_images(root))
        if not anywhere:
            raise ValueError(f"There is no image in {str(root)!r}. Images are files that end in {', '.join(ENDINGS)}.")
        return Files(anywhere, tuple(path.relative_to(root).as_posix() for path in anywhere), None)
    inside = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    by_class = {name: list(_images(root / name)) for name in inside}
    by_class = {name: paths for name, paths in by_class.items() if paths}
    beside = list(_images(root, deep=False))
    if not by_class and not beside:
        raise ValueError(f"There is no image in {str(root)!r}. Images are files that end in {', '.join(ENDINGS)}.")
    if by_class and beside:
        raise ValueError(
            f"In {str(root)!r} there are both images, such as {beside[0].name!r}, and sub-folders with images, such as "
            f"{next(iter(by_class))!r}. Put all images into sub-folders, one for each class, or none of them."
        )
    if not by_class:
        return Files(tuple(beside), tuple(path.name for path in beside), None)
    # Keras counts a folder without images as a class, too; but where classes are named, it may be anything.
    counted = list(by_class) if classes is not None or all(map(_is_number, by_class)) else inside
    every, names = _numbered(counted, classes)
    if names is None and sorted(every) == list(range(len(every))) and every != sorted(every):
        warn(
            f"The folders in {str(root)!r} are numbers, and each is taken for the class of its number. Keras' "
            f"image_dataset_from_directory orders them as texts, {', '.join(counted[:3])} and so on: for a model that "
            "was trained with it, pass `classes`, the names of the folders in that order."
        )
    numbers = [every[counted.index(name)] for name in by_class]
    pairs = [(path, number) for name, number in zip(by_class, numbers, strict=True) for path in by_class[name]]
    return Files(
        tuple(path for path, _ in pairs),
        tuple(path.relative_to(root).as_posix() for path, _ in pairs),
        tuple(number for _, number in pairs),
        names,
    )


def in_table(
    path: str | os.PathLike[str], classes: Sequence[str] | None = None, numbers: bool = False, labelled: bool = True
) -> Files:
    """The images of a CSV file, a line for each: the path, from the folder of the table, and the label.

    Args:
        path: The table, with commas, semicolons or tabs between the cells. A first line of which no file is there is
            a heading; it may name the columns, `path` and `label` (or `file`, `class` and the like), which are else the
            first and the second. Without a second column, there are no labels.
        classes: The names of the classes in the order of the model's outputs. Defaults to `None`: labels that are all
            numbers are classes, and others are numbered in alphabetical order.
        numbers: Whether the label is all that stands behind the path, as numbers, which a heading names. Defaults to
            `False`.
        labelled: Whether there are labels to be read. Defaults to `True`; or else whatever stands behind the path is
            passed over.

    Raises:
        ValueError: A file is not there, a label is missing, no class or no number; the message names the line.
    """
    table = pathlib.Path(path)
    heading, rows = _lines(table)
    if not rows:
        raise ValueError(f"The table {str(table)!r} names no image. Write a path and a label into each line.")
    column = next((index for index, cell in enumerate(heading) if cell.lower() in _LABELS), 0)
    if labelled and not numbers and len(heading) > 1 and heading[column].lower() not in _LABELS:
        raise ValueError(
            f"The heading of {str(table)!r} names several columns beside the path, "
            f"{', '.join(map(shortened, heading))}, and none of them a label: call it label."
        )
    cells = [rest[column] if labelled and column < len(rest) else "" for _, _, rest in rows]
    for (number, name, _), label in zip(rows, cells, strict=True):
        if not os.path.isfile(table.parent / name):  # `Path.is_file` raises where the name is too long to be one
            raise ValueError(
                f"Line {number} of {str(table)!r} names {shortened(name)}, which is no file. A line has the path of an "
                "image, from the folder of the table, and a label; a heading may call the columns path and label."
            )
        if bool(label) != bool(cells[0]):
            raise ValueError(f"Line {number} of {str(table)!r} has {'a' if label else 'no'} label, unlike the first.")
    shown = tuple(name for _, name, _ in rows)
    paths = tuple(table.parent / name for name in shown)
    width = len(rows[0][2])
    if labelled and numbers and any(rows[0][2]):
        values = tuple(_numbers_of(rest, f"Line {number} of {str(table)!r}", width) for number, _, rest in rows)
        names = heading if len(heading) == width and all(heading) else None
        return Files(paths, shown, values, names if classes is None else tuple(classes))
    if not cells[0]:
        return Files(paths, shown, None)
    known = sorted(set(cells))
    try:
        indices, names = _numbered(known, classes)
    except ValueError as error:
        raise ValueError(f"The labels of {str(table)!r} do not fit. {error}") from error
    place = dict(zip(known, indices, strict=True))
    return Files(paths, shown, tuple(place[cell] for cell in cells), names)


def _lines(table: pathlib.Path) -> tuple[tuple[str, ...], list[tuple[int, str, tuple[str, ...]]]]:
    """The heading of a table, but for the path, and of each line its number, the path, and the other cells."""
    try:
        content = table.read_bytes()
        # What spreadsheets call Unicode text, with a mark at its beginning; UTF-8 may have one, too.
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        read = []
        for separator in _SEPARATORS:
            read.append(_of_columns(_rows(text, separator), table.parent))
            found = read[-1][1]
            # By what is there, and not by the signs: the name of a file may have commas.
            if found and os.path.isfile(table.parent / found[0][1]):
                return read[-1]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"The table {str(table)!r} must be comma-separated text in UTF-8: {error}") from error
    return read[0]  # with commas, of which the error is


def _rows(text: str, separator: str) -> list[tuple[int, tuple[str, ...]]]:
    """The cells of each line that has any, with its number."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [(lines.line_num, tuple(map(str.strip, row))) for row in lines if any(map(str.strip, row))]


def _of_columns(
    rows: list[tuple[int, tuple[str, ...]]], folder: pathlib.Path
) -> tuple[tuple[str, ...], list[tuple[int, str, tuple[str, ...]]]]:
    heading: tuple[str, ...] = ()
    path = 0
    # A file that is not there is no heading.
    first = rows[0][1] if rows else ()
    if first and not any(cell.lower().endswith(ENDINGS) or os.path.isfile(folder / cell) for cell in first if cell):
        heading = first
        path = next((index for index, cell in enumerate(heading) if cell.lower() in _PATHS), 0)
        rows = rows[1:]
    # Some lines may be shorter.
    found = [(number, (*row, *[""] * path)[path], (*row[:path], *row[path + 1 :])) for number, row in rows]
    return (*heading[:path], *heading[path + 1 :]), found


def _numbers_of(cells: Sequence[str], where: str, width: int) -> tuple[float, ...]:
    """The numbers beside the path in a line of a table.

    Args:
        cells: The cells of the line, without the path.
        where: What the line is called in messages.
        width: How many the first line has.
    """
    if len(cells) != width:
        raise ValueError(f"{where} has {len(cells) + 1} cells, and the first has {width + 1}.")
    found = []
    for cell in cells:
        try:
            found.append(float(cell))
        except ValueError:
            found.append(math.nan)
        if not math.isfinite(found[-1]):
            raise ValueError(f"{where} has {shortened(cell)}, which is no number.")
    return tuple(found)


def _is_number(name: str) -> bool:
    return name.isdecimal() and name.isascii()


def _is_float(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def _without_point(name: str) -> str:
    """A class that pandas has written as a float, as it does beside empty cells, as a whole number."""
    whole, point, rest = name.partition(".")
    return whole if point and _is_number(whole) and rest and not rest.strip("0") else name


def _numbered(names: Sequence[str], classes: Sequence[str] | None) -> tuple[list[int], tuple[str, ...] | None]:
    """The class of each name, and the names of all classes, if they are known."""
    names = [_without_point(name) for name in names]
    # Numbers that are names of the classes are meant as such: Keras puts the folders 2 and 10 into the order of texts.
    if all(map(_is_number, names)) and not (classes is not None and set(names) <= set(classes)):
        long = [name for name in names if len(name) > _DIGITS]
        if long:
            raise ValueError(f"There is no class {shortened(long[0])}.")
        return [int(name) for name in names], None if classes is None else tuple(classes)
    if classes is None:
        # As texts, -2 would come behind -1, and 0.5 would be class 0.
        if all(map(_is_float, names)):
            odd = next(name for name in names if not _is_number(name))
            raise ValueError(
                f"There is no class {shortened(odd)}: numbers of classes are 0, 1, 2 and so on. Pass `classes`, if it "
                "is a name, or `numbers=True`, if it is a number that the model is to say."
            )
        ordered = sorted(names)
        return [ordered.index(name) for name in names], tuple(ordered)
    known = {name: index for index, name in enumerate(classes)}
    for name in names:
        if name in known and known[name] != classes.index(name):  # ImageNet has two classes of missiles
            both = [str(index) for index, other in enumerate(classes) if other == name]
            raise ValueError(
                f"There are several classes {shortened(name)}: {', '.join(both)}. Name this folder or label by the "
                f"number of the class, such as {both[0]!r}; others may keep their names."
            )
        # Beside names, as of the classes that share one.
        if name not in known and _is_number(name) and len(name) <= _DIGITS:
            known.setdefault(name, int(name))
        if not 0 <= known.get(name, -1) < len(classes):
            raise ValueError(
                f"There is no class {shortened(name)}.{nearest(name, known)} Name the folders or labels after the "
                f"{len(classes)} classes, or by their numbers."
            )
    return [known[name] for name in names], tuple(classes)


def _images(folder: pathlib.Path, deep: bool = True, above: frozenset[str] = frozenset()) -> Iterator[pathlib.Path]:
    """The image files below a folder, in alphabetical order."""
    here = os.path.realpath(folder)
    if here in above:  # a link that leads back up
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if deep:
                yield from _images(pathlib.Path(entry.path), deep, above | {here})
        elif entry.name.lower().endswith(ENDINGS) and entry.is_file():  # no pipe, which nobody would write to
            yield pathlib.Path(entry.path)
