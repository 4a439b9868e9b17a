"""Reports on disk as somebody might have changed them: seeded mutations of the JSON and of the compact file."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import pickle
import random
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_advxai import EvaluationReport

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 9, 7.0, 2.9, -0.5, 99, 2**31, 2**63, 10**40, 10**400, 1e39, 1e308),
    *(float("nan"), float("inf"), -float("inf"), "", " ", "clean", "fgsm", "grad_cam", "1", "os.system", "\ud800"),
    *("\0", "a\nb", "[/red]", "$x^", "_hidden", "../../up", [], [[]], {}, {"a": 1}, [None], [0.5], ["fgsm"]),
    *([["fgsm", ["fgsm"]]], {"class_name": "__lambda__", "config": {"value": ["YQ==", None, None]}}),
)
"""What stands in the place of something else."""


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A changed file.

    Attributes:
        kind: What was done.
        compact: Whether it is one of `EvaluationReport.save`, or else JSON.
        content: The file.
        told: What it says now, as the dictionary of a report whose quantities may be arrays; `None` if nothing can be
            made of it.
    """

    kind: str
    compact: bool
    content: bytes
    told: dict[str, Any] | None


def mutations(report: EvaluationReport, compact: bytes, count: int, seed: int = 0) -> Iterator[Mutation]:
    """Changed files of a report, by turns of each kind.

    Args:
        report: The report.
        compact: What its `save` wrote.
        count: How many.
        seed: What they are drawn from. Defaults to 0.
    """
    config = report.to_dict()
    kinds: tuple[Callable[[random.Random], Mutation], ...] = (
        lambda draw: _tree(config, draw),
        lambda draw: _tree(config, draw),
        lambda draw: _text(config, draw),
        lambda draw: _archive(report, compact, draw),
    )
    for number in range(count):
        yield kinds[number % len(kinds)](random.Random(f"{seed}/{number}"))


def _tree(config: dict[str, Any], draw: random.Random) -> Mutation:
    """A dictionary that was changed in one place, or two."""
    changed = copy.deepcopy(config)
    kinds = [_change(changed, draw) for _ in range(draw.choice((1, 1, 2)))]
    return Mutation(" and ".join(kinds), False, _written(changed), changed)


def _written(config: dict[str, Any]) -> bytes:
    return json.dumps(config).encode("utf-8")


def _change(config: dict[str, Any], draw: random.Random) -> str:
    """Changes one place below the parts of a report that are read, and says how."""
    top = draw.choice(("measurements",) * 6 + ("provenance",) * 3 + ("warnings", ""))
    holder, key = config, top if top in config else draw.choice(list(config))
    while isinstance(holder[key], (dict, list)) and holder[key] and draw.random() < 0.85:
        holder = holder[key]
        key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
    kind = draw.choice(list(_CHANGES))
    _CHANGES[kind](holder, key, draw)
    return f"{kind} at {top or 'the top'}: {key}"


def _delete(holder: Any, key: Any, draw: random.Random) -> None:
    del holder[key]


def _replace(holder: Any, key: Any, draw: random.Random) -> None:
    holder[key] = copy.deepcopy(draw.choice(NASTY))


def _rename(holder: Any, key: Any, draw: random.Random) -> None:
    if isinstance(holder, dict):
        holder[draw.choice((f"{key}s", "os", "", "fgsm", "\ud800"))] = holder.pop(key)
    else:
        holder.insert(draw.randrange(len(holder) + 1), holder.pop(key))


def _double(holder: Any, key: Any, draw: random.Random) -> None:
    if isinstance(holder, dict):
        holder[f"{key}2"] = holder[key]
    else:
        holder.insert(key, copy.deepcopy(holder[key]))


def _cut(holder: Any, key: Any, draw: random.Random) -> None:
    if isinstance(holder, list):
        del holder[draw.randrange(len(holder)) :]
    elif isinstance(holder[key], list):
        holder[key] = holder[key][: len(holder[key]) // 2]
    else:
        holder[key] = [holder[key]]


def _retype(holder: Any, key: Any, draw: random.Random) -> None:
    value = holder[key]
    choices: list[Any] = [str(value), [value], {"0": value}, None]
    if isinstance(value, (int, float)):
        choices += [float(value), value + 0.25, bool(value), -value, value * 10**20]
    holder[key] = draw.choice(choices)


def _nudge(holder: Any, key: Any, draw: random.Random) -> None:
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int):
        holder[key] = value + draw.choice((-1, 1))
    elif isinstance(value, float):
        holder[key] = draw.random()
    elif isinstance(value, list):
        holder[key] = value[::-1]


def _deepen(holder: Any, key: Any, draw: random.Random) -> None:
    deep: Any = holder[key]
    for _ in range(draw.choice((1, 90, 500))):
        deep = [deep]
    holder[key] = deep


_CHANGES: dict[str, Callable[[Any, Any, random.Random], None]] = {
    "delete": _delete,
    "replace": _replace,
    "rename": _rename,
    "double": _double,
    "cut": _cut,
    "retype": _retype,
    "nudge": _nudge,
    "deepen": _deepen,
}


def _text(config: dict[str, Any], draw: random.Random) -> Mutation:
    """A text with other bytes."""
    content = json.dumps(config).encode("utf-8")
    kind = draw.choice(("flip", "truncate", "nest", "number", "twice", "insert", "bytes"))
    place = draw.randrange(len(content))
    if kind == "flip":
        content = content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
    elif kind == "truncate":
        content = content[:place]
    elif kind == "nest":
        content = content[:place] + b"[" * 100_000 + content[place:]
    elif kind == "number":
        found = draw.choice([index for index, byte in enumerate(content) if byte in b"0123456789"])
        content = content[:found] + draw.choice((b"1e999", b"NaN", b"-Infinity", b"9" * 5000)) + content[found + 1 :]
    elif kind == "twice":
        name = draw.choice((b'"schema"', b'"provenance"', b'"images"', b'"label"', b'"model"'))
        content = content.replace(name, name + b": 1, " + name, 1)
    elif kind == "insert":
        content = content[:place] + draw.choice((b",", b"}", b'"', b"\xff", b" ", b"0")) + content[place:]
    else:
        content = draw.choice(
            (b"", b"\xef\xbb\xbf" + content, content.decode().encode("utf-16"), b"null", b"[]", b"\0")
        )
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    return Mutation(f"text: {kind}", False, content, told if isinstance(told, dict) else None)


def _archive(report: EvaluationReport, compact: bytes, draw: random.Random) -> Mutation:
    """A compact file with other bytes, entries or arrays."""
    config = report.to_dict()
    told = {**config, "measurements": {**config["measurements"], "quantities": dict(report.measurements.arrays)}}
    change = draw.choice((_bytes, _header, _header, _members, _members, _values, _values, _format, _bomb))
    kind, content, says = change(report, compact, told, draw)
    return Mutation(f"archive: {kind}", True, content, says)


Changed = tuple[str, bytes, dict[str, Any] | None]
"""What was done, the file, and what it says now."""


def _bytes(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    place = draw.randrange(len(compact))
    if draw.random() < 0.4:
        return "truncate", compact[:place], told
    return "flip", compact[:place] + bytes([compact[place] ^ (1 << draw.randrange(8))]) + compact[place + 1 :], told


def _header(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    entries = _entries(compact)
    header = json.loads(entries["header.json"])
    kind = _change(header, draw)
    entries["header.json"] = _written(header)
    stored = header.get("measurements")
    if isinstance(stored, dict):
        header["measurements"] = {**stored, "quantities": told["measurements"]["quantities"]}
    return f"header, {kind}", _zipped(entries), header


def _members(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    entries = _entries(compact)
    name = draw.choice(list(entries))
    kind = draw.choice(("drop", "rename", "swap", "stranger", "bzip2", "stored", "garbage", "twice"))
    says: dict[str, Any] | None = told
    if kind == "drop":
        del entries[name]
        told["measurements"]["quantities"].pop(name.removesuffix(".npy"), None)
    elif kind == "rename":
        entries[draw.choice((f"x{name}", name.removesuffix(".npy"), f"../{name}"))] = entries.pop(name)
    elif kind == "swap":
        other = draw.choice(list(entries))
        says = told if entries[name] == entries[other] else None
        entries[name] = entries[other]
    elif kind == "stranger":
        entries[draw.choice(("os.npy", "x.py", "label2.npy"))] = entries[name]
    elif kind == "garbage":
        entries[name], says = draw.randbytes(draw.choice((0, 10, 200))), None
    method = {"bzip2": zipfile.ZIP_BZIP2, "stored": zipfile.ZIP_STORED}.get(kind, zipfile.ZIP_DEFLATED)
    return f"{kind} {name}", _zipped(entries, method, twice=name if kind == "twice" else None), says


def _values(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    entries, name = _entries(compact), draw.choice(list(report.measurements.arrays))
    other = np.array(report.measurements.arrays[name])
    other.reshape(-1)[draw.randrange(other.size)] = draw.choice((0, 1, 2, np.iinfo("int32").max))
    told["measurements"]["quantities"][name] = other
    entries[f"{name}.npy"] = _npy(other)
    return f"a value of {name}", _zipped(entries), told


def _format(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    entries, name = _entries(compact), draw.choice(list(report.measurements.arrays))
    array = report.measurements.arrays[name]
    types = [np.zeros(array.shape, dtype) for dtype in ("float16", ">f8", "int64", "U5", "complex64")]
    shapes = [array[..., :-1], array[None], np.asfortranarray(array)]
    content = draw.choice([pickle.dumps(print), *map(_npy, (*types, *shapes, array.astype("O")))])
    content += draw.choice((b"", b"", b"more"))
    same = content == entries[f"{name}.npy"]
    entries[f"{name}.npy"] = content
    return f"the format of {name}", _zipped(entries), told if same else None


def _bomb(report: EvaluationReport, compact: bytes, told: dict[str, Any], draw: random.Random) -> Changed:
    entries, name = _entries(compact), draw.choice(list(report.measurements.arrays))
    claims = io.BytesIO()
    header = {"descr": report.measurements.arrays[name].dtype.str, "fortran_order": False, "shape": (10**12, 3)}
    np.lib.format.write_array_header_1_0(claims, header)
    place = draw.choice((f"{name}.npy", "header.json"))
    entries[place] = draw.choice((b"\0" * 10_000_000, claims.getvalue(), entries[place] * 50))
    return f"bomb as {place}", _zipped(entries), None


def _entries(compact: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(compact)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=True)
    return content.getvalue()


def _zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, twice: str | None = None) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", method) as archive:
        warnings.simplefilter("ignore")  # that a name stands twice in it
        for name in (*entries, *([twice] if twice else [])):
            archive.writestr(name, entries[name])
    return content.getvalue()
