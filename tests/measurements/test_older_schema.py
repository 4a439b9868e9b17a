"""Reports that version 0.1 wrote: `tests/data/report_schema1.json.gz`, of twelve faces, is one of them."""

from __future__ import annotations

import copy
import gzip
import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest

from keras_advxai import EvaluationReport

PATH = pathlib.Path(__file__).parents[1] / "data" / "report_schema1.json.gz"


@pytest.fixture(scope="module")
def old() -> dict[str, Any]:
    """What stands in the file."""
    found: dict[str, Any] = json.loads(gzip.decompress(PATH.read_bytes()))
    return found


@pytest.fixture(scope="module")
def report(old) -> EvaluationReport:
    """The file, read."""
    return EvaluationReport.from_dict(old)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def test_every_figure_of_its_rows_is_found_again(old, report):
    assert len(report.rows) == len(old["rows"]) == 45
    renamed = {"nissim_std": "std"}
    for row, expected in zip(report.rows, old["rows"], strict=True):
        assert row.metric == "nissim"
        for key, value in expected.items():
            found = getattr(row, renamed.get(key, key))
            if isinstance(value, str):
                assert found == value
            else:
                np.testing.assert_allclose(found, _number(value), rtol=1e-12, err_msg=key)


def test_the_other_figures_are_found_again(old, report):
    config = report.to_dict()
    assert config["clean_accuracy"] == old["clean_accuracy"]
    assert config["median_perturbation"] == old["median_perturbation"]
    assert config["completeness"] == old["completeness"]
    for name in ("vid", "robust_accuracy"):
        assert len(config[name]) == len(old[name])
        for item, expected in zip(config[name], old[name], strict=True):
            for key, value in expected.items():
                if isinstance(value, str):
                    assert item[key] == value
                else:
                    np.testing.assert_allclose(_number(item[key]), _number(value), rtol=1e-12)
    assert [str(finding) for finding in report.warnings] == [item["text"] for item in old["warnings"]]
    assert str(report)
    assert str(report.compare_scores())


def test_the_classes_are_as_many_as_the_largest_in_it_needs(old, report):
    seen = [old["samples"]["labels"], report.measurements.arrays["prediction"]]
    assert report.measurements.coordinates.classes == 1 + max(int(np.max(found)) for found in seen)


def test_what_was_not_measured_then_is_unknown(report):
    assert np.isnan(report.measurements.at("confidence", attack="fgsm")).all()
    assert not np.isnan(report.measurements.at("confidence")).any()
    assert report.targeted_attacks == ("pgd_targeted_steps3",)
    assert np.isinf(report.minimum_perturbation("ddn_steps8")).any()


def test_written_again_it_is_of_the_present_schema(report, tmp_path):
    assert EvaluationReport.from_json(report.to_json()) == report
    report.save(tmp_path / "report.npz")
    assert EvaluationReport.load(tmp_path / "report.npz") == report


def test_it_can_be_read_from_a_file_as_it_was_written(tmp_path, report):
    (tmp_path / "report.json").write_bytes(gzip.decompress(PATH.read_bytes()))
    assert EvaluationReport.from_json(tmp_path / "report.json") == report


def _without(*path: str) -> Any:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        del config[path[-1]]

    return change


def _with(value: Any, *path: str) -> Any:
    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("samples", "labels"), "'labels' is missing"),
        (_without("samples", "reference_blank", "grad_cam"), "samples.nissim` must have the same names"),
        (_without("samples", "nissim", "fgsm", "grad_cam", "clean"), "the same targets of 'grad_cam'"),
        (_without("samples", "nissim", "fgsm"), "samples.nissim` must have the same names"),
        (_without("samples", "nissim", "fgsm", "grad_cam"), "samples.nissim` must have the same names"),
        (_without("samples", "blank", "fgsm"), "samples.blank` must have the same names"),
        (_without("samples", "blank", "fgsm", "grad_cam"), "samples.blank` must have the same names"),
        (_without("samples", "attacked", "fgsm"), "samples.nissim"),
        (_without("samples", "scores", "log_odds", "fgsm"), "samples.scores"),
        (_with([1], "samples", "labels"), "measurements.prediction"),
        (_with([2.9] * 12, "samples", "labels"), "classes"),
        (_with([7.0] * 12, "samples", "confidence"), "measurements.confidence"),
        (_with([0.1, 0.2], "samples", "epsilons"), "samples.attacked"),
        (_with({}, "samples", "lengths", "pgd"), "samples.lengths"),
        (_with("x", "samples", "attacked"), "samples"),
        (_with([], "samples"), "`samples` must be a dictionary"),
        (_with([], "samples", "completeness"), "`samples.completeness` must be a dictionary"),
        (_with(False, "samples", "distances"), "`samples.distances` must be a dictionary"),
        (_with("", "samples", "attack_targets"), "`samples.attack_targets` must be a dictionary"),
        (_with(0, "samples", "scores"), "`samples.scores` must be a dictionary"),
        (_with([], "samples", "broken"), "`samples.broken` must be a dictionary"),
        (_with(1, "samples", "unheard_of"), "'unheard_of', which does not belong there"),
        (_with({}, "provenance"), "coordinates.targets|samples.nissim"),
        (_without("warnings"), "`warnings` must be a list"),
    ],
)
def test_what_does_not_fit_is_refused(old, change, message):
    changed = copy.deepcopy(old)
    change(changed)
    with pytest.raises(ValueError, match=message):
        EvaluationReport.from_dict(changed)
