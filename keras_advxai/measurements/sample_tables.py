"""What was measured of each image under each condition, as a table."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.quantity import QUANTITIES, Quantity
from keras_advxai.tables import Column, Table

_AT_ONCE = 2**16
"""So many lines are a table, since each takes a kilobyte until it is written."""

_CONDITION = ("condition", "attack", "epsilon", "corruption", "severity")
"""The dimensions that are lines; others are columns."""


def sample_tables(found: Measurements, unknown: Collection[str] = ()) -> Iterator[Table]:
    """The table in pieces of some images, all with the same columns.

    Args:
        found: The measurements.
        unknown: Quantities of which the measurements have only a stand-in, and the table has nothing. Defaults to none.
    """
    conditions = found.coordinates.size("condition")
    size = max(1, _AT_ONCE // conditions)
    for begin in range(0, len(found), size):
        yield _table(found.select(slice(begin, begin + size)), begin, unknown)


def _table(found: Measurements, first: int, unknown: Collection[str]) -> Table:
    """A line for each image and condition.

    Args:
        found: The measurements of some images.
        first: The number of the first of them.
        unknown: Quantities that the table does not have.
    """
    known = found.coordinates
    levels: list[tuple[str, float | None, int | None]] = [("clean", None, None)]
    levels += [(attack, epsilon, None) for attack, epsilon in itertools.product(known.attacks, known.epsilons)]
    levels += [(name, None, severity) for name, severity in itertools.product(known.corruptions, known.severities)]
    shape = (len(levels), len(found))
    attacks, epsilons, severities = zip(*levels, strict=True)
    of_severity = (Column("severity", dtype="int64"), np.broadcast_to(np.array(severities, "O")[:, None], shape))
    of_image: list[tuple[Column, np.ndarray]] = []
    of_condition: list[tuple[Column, np.ndarray]] = []
    for name, array in found.arrays.items():
        item = QUANTITIES[name]
        pieces = _pieces(item, array, known, shape)
        if name in unknown:
            pieces = ((column, np.full(shape, None, "O")) for column, _ in pieces)
        (of_condition if set(item.dims) & set(_CONDITION) else of_image).extend(pieces)
    columns = [
        (Column("index", dtype="int64"), np.broadcast_to(np.arange(first, first + len(found)), shape)),
        *of_image,
        (Column("attack"), np.broadcast_to(np.array(attacks, "O")[:, None], shape)),
        (Column("epsilon", dtype="float64"), np.broadcast_to(np.array(epsilons, "O")[:, None], shape)),
        *([of_severity] if known.corruptions else []),
        *of_condition,
    ]
    table = Table(column for column, _ in columns)
    # The conditions of one image below one another.
    for values in zip(*(array.T.ravel() for _, array in columns), strict=True):
        table.add(*values)
    return table


def _pieces(
    item: Quantity, array: np.ndarray, known: Coordinates, shape: tuple[int, int]
) -> Iterator[tuple[Column, np.ndarray]]:
    """The columns of a quantity, each with its values `(conditions, images)`, `None` where there are none."""
    others = [dim for dim in item.dims[:-1] if dim not in _CONDITION]
    array = np.moveaxis(array, [item.dims.index(dim) for dim in others], range(len(others)))
    for place in np.ndindex(*(known.size(dim) for dim in others)):
        labels = [str(known.labels(dim)[index]) for dim, index in zip(others, place, strict=True)]
        key = f"{item.name}[{', '.join(labels)}]" if labels else item.name
        yield Column(key, dtype=item.dtype), _by_condition(item, array[place], known, shape)


def _by_condition(item: Quantity, array: np.ndarray, known: Coordinates, shape: tuple[int, int]) -> np.ndarray:
    if "condition" in item.dims or not set(item.dims) & {"attack", "corruption"}:
        return np.broadcast_to(array, shape)
    by_attack: Any = array if {"epsilon", "severity"} & set(item.dims) else array[:, None]
    corrupted = "corruption" in item.dims
    names, levels = (known.corruptions, known.severities) if corrupted else (known.attacks, known.epsilons)
    attacked = np.broadcast_to(by_attack, (len(names), len(levels), shape[1]))
    first = known.corrupted_conditions().start if corrupted else 1
    found = np.full(shape, None, "O")  # the clean images have none
    for row, values in enumerate(attacked.reshape(-1, shape[1]), first):
        found[row] = np.fromiter(values, "O", shape[1])  # as they are: a float32 of Python has other digits
    return found
