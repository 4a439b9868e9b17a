"""Reports on disk: exact round trips, whole files or none, and nothing that a file names is imported or run."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import zipfile

import numpy as np
import pytest
from made_measurements import COORDINATES, assert_same, make_measurements, make_report

from keras_advxai import EvaluationReport, EvaluationSettings
from keras_advxai.attacks import FGSM, Ensemble
from keras_advxai.explainers import Saliency, SmoothGrad
from keras_advxai.measurements import QUANTITIES, Coordinates, Measurements
from keras_advxai.measurements.limits import check_limits
from keras_advxai.measurements.reading import is_plain, is_text


def test_the_compact_file_keeps_every_bit(tmp_path):
    report = make_report()
    report.save(tmp_path / "report.npz")
    copy = EvaluationReport.load(tmp_path / "report.npz")
    assert_same(copy.measurements, report.measurements)
    assert copy.provenance == report.provenance
    assert copy.warnings == report.warnings
    assert [finding.to_dict() for finding in copy.warnings] == [finding.to_dict() for finding in report.warnings]
    assert copy == report
    with np.load(tmp_path / "report.npz") as arrays:  # as anybody reads it
        np.testing.assert_array_equal(arrays["label"], report.measurements.at("label"))


def test_json_keeps_every_finite_number_and_what_stands_for_the_others(tmp_path):
    report = make_report()
    text = report.to_json(tmp_path / "report.json")
    assert "NaN" not in text
    assert "Infinity" not in text
    for source in (text, tmp_path / "report.json", str(tmp_path / "report.json")):
        assert_same(EvaluationReport.from_json(source).measurements, report.measurements)
    assert math.isinf(EvaluationReport.from_json(text).measurements.arrays["distance"][0, 0])
    assert json.loads(text)["schema"] == 3


def test_a_report_of_one_image_comes_back(tmp_path):
    report = make_report(1)
    report.save(tmp_path / "report.npz")
    for found in (EvaluationReport.load(tmp_path / "report.npz"), EvaluationReport.from_json(report.to_json())):
        assert len(found.measurements) == 1
        assert_same(found.measurements, report.measurements)
    none = report.to_dict()
    none["measurements"]["images"] = 0
    with pytest.raises(ValueError, match=r"measurements.images` must be an integer from 1. Received: 0"):
        EvaluationReport.from_dict(none)


def test_without_corruptions_files_are_those_that_older_versions_read(tmp_path):
    found = make_measurements(5, 0, dataclasses.replace(COORDINATES, corruptions=(), severities=()))
    plain = {name: array for name, array in found.arrays.items() if name != "corrupted_dissimilarity"}
    report = EvaluationReport(Measurements(found.coordinates, plain), make_report().provenance)
    config = report.to_dict()
    assert config["schema"] == 2
    assert list(config["measurements"]["coordinates"]) == [
        *("attacks", "explainers", "metrics", "targets", "epsilons", "classes")
    ]
    assert not any("severity" in row for row in config["rows"])
    report.save(tmp_path / "report.npz")
    with zipfile.ZipFile(tmp_path / "report.npz") as file:
        assert json.loads(file.read("header.json"))["schema"] == 2
    assert EvaluationReport.load(tmp_path / "report.npz") == EvaluationReport.from_dict(config) == report
    with pytest.raises(ValueError, match="is a part of its report, and no report to be saved itself"):
        make_report().corrupted.to_json()


@pytest.mark.parametrize(
    ("schema", "message"),
    [(4, "is of `schema` 4, and this version .* reads schemas up to 3"), (1, "`schema` must"), ("2", "`schema` must")],
)
def test_other_schemas_are_refused(schema, message):
    with pytest.raises(ValueError, match=message):
        EvaluationReport.from_dict({**make_report().to_dict(), "schema": schema})


def test_large_runs_fit_into_five_megabytes(tmp_path):
    images, draw = 20_000, np.random.default_rng(0)
    epsilons = tuple(level / 255 for level in (1, 2, 4, 8, 16))
    attacks, targets = ("fgsm", "uniform_noise"), ("predicted", "clean")
    coordinates = Coordinates(attacks, ("grad_cam",), ("nissim",), targets, epsilons, classes=10)
    lengths = np.array(epsilons)[:, None] + 1e-9 * draw.integers(-3, 4, (2, 5, images))
    found = Measurements.of(
        coordinates,
        label=draw.integers(0, 10, images),
        prediction=draw.integers(0, 10, (11, images)),
        confidence=draw.beta(8, 1, (11, images)),
        dissimilarity=draw.beta(1, 4, (1, 1, 2, 2, 5, images)),
        perturbation_norm=lengths,
    )
    EvaluationReport(found, {"model": "net"}).save(tmp_path / "report.npz")
    assert (tmp_path / "report.npz").stat().st_size < 5_000_000


def nested() -> EvaluationSettings:
    """Settings that agree with `make_report`, with configurations inside of others."""
    known = {"epsilons": COORDINATES.epsilons, "metrics": COORDINATES.metrics}
    return EvaluationSettings(attacks=[Ensemble([FGSM()])], explainers=[SmoothGrad(explainer=Saliency())], **known)


NEEDED = {"class_name": "function", "config": "system", "module": "os", "registered_name": "keras_advxai>FGSM"}


@pytest.mark.parametrize(
    "evil",
    [
        NEEDED,
        {**NEEDED, "class_name": "system", "registered_name": None},
        {**NEEDED, "module": "antigravity", "config": "fly"},
        {"class_name": "__lambda__", "config": {"value": ["YQ==", None, None]}, "registered_name": "keras_advxai>FGSM"},
        {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": [], "registered_name": "x"},
        {"class_name": ["FGSM"], "config": {}, "registered_name": ["keras_advxai>FGSM"]},
    ],
)
def test_nothing_is_imported_or_run_because_a_file_names_it(evil):
    settings = nested().to_dict()
    for place in ("attacks", "explainers", "inside an attack", "inside an explainer"):
        changed = json.loads(json.dumps(settings))
        holder = changed["explainers" if "explainer" in place else "attacks"]
        if place.startswith("inside"):
            key = next(key for key, value in holder[0]["config"].items() if isinstance(value, (dict, list)))
            holder[0]["config"][key] = [evil] if isinstance(holder[0]["config"][key], list) else evil
        else:
            holder[0] = evil
        text = make_report(settings=changed).to_json()
        report = EvaluationReport.from_json(text)
        with pytest.raises(ValueError, match="is not known here"):
            _ = report.settings
    assert "antigravity" not in sys.modules


def test_settings_come_back_or_are_refused():
    settings = nested()
    text = make_report(settings=settings.to_dict()).to_json()
    assert EvaluationReport.from_json(text).settings == settings
    for changed in ({"attacks": "fgsm"}, {}, {"attacks": [1], "explainers": []}, {"attacks": [], "explainers": [None]}):
        with pytest.raises(ValueError, match="settings"):
            _ = EvaluationReport.from_json(make_report(settings={"seed": 0, **changed}).to_json()).settings


def test_a_header_is_no_path(tmp_path):
    (tmp_path / "other.json").write_text(make_report().to_json())
    with zipfile.ZipFile(tmp_path / "report.npz", "w") as archive:
        archive.writestr("header.json", str(tmp_path / "other.json"))
    with pytest.raises(ValueError, match="The header is not that of a report"):
        EvaluationReport.load(tmp_path / "report.npz")


def test_what_would_take_the_memory_of_many_machines_is_refused(tmp_path):
    found = make_measurements()
    report = EvaluationReport(
        Measurements(found.coordinates, {k: v[..., :1].repeat(3, -1) for k, v in found.arrays.items()}), {}
    )
    report.save(tmp_path / "report.npz")
    with zipfile.ZipFile(tmp_path / "report.npz") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["header.json"] = entries["header.json"].replace(b'"images": 3', b'"images": 300000000000')
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"would take \d+ bytes, which do not fit into a file"):
        EvaluationReport.load(tmp_path / "bomb.npz")


def test_a_damaged_file_is_not_quoted_at_length(tmp_path):
    make_report().save(tmp_path / "report.npz")
    with zipfile.ZipFile(tmp_path / "report.npz") as archive:
        start = archive.getinfo("dissimilarity.npy").header_offset
    content = bytearray((tmp_path / "report.npz").read_bytes())
    content[start + 26 : start + 28] = (1000).to_bytes(2, "little")  # of the entry's name, which zipfile's error quotes
    (tmp_path / "report.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"^The entry 'dissimilarity\.npy' is damaged: ") as caught:
        EvaluationReport.load(tmp_path / "report.npz")
    assert len(str(caught.value)) < 400


def test_there_is_no_such_file(tmp_path):
    for read in (EvaluationReport.load, EvaluationReport.from_json):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "nothing")


@pytest.mark.parametrize("value", ["\ud800", "a\0", b"a", 3, None])
def test_half_a_character_is_no_text(value):
    assert not is_text(value)
    assert is_text("é中\n")


def test_a_plain_value_is_as_deep_as_anybody_means():
    def deep(levels, make):
        return make(deep(levels - 1, make)) if levels else 0.5

    for make in (lambda item: {"a": item}, lambda item: [item]):
        assert is_plain(deep(3, make), 3)
        assert not is_plain(deep(4, make), 3)
        assert is_plain(deep(100, make))
        assert not is_plain(deep(101, make))


def test_what_has_no_schema_is_told_so():
    config = make_report().to_dict()
    del config["schema"]
    with pytest.raises(ValueError, match=r"^`schema` must be an integer from 2\. Received: None"):
        EvaluationReport.from_dict(config)


def test_rows_and_quantities_of_json_have_lines_of_their_own():
    report = make_report()
    lines = report.to_json().splitlines()
    assert lines[0] == "{"
    for name in report.measurements.arrays:
        assert sum(line.startswith(f'   "{name}": [') for line in lines) == 1
    for name, value in report.provenance.items():
        if not isinstance(value, dict):
            assert f'  "{name}": {json.dumps(value)}' in [line.rstrip(",") for line in lines]


def test_a_flag_is_one_of_two_bytes():
    measured = make_report().measurements
    name = next(name for name, item in QUANTITIES.items() if item.dtype == "bool" and name in measured.arrays)
    flags = measured.arrays[name].copy()
    assert check_limits(flags, QUANTITIES[name], measured.coordinates) is flags
    flags.view("uint8").flat[0] = 2
    with pytest.raises(ValueError, match=f"`measurements.{name}` must hold true and false"):
        check_limits(flags, QUANTITIES[name], measured.coordinates)
