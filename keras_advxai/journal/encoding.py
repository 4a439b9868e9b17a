"""A part of an evaluation as bytes, and back. Whatever is read is held against the schema."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.limits import check_limits
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import MOMENTS, Part
from keras_advxai.measurements.quantity import QUANTITIES
from keras_advxai.measurements.reading import as_dictionary, parse_json, reason, shown
from keras_advxai.measurements.schema import coordinates_config, known_quantities, read_coordinates
from keras_advxai.measurements.storage import array_of_lists

_LENGTH = struct.Struct("<I")
_ENTRIES = {"first", "shape", "data", "measurements", "quantities", "texts", "arriving", "pictures", "examples"}
_LATER_ENTRIES = {"probabilities"}
"""What journals lack that an older version wrote."""
_PLACES = ("attack", "explainer", "epsilon")
_WHOLE = ("index", "label", "prediction", "adversarial_prediction")
_PICTURES = ("image", "adversarial", "heatmap", "adversarial_heatmap")
_PROBABILITIES = ("probabilities", "adversarial_probabilities")
_REAL = ("confidence", "adversarial_confidence", "dissimilarity")
_PICTURE_TYPES = ("<f2", "<f4", "<f8")
_DIGEST = 64  # characters of a SHA-256


def encoded(part: Part, data: str) -> bytes:
    """A part as bytes: a length, JSON, and the arrays one behind the other.

    Args:
        part: The part, of which the last heatmaps are left out.
        data: The hash of all data up to its last image.
    """
    found, pictures = part.measurements, _Pictures()
    rows = [pictures.row(example, found.coordinates) for example in part.examples]
    probabilities = [pictures.probabilities(example) for example in part.examples]
    known = part.arriving
    arrays = [
        *(array for name, array in found.arrays.items() if not QUANTITIES[name].is_text),
        *([] if known is None else [np.asarray(known[name], "<f4") for name in MOMENTS]),
        np.array([whole for whole, _ in rows], "<i8"),
        np.array([real for _, real in rows], "<f8"),
        *pictures.arrays,
    ]
    header = {
        "first": part.first,
        "shape": list(part.shape),
        "data": data,
        "measurements": coordinates_config(found),
        "quantities": list(found.arrays),
        "texts": {name: array.tolist() for name, array in found.arrays.items() if QUANTITIES[name].is_text},
        "arriving": None if known is None else len(known["mean"]),
        "pictures": [[_little(item).dtype.str, list(item.shape)] for item in pictures.arrays],
        "examples": len(rows),
        "probabilities": probabilities,
    }
    text = json.dumps(header).encode("utf-8")
    return b"".join((_LENGTH.pack(len(text)), text, *(_little(item).tobytes() for item in arrays)))


def decoded(content: bytes) -> tuple[Part, str]:
    """What `encoded` wrote: the part, and the hash of the data up to its last image.

    Raises:
        ValueError: It is something else, or something in it does not fit; the message names the field.
    """
    header, body = _split(content)
    first = _whole("first", header.get("first"), 2**40)
    shape = _shape("shape", header.get("shape"))
    data = header.get("data")
    if not isinstance(data, str) or len(data) != _DIGEST:
        raise ValueError(f"`data` must be a SHA-256. Received: {shown(data)}")
    coordinates, images = read_coordinates(as_dictionary("measurements", header.get("measurements")))
    names = header.get("quantities")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(f"`quantities` must be different names. Received: {shown(names)}")
    texts = as_dictionary("texts", header.get("texts"))
    items = known_quantities(dict.fromkeys(names))
    if set(texts) != {name for name, item in items.items() if item.is_text}:
        raise ValueError(f"`texts` must be the quantities that are strings. Received: {shown(sorted(texts))}")
    arrays = {}
    for name, item in items.items():
        if item.is_text:
            array = array_of_lists(texts[name], item, coordinates, images)
        else:
            array = body.take(f"measurements.{name}", item.dtype, item.shape(coordinates, images))
        arrays[name] = check_limits(array, item, coordinates)
    found = Measurements(coordinates, arrays)
    arriving = None
    if header.get("arriving") is not None:
        channels = _whole("arriving", header["arriving"], 2**31)
        arriving = {name: body.take("arriving", "float32", (channels,)) for name in MOMENTS}
    count = _whole("examples", header.get("examples"), 2**31)
    whole = body.take("examples", "int64", (count, len(_PLACES) + len(_WHOLE) + len(_PICTURES)))
    real = body.take("examples", "float64", (count, len(_REAL)))
    pictures = [body.take("pictures", *_type_and_shape(item)) for item in _list("pictures", header.get("pictures"))]
    body.check_end()
    places = _list("probabilities", header.get("probabilities", [[None, None]] * count))
    if len(places) != count:
        raise ValueError(f"`probabilities` must be of {count} examples. Received: those of {len(places)}")
    part = Part(first, shape, found, (), arriving, {})
    rows = zip(whole.tolist(), real.tolist(), places, strict=True)
    examples = tuple(_example(row, part, pictures) for row in rows)
    return dataclasses.replace(part, examples=examples), data


class _Pictures:
    """The arrays of examples, each once: all explainers and epsilons of an image share the original."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self._known: dict[int, int] = {}

    def row(self, example: Example, known: Coordinates) -> tuple[list[int], list[float]]:
        """An example as whole and as real numbers."""
        attacks, explainers, _ = _labels(known)
        places = [attacks.index(example.attack), explainers.index(example.explainer)]
        # An epsilon may be 1, as a severity.
        severity = example.severity
        if severity is None:
            places.append(known.epsilons.index(example.epsilon))
        else:
            places.append(len(known.epsilons) + known.severities.index(severity))
        whole = [getattr(example, name) for name in _WHOLE]
        pictures = [self._place(getattr(example, name)) for name in _PICTURES]
        return [*places, *whole, *pictures], [getattr(example, name) for name in _REAL]

    def probabilities(self, example: Example) -> list[int | None]:
        """Where the probabilities of an example lie; `None` for those that it has not."""
        found = [getattr(example, name) for name in _PROBABILITIES]
        return [None if array is None else self._place(array) for array in found]

    def _place(self, array: np.ndarray) -> int:
        if id(array) not in self._known:  # which the examples keep alive, so that no id is given out again
            self._known[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return self._known[id(array)]


class _Body:
    """The bytes behind the JSON, from which arrays are taken one by one."""

    def __init__(self, content: bytes, offset: int) -> None:
        self._content = content
        self._offset = offset

    def take(self, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        """The next array, which is one's own."""
        stored = np.dtype(dtype).newbyteorder("<")
        count = math.prod(shape)
        if count * stored.itemsize > len(self._content) - self._offset:
            raise ValueError(f"`{name}` must have the shape {shown(shape)}, and the record ends before.")
        found = np.frombuffer(self._content, stored, count, self._offset).reshape(shape)
        self._offset += count * stored.itemsize
        return found.astype(dtype)

    def check_end(self) -> None:
        """Raise if something is left."""
        if self._offset != len(self._content):
            raise ValueError(f"`pictures` must end the record, and {len(self._content) - self._offset} bytes follow.")


def _split(content: bytes) -> tuple[Mapping[str, Any], _Body]:
    end = _LENGTH.size + (_LENGTH.unpack_from(content)[0] if len(content) >= _LENGTH.size else 0)
    try:
        if end > len(content) or end == _LENGTH.size:
            raise ValueError("it ends before")
        header = parse_json(content[_LENGTH.size : end].decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"The header of the part is not JSON: {reason(error)}") from error
    header = as_dictionary("part", header)
    if set(header) - _LATER_ENTRIES != _ENTRIES:
        raise ValueError(f"`part` must have {', '.join(sorted(_ENTRIES))}. Received: {shown(sorted(header))}")
    return header, _Body(content, end)


def _example(row: tuple[Sequence[int], Sequence[float], Any], part: Part, pictures: Sequence[np.ndarray]) -> Example:
    """The example that a row describes: whole numbers, real ones, and where its probabilities lie."""
    whole, real, probabilities = row
    known = part.measurements.coordinates
    values: dict[str, Any] = dict(zip((*_PLACES, *_WHOLE, *_PICTURES), whole, strict=True))
    labels_of = dict(zip(_PLACES, _labels(known), strict=True))
    ends = {dim: range(len(labels)) for dim, labels in labels_of.items()} | {
        name: range(len(pictures)) for name in _PICTURES
    }
    classes = range(-1, known.classes)
    ends |= {"index": range(part.first, part.end), "label": classes}
    ends |= {"prediction": classes, "adversarial_prediction": classes}
    for name, value in values.items():
        if value not in ends[name]:
            raise ValueError(
                f"`examples.{name}` must lie in {ends[name].start}..{ends[name].stop - 1}. Received: {value}"
            )
    labels = {dim: labels_of[dim][values[dim]] for dim in _PLACES}
    corrupted = known.is_corruption(labels["attack"])
    if corrupted != (values["epsilon"] >= len(known.epsilons)):
        raise ValueError("`examples.epsilon` must be that of an attack, or the severity of a corruption.")
    if corrupted:
        labels |= {"severity": labels["epsilon"], "epsilon": math.nan}
    arrays = {name: pictures[values[name]] for name in _PICTURES}
    for name, array in arrays.items():
        if array.ndim != (2 if "heatmap" in name else 3):
            raise ValueError(f"`examples.{name}` has the shape {array.shape}, which is that of something else.")
    arrays |= _probabilities(probabilities, pictures, known.classes)
    name = str(part.measurements.at("name")[values["index"] - part.first])
    return Example(**values | labels | arrays | dict(zip(_REAL, real, strict=True)), name=name)


def _probabilities(places: Any, pictures: Sequence[np.ndarray], classes: int) -> dict[str, np.ndarray]:
    """The probabilities of an example, as far as there are any, of where they lie among the pictures."""
    if not isinstance(places, list) or len(places) != len(_PROBABILITIES):
        raise ValueError(f"`probabilities` must have two places for each example. Received: {shown(places)}")
    found = {}
    for name, place in zip(_PROBABILITIES, places, strict=True):
        if place is None:
            continue
        found[name] = pictures[_whole("probabilities", place, len(pictures))]
        if found[name].shape != (classes,):
            raise ValueError(f"`examples.{name}` must be of {classes} classes. Received: {found[name].shape}")
    return found


def _labels(known: Coordinates) -> tuple[tuple[Any, ...], ...]:
    """The labels that `_PLACES` are places among: behind those of attacks stand those of corruptions."""
    return (*known.attacks, *known.corruptions), known.explainers, (*known.epsilons, *known.severities)


def _little(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"`{name}` must be a list. Received: {shown(value)}")
    return value


def _whole(name: str, value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value < most:
        raise ValueError(f"`{name}` must be an integer from 0. Received: {shown(value)}")
    return value


def _shape(name: str, value: Any) -> tuple[int, ...]:
    if len(_list(name, value)) > 8:
        raise ValueError(f"`{name}` must have at most 8 sides. Received: {shown(value)}")
    return tuple(_whole(name, side, 2**31) for side in value)


def _type_and_shape(item: Any) -> tuple[str, tuple[int, ...]]:
    if not isinstance(item, list) or len(item) != 2 or item[0] not in _PICTURE_TYPES:
        raise ValueError(f"`pictures` must hold types and shapes. Received: {shown(item)}")
    return item[0], _shape("pictures", item[1])
