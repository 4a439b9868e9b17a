"""Reports as compact files of arrays. Whatever is read is held against the schema."""

from __future__ import annotations

import io
import json
import math
import os
import pathlib
import zipfile
from typing import Any

import numpy as np

from keras_advxai._files import write_atomically
from keras_advxai.measurements import storage
from keras_advxai.measurements.limits import check_limits
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
    schema_of,
)

_HEADER = "header.json"
_LARGEST_HEADER = 2**26  # bytes; layers and versions of the largest models take a thousandth of that
_NPY_HEADER = 1024  # bytes; NumPy writes 128
_SMALL = 2**30  # bytes of arrays that any file may hold; with more, it must be a hundredth of them itself
_DENSEST = 100
_LEVEL = 1  # 4, as it was, takes a third longer, and files of 100,000 images are a hundredth smaller


def save(path: str | os.PathLike[str], parts: Parts) -> None:
    """Write a report as one compressed file, an `.npz` that NumPy opens, with a JSON header.

    Zip and NumPy's own format need nothing but NumPy to be read, anywhere and for ever; Parquet, the alternative,
    would bring a dependency larger than this package.

    Args:
        path: The file. It appears whole or not at all.
        parts: The report.

    Raises:
        OSError: It cannot be written.
    """
    found, provenance, findings = parts
    header = {
        "schema": schema_of(found),
        "provenance": provenance,
        "warnings": [finding.to_dict() for finding in findings],
        "measurements": coordinates_config(found),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        archive.writestr(_HEADER, json.dumps(header, indent=1, allow_nan=False))
        for name, array in found.arrays.items():
            content = io.BytesIO()
            stored = np.ascontiguousarray(array, _stored_type(array.dtype))
            np.lib.format.write_array(content, stored, version=(1, 0), allow_pickle=False)
            archive.writestr(f"{name}.npy", content.getvalue())
    write_atomically(path, buffer.getvalue())


def load(path: str | os.PathLike[str]) -> Parts:
    """What `save` wrote, or the JSON of a report.

    Raises:
        OSError: There is no such file.
        ValueError: It is something else, or something in it does not fit; the message names the field.
    """
    content = pathlib.Path(path).read_bytes()
    if content.lstrip()[:1] == b"{":
        return storage.from_config(storage.read_json(pathlib.Path(path)))
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:  # zipfile's, struct's and Python's own, according to what was damaged
        raise ValueError(f"The file {os.fspath(path)!r} is not a report: {reason(error)}") from error
    with archive:
        return _from_archive(archive, len(content))


def _from_archive(archive: zipfile.ZipFile, bytes_on_disk: int) -> Parts:
    names = archive.namelist()
    if _HEADER not in names or len(set(names)) < len(names):
        raise ValueError(f"The file must hold {_HEADER!r} and the arrays, once each. Received: {shown(names)}")
    header = as_dictionary("header", _header(archive))
    schema = header.get("schema")
    if type(schema) is not int or not OLDEST <= schema <= SCHEMA:
        raise ValueError(
            f"The report is of `schema` {shown(schema)}, and this version of keras-advxai reads files of schema "
            f"{OLDEST} and {SCHEMA}. Read it with the version that wrote it."
        )
    stored = as_dictionary("measurements", header.get("measurements"))
    coordinates, images = read_coordinates(stored)
    others = [name for name in names if name != _HEADER]
    strangers = [name for name in others if not name.endswith(".npy")]
    if strangers:
        raise ValueError(f"The entry {shown(strangers[0])} does not belong into a report.")
    items = known_quantities({name.removesuffix(".npy"): name for name in others})
    shapes = {name: item.shape(coordinates, images) for name, item in items.items()}
    total = sum(_bytes(archive, item, shapes[name]) for name, item in items.items())
    if total > max(_SMALL, _DENSEST * bytes_on_disk):
        raise ValueError(f"`measurements` would take {total} bytes, which do not fit into a file of {bytes_on_disk}.")
    arrays = {
        name: check_limits(_array(archive, item, shapes[name]), item, coordinates) for name, item in items.items()
    }
    return read_parts(header, coordinates, arrays)


def _header(archive: zipfile.ZipFile) -> Any:
    try:
        return parse_json(_member(archive, _HEADER, _LARGEST_HEADER).decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"The header is not that of a report: {reason(error)}") from error


def _array(archive: zipfile.ZipFile, item: Quantity, shape: tuple[int, ...]) -> np.ndarray:
    """The array of one quantity, if it is what the coordinates say."""
    dtype = _stored_type(item.dtype)
    content = _member(archive, f"{item.name}.npy", _bytes(archive, item, shape) + _NPY_HEADER)
    stream = io.BytesIO(content)
    try:
        # Before anything is allocated: a few bytes can say that an array has terabytes.
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("its format is another one")
        found = np.lib.format.read_array_header_1_0(stream)
        if item.is_text and found[2].kind == "U":
            dtype = _stored_type(found[2])  # as wide as the longest string in it
        if found != (shape, False, dtype):
            raise ValueError(f"it must be {item.dtype} of the shape {shape}, and is {found[2]} of {found[0]}")
        array = np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)
    except Exception as error:  # NumPy's, ast's and Python's own, according to what was damaged
        raise ValueError(f"`measurements.{item.name}` does not fit: {reason(error)}") from error
    return array.astype(item.dtype)


def _bytes(archive: zipfile.ZipFile, item: Quantity, shape: tuple[int, ...]) -> int:
    """How many bytes an array has; of strings, of which the file knows how long they are, how many it says."""
    if item.is_text:
        return archive.getinfo(f"{item.name}.npy").file_size
    return math.prod(shape) * np.dtype(item.dtype).itemsize


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """One file of an archive, if it is no larger than it can be."""
    info = archive.getinfo(name)
    if info.file_size > most:
        raise ValueError(f"The entry {name!r} has {info.file_size} bytes, and at most {most} belong there.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"The entry {name!r} is compressed in another way than by deflate.")
    try:
        with archive.open(info) as member:
            return member.read(most + 1)  # of what inflates to more than it says, no more than this is inflated
    except Exception as error:  # zlib's, zipfile's and Python's own, according to what was damaged
        raise ValueError(f"The entry {name!r} is damaged: {reason(error)}") from error


def _stored_type(dtype: Any) -> np.dtype[Any]:
    """The type on disk, whose bytes are in the same order on every machine."""
    stored: np.dtype[Any] = np.dtype(dtype).newbyteorder("<")
    return stored
