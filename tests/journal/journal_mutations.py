"""Journals as somebody might have changed them, or a disk: seeded mutations of bytes, records and what is in them."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import random
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "measurements"))

from made_measurements import COORDINATES, make_measurements
from mutations import _CHANGES, NASTY

from keras_advxai.journal.encoding import encoded
from keras_advxai.journal.record_file import HEAD_BYTES, MAGIC, framed
from keras_advxai.measurements import Example
from keras_advxai.measurements.part import Part

IDENTITY = {
    "weights": {"0: kernel (3, 3)": "a" * 64, "1: bias (3,)": "b" * 64},
    "model": "c" * 64,
    "settings": {"epsilons": [0.1, 0.02], "seed": 0, "attacks": [{"class_name": "FGSM", "config": {"loss": None}}]},
    "data": {"images": 9, "batches": 3},
    "versions": {"numpy": "2"},
}
SIZES = (4, 3, 2)


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A changed journal.

    Attributes:
        kind: What was done.
        content: The file.
        told: What each record says now, as its bytes; `None` if no more than some of the first records may be read.
    """

    kind: str
    content: bytes
    told: list[bytes] | None


@functools.cache
def make_parts() -> list[Part]:
    """Parts of three batches, the first of them with examples."""
    parts, first = [], 0
    for number, size in enumerate(SIZES):
        draw = np.random.default_rng(number)
        moments = {
            name: draw.random(3, dtype="float32") for name in ("mean", "variance", "known_mean", "known_variance")
        }
        parts.append(Part(first, (6, 5, 3), make_measurements(size, number), (), moments, {}))
        first += size
    known, image = COORDINATES, np.random.default_rng(5).random((6, 5, 3), dtype="float32")
    pictures, name = (image, image / 2, image[..., 0], image[..., 1]), str(parts[0].measurements.at("name")[1])
    likely = np.linspace(0, 1, known.classes, dtype="float32")
    examples = tuple(
        Example(attack, explainer, epsilon, 1, 2, *pictures, 2, -1, 0.5, np.nan, 0.1, name, None, likely, likely[::-1])
        for attack in known.attacks[:2]
        for explainer in known.explainers[:2]
        for epsilon in known.epsilons
    )
    return [dataclasses.replace(parts[0], examples=examples), *parts[1:]]


@functools.cache
def make_records() -> list[bytes]:
    """The content of each record of a journal of these parts."""
    header = json.dumps({"schema": 1, "identity": IDENTITY}).encode()
    return [header, *(encoded(part, f"{index}" * 64) for index, part in enumerate(make_parts()))]


def joined(records: list[bytes]) -> bytes:
    """The file of some records."""
    return MAGIC + b"".join(map(framed, records))


def mutations(count: int, seed: int = 0) -> Iterator[Mutation]:
    """Changed journals, by turns of each kind.

    Args:
        count: How many.
        seed: What they are drawn from. Defaults to 0.
    """
    records = make_records()
    kinds: tuple[Callable[[list[bytes], random.Random], Mutation], ...] = (
        _bytes,
        _order,
        _json,
        _json,
        _arrays,
        _identity,
    )
    for number in range(count):
        yield kinds[number % len(kinds)](list(records), random.Random(f"{seed}/{number}"))


def _bytes(records: list[bytes], draw: random.Random) -> Mutation:
    """As a disk does it: nothing tells the checks of the records of it."""
    content = bytearray(joined(records))
    kind = draw.choice(
        ("flip", "flip", "truncate", "zeros", "zeros at the end", "insert", "delete", "double", "length")
    )
    place = draw.randrange(len(content))
    size = draw.choice((1, 4, 100, 5000))
    if kind == "flip":
        content[place] ^= 1 << draw.randrange(8)
    elif kind == "truncate":
        del content[place:]
    elif kind == "zeros":
        content[place : place + size] = bytes(len(content[place : place + size]))
    elif kind == "zeros at the end":
        content[place:] = bytes(len(content) - place)
    elif kind == "insert":
        content[place:place] = draw.randbytes(size)
    elif kind == "delete":
        del content[place : place + size]
    elif kind == "double":
        content[place:place] = content[place : place + size]
    else:
        ends = np.cumsum([len(MAGIC), *(HEAD_BYTES + len(item) for item in records)]).tolist()
        place = ends[draw.randrange(len(records))]
        content[place : place + 8] = struct.pack("<Q", draw.choice((0, 5, 2**20, 2**63, 2**64 - 1)))
    return Mutation(kind, bytes(content), None)


def _order(records: list[bytes], draw: random.Random) -> Mutation:
    kind = draw.choice(("drop", "double", "swap", "empty", "garbage", "text"))
    place, other = draw.randrange(len(records)), draw.randrange(len(records))
    if kind == "drop":
        del records[place]
    elif kind == "double":
        records.insert(other, records[place])
    elif kind == "swap":
        records[place], records[other] = records[other], records[place]
    else:
        records.insert(place, {"empty": b"", "garbage": draw.randbytes(50), "text": b'{"first": 0}'}[kind])
    return Mutation(f"{kind} record {place}", joined(records), records)


def _split(record: bytes) -> tuple[dict[str, Any], bytes]:
    end = 4 + struct.unpack_from("<I", record)[0]
    return json.loads(record[4:end]), record[end:]


def _put(header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode("utf-8")
    return struct.pack("<I", len(text)) + text + body


def _changed(config: Any, draw: random.Random) -> str:
    """Changes one place somewhere in it, and says how."""
    holder, key = config, draw.choice(list(config))
    while isinstance(holder[key], (dict, list)) and holder[key] and draw.random() < 0.85:
        holder = holder[key]
        key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
    kind = draw.choice(list(_CHANGES))
    _CHANGES[kind](holder, key, draw)
    return f"{kind} at {key}"


def _json(records: list[bytes], draw: random.Random) -> Mutation:
    place = draw.randrange(1, len(records))
    header, body = _split(records[place])
    kind = _changed(header, draw)
    if draw.random() < 0.1:
        header = draw.choice(NASTY)
    records[place] = _put(header, body)
    return Mutation(f"{kind} in record {place}", joined(records), records)


def _arrays(records: list[bytes], draw: random.Random) -> Mutation:
    place = draw.randrange(1, len(records))
    header, body = _split(records[place])
    content, kind = bytearray(body), draw.choice(("flip", "flip", "nan", "cut", "more"))
    where = draw.randrange(len(content))
    if kind == "flip":
        content[where] ^= 1 << draw.randrange(8)
    elif kind == "nan":
        content[where : where + 8] = draw.choice((b"\xff" * 8, b"\0" * 8, struct.pack("<d", 1e300)))
    elif kind == "cut":
        del content[where:]
    else:
        content += draw.randbytes(8)
    records[place] = _put(header, bytes(content))
    return Mutation(f"{kind} arrays of record {place}", joined(records), records)


def _identity(records: list[bytes], draw: random.Random) -> Mutation:
    header = json.loads(records[0])
    kind = _changed(header, draw)
    records[0] = json.dumps(header).encode()
    return Mutation(f"{kind} in the header", joined(records), records)
