"""Files that are nearly those of a report: each is refused, and the message names what is wrong."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from made_measurements import make_report

from keras_advxai import EvaluationReport

CONFIG = make_report().to_dict()


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration of a report with another value at a place, such as `measurements.images`."""
    config = copy.deepcopy(CONFIG)
    *outer, last = path.split(".")
    place: Any = config
    for key in outer:
        place = place[int(key) if isinstance(place, list) else key]
    if value is KeyError:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("provenance", [], "`provenance` must be a dictionary. Received: "),
        ("warnings", ["text"], "`warnings` must hold dictionaries with the strings `id`, `severity` and `text`"),
        ("warnings.0.severity", "fatal", "`warnings.severity` must be one of error, warning, note. Received: 'fatal'"),
        ("warnings.0.text", None, "`warnings` must hold dictionaries"),
        ("measurements.images", 0, "`measurements.images` must be an integer from 1. Received: 0"),
        ("measurements.images", True, "`measurements.images` must be an integer from 1. Received: True"),
        ("measurements.images", 4, r"`measurements.name` must be a list of the shape \(4,\). Received: 5 entries"),
        ("measurements.quantities.colour", [], "`measurements` has 'colour', which is no quantity"),
        ("measurements.quantities.label", KeyError, "`measurements.label` is missing"),
        ("measurements.quantities.label", 3, r"`measurements.label` must be a list of the shape \(5,\). Received: 3"),
        ("measurements.quantities.label.1", 1.0, "`measurements.label` must hold int32. Received: 1.0"),
        ("measurements.quantities.label.1", True, "`measurements.label` must hold int32. Received: True"),
        ("measurements.quantities.label.1", 10**30, "`measurements.label` must hold int32: "),
        ("measurements.quantities.name.0", "a\0", "`measurements.name` must hold text without control characters"),
        (
            "measurements.quantities.confidence.0.0",
            1e39,
            "`measurements.confidence` must hold numbers of float32. Received: one",
        ),
        ("measurements.quantities.confidence.0.0", "1", "`measurements.confidence` must hold float32. Received: '1'"),
        ("measurements.coordinates.attacks", "ddn", "`measurements.coordinates.attacks` must be a list"),
        ("measurements.coordinates.colours", [], "`measurements.coordinates` has 'colours', which does not belong"),
        ("measurements.coordinates.corruptions", ["ddn", "snow"], "`coordinates.corruptions` must not be attacks, too"),
        ("measurements.coordinates.severities", [1, 1], "`coordinates.severities` must be different integers from 1"),
        ("measurements.coordinates.severities", [0, 1], "`coordinates.severities` must be different integers from 1"),
        ("measurements.coordinates.severities", [], "`coordinates.severities` must be .* where there are corruptions"),
    ],
)
def test_a_value_that_does_not_belong_there(path, value, message):
    with pytest.raises(ValueError, match=message):
        EvaluationReport.from_dict(changed(path, value))


def test_whole_numbers_stand_for_numbers_and_nothing_for_nan():
    config = changed("measurements.quantities.confidence.0.0", 1)
    config["measurements"]["quantities"]["confidence"][0][1] = None
    found = EvaluationReport.from_dict(config).measurements.at("confidence")
    assert found[0] == 1
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "The text is not the JSON of a report"),
        ('{"schema": 3, "schema": 3}', "The text is not the JSON of a report: it has 'schema' twice"),
        ('{"schema": NaN}', "The text is not the JSON of a report"),
        ("\n[]\n\n3", "The text is not the JSON of a report"),
    ],
)
def test_text_that_is_no_json(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        EvaluationReport.from_json(text)
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match=message.replace("The text", r"The file '.*report\.json'")):
        EvaluationReport.from_json(tmp_path / "report.json")


def test_a_path_may_have_a_line_end_behind_it_and_is_a_path(tmp_path):
    with pytest.raises(FileNotFoundError):
        EvaluationReport.from_json(f"{tmp_path}/nowhere.json\n")


@pytest.fixture(scope="module")
def entries(tmp_path_factory) -> dict[str, bytes]:
    """What is in the file of a report."""
    path = tmp_path_factory.mktemp("file") / "report.npz"
    make_report().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def array(values: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), version=version)
    return stream.getvalue()


def header(entries: dict[str, bytes], **values: Any) -> dict[str, bytes]:
    return {"header.json": json.dumps({**json.loads(entries["header.json"]), **values}).encode()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda of: header(of, schema=4), "is of `schema` 4, and this version of keras-advxai reads files of schema"),
        (lambda of: header(of, schema=1), "is of `schema` 1, "),
        (lambda of: {"notes.txt": b""}, "The entry 'notes.txt' does not belong into a report"),
        (lambda of: {"header.json": None}, "The file must hold 'header.json' and the arrays, once each"),
        (lambda of: {"label.npy": None}, "`measurements.label` is missing"),
        (lambda of: {"label.npy": array(np.zeros(5, "<i4"), (2, 0))}, "label` does not fit: its format is another one"),
        (lambda of: {"label.npy": array(np.zeros(4, "<i4"))}, r"label` does not fit: .* shape \(5,\), and is int32 of"),
        (lambda of: {"label.npy": array(np.zeros(5, "<i8"))}, r"label` does not fit: .*, and is int64 of \(5,\)"),
        (
            lambda of: {"name.npy": array(np.full(5, b"a.png"))},
            r"name` does not fit: it must be str .*, and is \|S5 of",
        ),
        (
            lambda of: {"name.npy": array(np.zeros(5, "<M8[D]"))},
            "name` does not fit: it must be str .* and is datetime",
        ),
        (lambda of: {"label.npy": b"text"}, "label` does not fit"),
        (lambda of: {"label.npy": bytes(5000)}, "'label.npy' has 5000 bytes, and at most 1044 belong there"),
    ],
)
def test_an_archive_with_another_entry(change, message, entries, tmp_path):
    changes = {**entries, **change(entries)}
    with zipfile.ZipFile(tmp_path / "report.npz", "w") as archive:
        for name, content in changes.items():
            if content is not None:
                archive.writestr(name, content)
    with pytest.raises(ValueError, match=message):
        EvaluationReport.load(tmp_path / "report.npz")


def test_an_archive_as_it_was_stored_is_read_and_one_of_another_compression_is_not(entries, tmp_path):
    for how, refused in ((zipfile.ZIP_STORED, False), (zipfile.ZIP_BZIP2, True)):
        with zipfile.ZipFile(tmp_path / "report.npz", "w", how) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        if refused:
            with pytest.raises(ValueError, match="is compressed in another way than by deflate"):
                EvaluationReport.load(tmp_path / "report.npz")
        else:
            assert EvaluationReport.load(tmp_path / "report.npz") == make_report()
