"""What each image has, as a table in files: every number of every quantity, once, with its name."""

from __future__ import annotations

import csv
import io
import itertools
import sys

import numpy as np
import pytest
from made_measurements import COORDINATES, make_measurements, make_report
from pyarrow import parquet

from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.measurements import QUANTITIES, sample_tables
from keras_advxai.measurements.samples import Samples

LEVELS = [
    ("clean", "", ""),
    *((name, repr(e), "") for name, e in itertools.product(COORDINATES.attacks, COORDINATES.epsilons)),
    *((name, "", repr(s)) for name, s in itertools.product(COORDINATES.corruptions, COORDINATES.severities)),
]


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_number_is_at_its_place(monkeypatch):
    found = make_measurements(5)
    monkeypatch.setattr(sample_tables, "_AT_ONCE", 23)  # two images at a time
    rows = read(Samples(found).to_csv())
    assert [(row["index"], row["attack"], row["epsilon"], row["severity"]) for row in rows] == [
        (str(image), *level) for image in range(5) for level in LEVELS
    ]
    assert [row["name"] for row in rows] == [name for name in found.at("name") for _ in LEVELS]
    seen = set()
    for name in found.arrays:
        dims = QUANTITIES[name].dims
        lines = ("condition", "attack", "epsilon", "corruption", "severity")
        further = [dim for dim in dims[:-1] if dim not in lines]
        for labels in itertools.product(*(COORDINATES.labels(dim) for dim in further)):
            key = f"{name}[{', '.join(map(str, labels))}]" if labels else name
            seen.add(key)
            for row in rows:
                where = dict(zip(further, labels, strict=True))
                clean, corrupted = row["attack"] == "clean", row["severity"] != ""
                if "attack" in dims or ("condition" in dims and not clean):
                    where |= {"attack": row["attack"]}
                    level = {"severity": int(row["severity"])} if corrupted else {"epsilon": float(row["epsilon"] or 0)}
                    where |= level if dims != ("attack", "image") else {}
                if "corruption" in dims and corrupted:
                    where |= {"corruption": row["attack"], "severity": int(row["severity"])}
                if ("attack" in dims and (clean or corrupted)) or ("corruption" in dims and not corrupted):
                    assert row[key] == ""
                    continue
                expected = found.at(name, **where)[int(row["index"])]
                assert row[key] == ("" if expected != expected else str(expected)), key
    assert [*rows[0]][:3] == ["index", "name", "label"]
    assert set(rows[0]) == seen | {"index", "attack", "epsilon", "severity"}


def test_one_sample_is_asked_by_its_number_and_several_by_a_slice():
    samples = Samples(make_measurements(5))
    assert [samples[place]["index"] for place in (0, 4, -1, np.int64(-5))] == [0, 4, 4, 0]
    assert [sample["index"] for sample in samples[1::2]] == [1, 3]
    for place in (5, -6):
        with pytest.raises(IndexError, match=f"There are 5 images. Received: index={place}"):
            samples[place]
    for place in ("label", 1.0, None):
        with pytest.raises(TypeError, match=rf"Samples are the 5 images, by number. .*Received: samples\[{place!r}\]"):
            samples[place]


def test_a_sample_has_every_number_under_the_labels_of_its_dimensions():
    found, seen = make_measurements(5), 0
    sample = Samples(found)[3]
    assert set(sample) == {"index", *found.arrays}
    for name, array in found.arrays.items():
        item = QUANTITIES[name]
        for place in np.ndindex(array.shape[:-1]):
            value = sample[name]
            for dim, index in zip(item.dims[:-1], place, strict=True):
                if dim != "condition":
                    value = value[COORDINATES.labels(dim)[index]]
                    continue
                attack, epsilon, severity = LEVELS[index]
                value = value[attack]
                value = value[float(epsilon)] if epsilon else value[int(severity)] if severity else value
            np.testing.assert_array_equal(value, array[place][3])
            seen += 1
    assert seen == sum(array[..., 0].size for array in found.arrays.values())
    assert list(sample["prediction"]) == ["clean", *COORDINATES.attacks, *COORDINATES.corruptions]


def test_files_are_whole_or_not_there(tmp_path):
    samples = make_report().samples
    text = samples.to_csv(tmp_path / "samples.csv")
    assert (tmp_path / "samples.csv").read_bytes().decode() == text
    with pytest.raises(FileNotFoundError):
        samples.to_csv(tmp_path / "no" / "samples.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["samples.csv"]


def test_names_are_what_they_are_unless_a_spreadsheet_is_to_read_them():
    names = ["=cmd|' /C calc'!A1.png", "-1.png", "a.png"]
    known = Coordinates(("=fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(
        known, name=names, label=[0, 1, 1], prediction=[[-1, 1, 1], [0, 1, 0]], prediction_log_odds=[[-2.5, 1, 0]] * 2
    )
    report = EvaluationReport(found, {"model": "net"})
    rows, escaped = read(report.samples.to_csv()), read(report.samples.to_csv(escape_formulas=True))
    assert [row["name"] for row in rows[::2]] == names
    assert [row["name"] for row in escaped[::2]] == [f"'{names[0]}", f"'{names[1]}", "a.png"]
    assert [row["attack"] for row in escaped[:2]] == ["clean", "'=fgsm"]
    texts = {"name": None, "attack": None}
    assert [{**row, **texts} for row in escaped] == [{**row, **texts} for row in rows]
    assert (escaped[0]["prediction"], escaped[0]["prediction_log_odds"]) == ("-1", "-2.5")
    figures, others = read(report.to_csv()), read(report.to_csv(escape_formulas=True))
    assert figures[0]["attack"] == "=fgsm"
    assert others == [{**row, "attack": f"'{row['attack']}"} for row in figures]


def test_parquet_has_the_same_with_types(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_tables, "_AT_ONCE", 23)
    samples = make_report().samples
    samples.to_parquet(tmp_path / "samples.parquet")
    table = parquet.read_table(tmp_path / "samples.parquet")
    rows = read(samples.to_csv())
    assert table.column_names == list(rows[0])
    for name in table.column_names:
        own = str(table.schema.field(name).type)
        text = {"string": str, "bool": str, "float": lambda v: str(np.float32(v))}.get(own, str)
        values = ["" if v is None or v != v else text(v) for v in table[name].to_pylist()]
        assert values == [row[name] for row in rows], name
    types = {name: str(table.schema.field(name).type) for name in ("index", "name", "label", "confidence", "saturated")}
    assert types == {"index": "int64", "name": "string", "label": "int32", "confidence": "float", "saturated": "bool"}
    assert table["out_of_bounds"].null_count == 5 * (1 + 4)  # of clean and of corrupted images nobody asks
    assert str(table.schema.field("severity").type) == "int64"
    assert list(tmp_path.iterdir()) == [tmp_path / "samples.parquet"]


@pytest.mark.parametrize("labels", ["given", "clean prediction"])
def test_a_clean_prediction_does_not_stand_under_label(labels, tmp_path):
    known = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    found = Measurements.of(known, label=[1, 0], prediction=[[1, 0], [0, 0]])
    samples = EvaluationReport(found, {"model": "net", "labels": labels}).samples
    samples.to_parquet(tmp_path / "samples.parquet")
    expected = [1, 1, 0, 0] if labels == "given" else [None] * 4
    assert parquet.read_table(tmp_path / "samples.parquet")["label"].to_pylist() == expected
    assert [row["label"] for row in read(samples.to_csv())] == ["" if v is None else str(v) for v in expected]
    assert [sample["label"] for sample in samples] == expected[::2]
    assert [row["prediction"] for row in read(samples.to_csv())] == ["1", "0", "0", "0"]


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "keras-advxai\[parquet\]"\. Or write CSV'):
        make_report().samples.to_parquet(tmp_path / "samples.parquet")
    assert list(tmp_path.iterdir()) == []
