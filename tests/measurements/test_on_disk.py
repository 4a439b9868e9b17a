"""Measurements that are mapped from files are those that are in memory, bit by bit, whatever is asked of them."""

from __future__ import annotations

import pathlib
import pickle

import numpy as np
import pytest
from made_measurements import COORDINATES, assert_same, make_measurements, make_report

from keras_advxai import EvaluationReport
from keras_advxai.measurements import Coordinates, Measurements
from keras_advxai.measurements.on_disk import on_disk


@pytest.fixture
def parts():
    return [make_measurements(size, size) for size in (4, 1, 7)]


def test_put_together_as_in_memory(parts, tmp_path):
    found = on_disk(iter(parts), 12, tmp_path)
    assert_same(found, Measurements.concat(parts))
    assert list(found.arrays) == list(parts[0].arrays)
    for array in found.arrays.values():
        assert type(array) is np.ndarray
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    assert list(tmp_path.iterdir()) == []  # the files have no names


def test_a_report_of_them_says_and_writes_the_same(parts, tmp_path):
    given = make_report().provenance
    here = EvaluationReport(Measurements.concat(parts), given)
    there = EvaluationReport(on_disk(parts, 12, tmp_path), given)
    assert there.to_json() == here.to_json()
    assert str(there) == str(here)
    assert there.rows == here.rows or repr(there.rows) == repr(here.rows)
    assert there.mod_interval("ddn", "grad_cam", 0.1) == here.mod_interval("ddn", "grad_cam", 0.1)
    assert repr(there.samples[5]) == repr(here.samples[5])
    assert_same(there.measurements.select([1, 5]), here.measurements.select([1, 5]))
    assert_same(there.measurements.append(parts[0]), here.measurements.append(parts[0]))
    for report, name in ((here, "here"), (there, "there")):
        report.save(tmp_path / name)
    assert_same(EvaluationReport.load(tmp_path / "there").measurements, here.measurements)
    assert_same(pickle.loads(pickle.dumps(there.measurements)), here.measurements)


def test_without_explainers_some_arrays_have_nothing_in_them(tmp_path):
    known = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    part = Measurements.of(known, label=[0, 1], prediction=[[0, 1], [0, 0]])
    assert_same(on_disk([part, part], 4, tmp_path), Measurements.concat([part, part]))


def test_what_was_not_measured_alike_or_is_missing(parts, tmp_path):
    with pytest.raises(ValueError, match=r"There must be measurements of 13 images. Received: 12"):
        on_disk(parts, 13, tmp_path)
    other = make_measurements(2, 0, Coordinates(**{**vars(COORDINATES), "classes": 4}))
    with pytest.raises(
        ValueError, match=r"Only what was measured alike can be put together. Received: classes 3 and 4"
    ):
        on_disk([*parts, other], 14, tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        on_disk(parts, 12, pathlib.Path(tmp_path, "nowhere"))
