"""Names of images in files of reports: read as they stand there, or refused."""

from __future__ import annotations

import functools
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_measurements import COORDINATES, make_report

from keras_advxai import EvaluationReport
from keras_advxai.measurements import Measurements


@functools.cache
def unnamed(images: int) -> str:
    zeros = np.zeros(images, int)
    known = Measurements.of(COORDINATES, label=zeros, prediction=[zeros] * COORDINATES.size("condition"))
    return EvaluationReport(known, {"model": "net"}).to_json()


def with_names(names, images=None):
    """The dictionary of a report in which somebody wrote names."""
    config = json.loads(unnamed(images or len(names)))
    config["measurements"]["quantities"]["name"] = names
    return config


letters = st.text(min_size=1, max_size=30) | st.text("a\0\n\ud800\u2028é中", min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(names=st.lists(letters, min_size=1, max_size=4))
def test_what_a_file_says_is_read_as_it_stands_there_or_refused(names):
    config = with_names(names)
    good = all(name.strip() and not any(letter in name for letter in map(chr, BAD)) for name in names)
    if good:
        report = EvaluationReport.from_dict(json.loads(json.dumps(config)))
        assert [sample["name"] for sample in report.samples] == names
    else:
        with pytest.raises(ValueError, match=r"`measurements.name` must hold"):
            EvaluationReport.from_dict(config)


BAD = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([1, 2], "must hold str. Received: 1"),
        (["a"], "must be a list of the shape"),
        (["a", None], "must hold str. Received: None"),
        (["a", "b" * 2000], "must hold lines of 1 to 1024 characters"),
    ],
)
def test_other_values_in_a_file(names, message):
    with pytest.raises(ValueError, match=f"`measurements.name` {message}"):
        EvaluationReport.from_dict(with_names(names, images=2))
    with pytest.raises(ValueError, match="must be of strings"):
        Measurements.of(COORDINATES, label=[0], prediction=[[0]] * COORDINATES.size("condition"), name=[1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (np.array(["a", "b", "c", "d"]), r"it must be str of the shape \(5,\)"),
        (np.array(["a", "b\nc", "d", "e", "f"]), "must hold lines"),
        (np.array([0x110000] * 5, "<u4").view("<U1"), "must hold text"),
        (np.array([b"a"] * 5), "it must be str"),
        (np.array(["a"] * 5, ">U1"), "it must be str"),
    ],
)
def test_other_arrays_in_a_compact_file(names, message, tmp_path):
    make_report().save(tmp_path / "report.npz")
    content = io.BytesIO()
    np.lib.format.write_array(content, names)
    with zipfile.ZipFile(tmp_path / "report.npz") as archive, zipfile.ZipFile(tmp_path / "other.npz", "w") as other:
        for name in archive.namelist():
            other.writestr(name, content.getvalue() if name == "name.npy" else archive.read(name))
    with pytest.raises(ValueError, match=f"`measurements.name` .*{message}"):
        EvaluationReport.load(tmp_path / "other.npz")
    with np.load(tmp_path / "report.npz") as archive:  # as anybody reads it
        assert archive["name"].tolist() == make_report().measurements.at("name").tolist()
