"""Which image files there are, and what labels they have."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from keras_advxai._choice import nearest
from keras_advxai.data.pictures import ENDINGS
from keras_advxai.text import shortened

_SEPARATORS = (",", ";", "\t")
"""Of the cells of a table: spreadsheets write semicolons where commas are in numbers."""

_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path")
_LABELS = ("label", "class", "class_name", "category", "target", "y")
"""How a heading calls the columns."""

_DIGITS = 9
"""As many as the number of a class has at most."""


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files with their labels.

    Attributes:
        paths: Where they are.
        names: What they are called: the path within the folder, or as a table has it.
        labels: Their classes; `None` without labels.
        class_names: The names of the classes by index; `None` where there are none.
    """

    paths: tuple[pathlib.Path, ...]
    names: tuple[str, ...]
    labels: tuple[int, ...] | None
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


def in_folder(folder: str | os.PathLike[str], classes: Sequence[str] | None = None) -> Files:
    """The images of a folder: those of its sub-folders, one for each class, or those that lie in it, without labels.

    Args:
        folder: The folder. What lies deeper belongs to the class of the sub-folder right below it. Links are followed,
            each folder once; what is no regular file is passed over.
        classes: The names of the classes in the order of the model's outputs, which the sub-folders are named after.
            Defaults to `None`: sub-folders that are all numbers are the classes of these numbers, and others are
            numbered in alphabetical order, as Keras does.

    Raises:
        ValueError: There are no images, images beside the sub-folders, or a sub-folder that is no class.
    """
    root = pathlib.Path(folder)
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
    numbers, names = _numbered(list(by_class), classes)
    pairs = [(path, number) for name, number in zip(by_class, numbers, strict=True) for path in by_class[name]]
    return Files(
        tuple(path for path, _ in pairs),
        tuple(path.relative_to(root).as_posix() for path, _ in pairs),
        tuple(number for _, number in pairs),
        names,
    )


def in_table(path: str | os.PathLike[str], classes: Sequence[str] | None = None) -> Files:
    """The images of a CSV file, a line for each: the path, from the folder of the table, and the label.

    Args:
        path: The table, with commas, semicolons or tabs between the cells. A first line of which no file is there is
            a heading; it may name the columns, `path` and `label` (or `file`, `class` and the like), which are else the
            first and the second. Without a second column, there are no labels.
        classes: The names of the classes in the order of the model's outputs. Defaults to `None`: labels that are all
            numbers are classes, and others are numbered in alphabetical order.

    Raises:
        ValueError: A file is not there, a label is missing or no class; the message names the line.
    """
    table = pathlib.Path(path)
    rows = _cells(table)
    if not rows:
        raise ValueError(f"The table {str(table)!r} names no image. Write a path and a label into each line.")
    paths, shown, cells = [], [], []
    for number, name, label in rows:
        paths.append(table.parent / name)
        if not os.path.isfile(paths[-1]):  # `Path.is_file` raises where the name is too long to be one
            raise ValueError(
                f"Line {number} of {str(table)!r} names {shortened(name)}, which is no file. A line has the path of an "
                "image, from the folder of the table, and a label; a heading may call the columns path and label."
            )
        shown.append(name)
        cells.append(label)
        if bool(cells[-1]) != bool(cells[0]):
            raise ValueError(
                f"Line {number} of {str(table)!r} has {'a' if cells[-1] else 'no'} label, unlike the first."
            )
    if not cells[0]:
        return Files(tuple(paths), tuple(shown), None)
    known = sorted(set(cells))
    try:
        numbers, names = _numbered(known, classes)
    except ValueError as error:
        raise ValueError(f"The labels of {str(table)!r} do not fit. {error}") from error
    place = dict(zip(known, numbers, strict=True))
    return Files(tuple(paths), tuple(shown), tuple(place[cell] for cell in cells), names)


def _cells(table: pathlib.Path) -> list[tuple[int, str, str]]:
    """The number of each line of a table, with the path and the label in it, which may be empty."""
    try:
        text = table.read_text(encoding="utf-8-sig")
        first = None
        for separator in _SEPARATORS:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines if any(map(str.strip, row))]
            found = _of_columns(rows, table.parent)
            # By what is there, and not by the signs: the name of a file may have commas.
            if found and os.path.isfile(table.parent / found[0][1]):
                return found
            first = found if first is None else first
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"The table {str(table)!r} must be comma-separated text in UTF-8: {error}") from error
    return first or []  # with commas, of which the error is


def _of_columns(rows: list[tuple[int, list[str]]], folder: pathlib.Path) -> list[tuple[int, str, str]]:
    """Path and label of each line below the heading, if there is one."""
    path, label = 0, 1
    if rows and not os.path.isfile(folder / rows[0][1][0]):
        heading = [cell.lower() for cell in rows[0][1]]
        path = next((index for index, cell in enumerate(heading) if cell in _PATHS), 0)
        others = [index for index in range(len(heading)) if index != path]
        label = next((index for index in others if heading[index] in _LABELS), next(iter(others), 1))
        rows = rows[1:]
    whole = [(number, row + [""] * (1 + max(path, label))) for number, row in rows]  # some lines may be shorter
    return [(number, row[path], row[label]) for number, row in whole]


def _numbered(names: Sequence[str], classes: Sequence[str] | None) -> tuple[list[int], tuple[str, ...] | None]:
    """The class of each name, and the names of all classes, if they are known."""
    if all(name.isdecimal() and name.isascii() for name in names):
        long = [name for name in names if len(name) > _DIGITS]
        if long:
            raise ValueError(f"There is no class {shortened(long[0])}.")
        return [int(name) for name in names], None if classes is None else tuple(classes)
    if classes is None:
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
        if name not in known and name.isdecimal() and name.isascii() and len(name) <= _DIGITS:
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
