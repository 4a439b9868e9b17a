"""What was measured, image by image: as dictionaries, and as a table for files."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_advxai._files import write_atomically
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.quantity import QUANTITIES
from keras_advxai.measurements.sample_tables import sample_tables
from keras_advxai.tables import to_csv
from keras_advxai.tables.contents import written
from keras_advxai.tables.parquet import to_parquet


class Samples(Sequence[dict[str, Any]]):
    r"""What was measured, image by image: a sequence of one dictionary for each.

    As a table it has a line for each image under each condition, the clean one, each attack at each epsilon, and each
    corruption at each severity, with a column for these where there are some. Its columns are the quantities, followed
    by the labels of their further dimensions in brackets, such as `dissimilarity[nissim, grad_cam, predicted]`.

    Args:
        measurements: The measurements.
        labelled: Whether the data had labels. Without, `label` is `None`, and empty in files: the measurements have the
            clean prediction there, which whoever reads a table takes for the truth. Defaults to `True`.

    Example:

    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> from keras_advxai.measurements.samples import Samples
    >>> known = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(known, name=["a.png", "b.png"], label=[1, 0], prediction=[[1, 0], [0, 0]])
    >>> print(*(line[:30] for line in Samples(found).to_csv().splitlines()), sep="\n")
    index,name,label,saturated,att
    0,a.png,1,False,clean,,1,,,,
    0,a.png,1,False,fgsm,0.1,0,,,F
    1,b.png,0,False,clean,,0,,,,
    1,b.png,0,False,fgsm,0.1,0,,,F
    """

    def __init__(self, measurements: Measurements, labelled: bool = True) -> None:
        self._measurements = measurements
        self._unknown = () if labelled else ("label",)

    def __len__(self) -> int:
        return len(self._measurements)

    def __getitem__(self, index: Any) -> Any:
        """What was measured of one image, by quantity: a number, or dictionaries of numbers by label.

        Raises:
            TypeError: The index is no whole number.
            IndexError: There is no such image.
        """
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(
                f"Samples are the {len(self)} images, by number. A quantity of all of them is "
                f"report.measurements.at(name, ...). Received: samples[{index!r}]"
            ) from None
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self)} images. Received: index={index}")
        found = self._measurements
        values = {
            name: _by_label(found.coordinates, QUANTITIES[name].dims[:-1], array[..., index])
            for name, array in found.arrays.items()
        }
        values |= dict.fromkeys(self._unknown)
        return {"index": index % len(self), **values}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, escape_formulas: bool = False) -> str:
        """The table as comma-separated values, also written to `path` if one is given, whole or not at all.

        What is not known or not measured is empty, infinity is `inf`, and numbers have all their digits. Names stand
        there as they are, so that programs find the files again. A spreadsheet computes those that begin with `=`, `+`,
        `-` or `@`, which whoever names the images may use: for one, pass `escape_formulas=True`.

        Args:
            path: The file. Defaults to `None`, none.
            escape_formulas: Whether such texts get an apostrophe in front, and with it those that begin with
                apostrophes and such a sign: taking one away brings each back. Numbers stay as they are. Defaults to
                `False`.

        Raises:
            OSError: It cannot be written.
            TypeError: `escape_formulas` is something else.
        """
        return written(to_csv(sample_tables(self._measurements, self._unknown), escape_formulas=escape_formulas), path)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """The table as Parquet, which is smaller, keeps the types, and is read by pandas, DuckDB, R and others.

        Args:
            path: The file. It appears whole or not at all.

        Raises:
            ImportError: pyarrow is not installed.
            OSError: It cannot be written.
        """
        write_atomically(path, to_parquet(sample_tables(self._measurements, self._unknown)))


def _by_label(known: Coordinates, dims: Sequence[str], values: np.ndarray) -> Any:
    """The values of one image in dictionaries by the labels of their dimensions, the clean ones under `"clean"`."""
    if not dims:
        return values.item()
    if dims[0] != "condition":
        parts = zip(known.labels(dims[0]), values, strict=True)
        return {label: _by_label(known, dims[1:], part) for label, part in parts}
    # It is the last dimension but the image's; see `Quantity.gather`.
    found = {"clean": values[0].item()}
    for attack in known.attacks:
        found[attack] = dict(zip(known.epsilons, values[known.conditions(attack)].tolist(), strict=True))
    for corruption in known.corruptions:
        under = values[known.corrupted_conditions(corruption)].tolist()
        found[corruption] = dict(zip(known.severities, under, strict=True))
    return found
