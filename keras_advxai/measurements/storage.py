"""Reports as JSON. Whatever is read is held against the schema."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_advxai.measurements import older_schema
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.limits import check_limits
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.quantity import Quantity
from keras_advxai.measurements.reading import as_dictionary, parse_json, reason, shown
from keras_advxai.measurements.schema import (
    OLDEST,
    SCHEMA,
    Parts,
    coordinates_config,
    known_quantities,
    read_coordinates,
    read_parts,
)


def to_config(found: Measurements) -> dict[str, Any]:
    """Measurements as plain lists and dictionaries, with `None` for NaN and infinity, which JSON does not have."""
    return {**coordinates_config(found), "quantities": {name: plain(array) for name, array in found.arrays.items()}}


def from_config(config: Any) -> Parts:
    """What a report is made of, from the dictionary that its `to_dict` returned.

    Raises:
        ValueError: It is no such dictionary, it is of a newer schema, or something in it does not fit; the message
            names the field.
    """
    config = as_dictionary("report", config)
    schema = config.get("schema", 1)
    # Version 0.1 wrote no number; what has neither is no report of ours.
    if "schema" not in config and "samples" in config:
        config = older_schema.upgraded(config)
    elif type(schema) is not int or schema < OLDEST:
        raise ValueError(f"`schema` must be an integer from {OLDEST}. Received: {shown(config.get('schema'))}")
    elif schema > SCHEMA:
        raise ValueError(
            f"The report is of `schema` {shown(schema)}, and this version of keras-advxai reads schemas up to "
            f"{SCHEMA}. Install the version that wrote it, or a newer one."
        )
    stored = as_dictionary("measurements", config.get("measurements"))
    coordinates, images = read_coordinates(stored)
    values = as_dictionary("measurements.quantities", stored.get("quantities"))
    arrays = {}
    for name, item in known_quantities(values).items():
        rows = array_of_lists(values[name], item, coordinates, images)
        arrays[name] = check_limits(rows, item, coordinates)
    return read_parts(config, coordinates, arrays)


def to_json(config: Mapping[str, Any]) -> str:
    """A dictionary as JSON, with its entries, and the quantities and rows in them, on lines of their own."""

    def lines(value: Any, depth: int) -> str:
        # The standard library's indentation writes each number on a line of its own, and takes ten times as long.
        inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
        if isinstance(value, dict) and value and depth < 3:
            rows = (f"{json.dumps(str(key))}: {lines(item, depth + 1)}" for key, item in value.items())
            return "{" + inner + ("," + inner).join(rows) + outer + "}"
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return "[" + inner + ("," + inner).join(json.dumps(item, allow_nan=False) for item in value) + outer + "]"
        return json.dumps(value, allow_nan=False)

    return lines(dict(config), 0) + "\n"


def read_json(source: str | os.PathLike[str]) -> Any:
    """What is in a JSON text, or in the file of that path.

    Raises:
        OSError: There is no such file.
        ValueError: It is not JSON.
    """
    is_text = isinstance(source, str) and (source.lstrip().startswith("{") or "\n" in source.strip())
    try:
        text = source if isinstance(source, str) and is_text else pathlib.Path(source).read_text(encoding="utf-8")
        return parse_json(text)
    except ValueError as error:
        where = "The text" if is_text else f"The file {os.fspath(source)!r}"
        raise ValueError(f"{where} is not the JSON of a report: {reason(error)}") from error


_TYPES: dict[str, set[type]] = {"i": {int}, "b": {bool}, "f": {float, int, type(None)}, "U": {str}}


def array_of_lists(value: Any, item: Quantity, coordinates: Coordinates, images: int) -> np.ndarray:
    """An array of nested lists, whose lengths and types are looked at one by one: NumPy would take `"1"` and `true`.

    Args:
        value: The lists.
        item: The quantity that they are of.
        coordinates: The labels along its dimensions.
        images: How many images there are.

    Raises:
        ValueError: They have another shape or hold something else.
    """
    shape, allowed = item.shape(coordinates, images), _TYPES[np.dtype(item.dtype).kind]

    def check(part: Any, sides: tuple[int, ...]) -> None:
        if not isinstance(part, list) or len(part) != sides[0]:
            found = f"{len(part)} entries" if isinstance(part, list) else shown(part)
            raise ValueError(f"`measurements.{item.name}` must be a list of the shape {shape}. Received: {found}")
        if len(sides) > 1:
            for inner in part:
                check(inner, sides[1:])
        elif not set(map(type, part)) <= allowed:
            wrong = next(entry for entry in part if type(entry) not in allowed)
            raise ValueError(f"`measurements.{item.name}` must hold {item.dtype}. Received: {shown(wrong)}")

    check(value, shape)
    try:
        with np.errstate(over="ignore"):
            array = np.array(value, item.dtype).reshape(shape)
    except OverflowError as error:
        raise ValueError(f"`measurements.{item.name}` must hold {item.dtype}: {reason(error)}") from error
    if item.is_text and array.tolist() != value:  # NumPy takes a NUL at the end for none
        raise ValueError(f"`measurements.{item.name}` must hold text without control characters.")
    if array.dtype.kind != "f":
        return array
    if np.isinf(array).any():  # such as 1e999, which Python takes for infinity
        raise ValueError(f"`measurements.{item.name}` must hold numbers of {item.dtype}. Received: one larger than any")
    # JSON has no infinity: of a distance, nothing found is written as null.
    return np.where(np.isnan(array), np.asarray(item.null, item.dtype), array)


def plain(array: np.ndarray) -> Any:
    """An array as nested lists, with `None` for NaN and infinity."""
    if array.dtype.kind != "f":
        return array.tolist()
    objects = array.astype("object")  # the one type of array that holds numbers and None
    objects[~np.isfinite(array)] = None
    return objects.tolist()
