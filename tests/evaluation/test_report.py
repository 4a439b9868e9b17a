"""The report's figures, against numbers computed by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from keras_advxai.attacks import FGSM
from keras_advxai.evaluation import EvaluationReport, Samples
from keras_advxai.evaluation.finding import Finding
from keras_advxai.explainers import GradCAM

NAN = float("nan")


def make_report(nissim: list[list[float]], epsilons: tuple[float, ...] = (0.01, 0.1), **changes) -> EvaluationReport:
    """Four images, labels 0 1 1 0, the last one wrong when clean; at 0.1 the first two flip."""
    labels = np.array([0, 1, 1, 0], "int32")
    clean = np.array([0, 1, 1, 1], "int32")
    attacked = np.array([[0, 1, 1, 1], [1, 0, 1, 1]], "int32")[: len(epsilons)]
    values = np.array(nissim, "float64")
    samples = Samples(
        epsilons=epsilons,
        labels=labels,
        predictions=clean,
        confidence=np.array([0.9, 0.8, 0.7, 0.6], "float32"),
        attacked={"fgsm": attacked},
        nissim={"fgsm": {"grad_cam": {"predicted": values, "clean": values / 2}}},
        blank={"fgsm": {"grad_cam": np.isnan(values)}},
        reference_blank={"grad_cam": np.isnan(values).all(axis=0)},
    )
    provenance = {
        "model": "faces",
        "bounds": [0.0, 1.0],
        "target": "predicted",
        "labels": "given",
        "layers": {"grad_cam": ["conv"]},
        "heatmap_size": [25, 25],
        "ssim": "7x7 uniform window",
        "seed": 0,
    }
    return dataclasses.replace(EvaluationReport(samples, provenance), **changes)


@pytest.fixture
def report() -> EvaluationReport:
    return make_report([[0.0, 0.2, 0.1, NAN], [0.4, 0.5, 0.3, NAN]])


def test_accuracy_and_flips(report):
    assert report.clean_accuracy == 0.75
    assert report.accuracy("fgsm", 0.01) == 0.75
    assert report.accuracy("fgsm", 0.1) == 0.25
    assert report.flip_rate("fgsm", 0.01) == 0.0
    assert report.flip_rate("fgsm", 0.1) == 0.5
    assert report.attack_success_rate("fgsm", 0.01) == 0.0
    assert report.attack_success_rate("fgsm", 0.1) == pytest.approx(2 / 3)


def test_mod_leaves_out_pairs_without_reference_and_splits_by_flip(report):
    assert report.mod("fgsm", "grad_cam", 0.01) == pytest.approx(0.1)
    assert report.mod("fgsm", "grad_cam", 0.1) == pytest.approx(0.4)
    assert report.mod("fgsm", "grad_cam", 0.1, split="flipped") == pytest.approx(0.45)
    assert report.mod("fgsm", "grad_cam", 0.1, split="kept") == pytest.approx(0.3)
    assert math.isnan(report.mod("fgsm", "grad_cam", 0.01, split="flipped"))
    assert report.mod("fgsm", "grad_cam", 0.1, target="clean") == pytest.approx(0.2)


def test_vid_is_the_spread_over_strengths_and_not_over_images(report):
    assert report.vid("fgsm", "grad_cam") == pytest.approx(0.15)
    assert report.nissim_std("fgsm", "grad_cam", 0.1) == pytest.approx(np.std([0.4, 0.5, 0.3]))


def test_vid_of_a_single_strength_is_unknown():
    single = make_report([[0.1, 0.2, 0.3, 0.4]], epsilons=(0.01,))
    assert math.isnan(single.vid("fgsm", "grad_cam"))
    assert single.mod("fgsm", "grad_cam", 0.01) == pytest.approx(0.25)


def test_blank_rates(report):
    assert report.blank_rate(None, "grad_cam") == 0.25
    assert report.blank_rate("fgsm", "grad_cam", 0.1) == 0.25
    with pytest.raises(ValueError, match="Argument `epsilon` must be one of"):
        report.blank_rate("fgsm", "grad_cam")


def test_attacks_and_explainers_may_be_given_as_instances(report):
    assert report.mod(FGSM(), GradCAM(), 0.1) == report.mod("fgsm", "grad_cam", 0.1)


def test_epsilons_are_found_in_spite_of_rounding(report):
    assert report.accuracy("fgsm", np.float32(0.1)) == report.accuracy("fgsm", 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.accuracy("fgms", 0.1), "has no attack 'fgms'. Did you mean 'fgsm'"),
        (lambda r: r.mod("fgsm", "gradcam", 0.1), "has no explainer 'gradcam'. Did you mean 'grad_cam'"),
        (lambda r: r.mod("fgsm", "grad_cam", 0.5), "must be one of the strengths, 0.01, 0.1"),
        (lambda r: r.mod("fgsm", "grad_cam", "0.1"), "must be one of the strengths, 0.01, 0.1"),
        (lambda r: r.mod("fgsm", "grad_cam", 0.1, split="both"), "`split` must be 'flipped', 'kept'"),
        (lambda r: r.mod("fgsm", "grad_cam", 0.1, target="label"), "no heatmaps of 'grad_cam' for target='label'"),
    ],
)
def test_what_the_report_does_not_have(report, call, message):
    with pytest.raises(ValueError, match=message):
        call(report)


def test_rows_agree_with_the_methods(report):
    (first, second) = report.rows
    assert (first.attack, first.explainer, first.epsilon, first.images) == ("fgsm", "grad_cam", 0.01, 4)
    assert second.mod == report.mod("fgsm", "grad_cam", 0.1)
    assert (second.mod_low, second.mod_high) == report.mod_interval("fgsm", "grad_cam", 0.1)
    assert second.mod_low <= second.mod <= second.mod_high
    assert second.mod_clean == report.mod("fgsm", "grad_cam", 0.1, target="clean")
    assert second.left_out == 1


def test_intervals_of_vid_contain_it(report):
    low, high = report.vid_interval("fgsm", "grad_cam")
    assert low <= report.vid("fgsm", "grad_cam") <= high


def test_json_round_trip_keeps_everything_but_the_examples(report, tmp_path):
    text = report.to_json(tmp_path / "report.json")
    assert "NaN" not in text
    assert json.loads(text)["rows"][0]["mod_flipped"] is None
    for copy in (EvaluationReport.from_json(text), EvaluationReport.from_json(tmp_path / "report.json")):
        assert copy == report
        np.testing.assert_array_equal(copy.nissim("fgsm", "grad_cam", 0.1), report.nissim("fgsm", "grad_cam", 0.1))
        assert copy.samples.attacked["fgsm"].dtype == report.samples.attacked["fgsm"].dtype
    assert EvaluationReport.from_dict(report.to_dict()) == report


def test_reports_that_differ_are_not_equal(report):
    assert report != make_report([[0.0, 0.2, 0.1, NAN], [0.4, 0.5, 0.31, NAN]])


def test_samples_tell_the_story_of_each_image(report):
    assert len(report.samples) == 4
    first = report.samples[0]
    assert first["label"] == 0
    assert first["predictions"] == {"fgsm": {0.01: 0, 0.1: 1}}
    assert first["nissim"]["fgsm"]["grad_cam"]["predicted"] == {0.01: 0.0, 0.1: 0.4}
    assert [sample["index"] for sample in report.samples] == [0, 1, 2, 3]
    assert report.samples[-1]["index"] == 3
    with pytest.raises(IndexError, match="There are 4 images"):
        report.samples[4]


def test_the_table_is_aligned_and_complete(report):
    text = str(dataclasses.replace(report, warnings=(Finding("Mind the gap.", id="gap", severity="warning"),)))
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= 110
    rows = [line for line in text.splitlines() if line.strip().startswith(("0.01", "0.1", "VID"))]
    assert len(rows) == 3
    assert len({line.index(mod) for line, mod in zip(rows, ("0.100", "0.400", "0.150"), strict=True)}) == 1
    for part in (
        "clean accuracy 75.0 %",
        "0.400",
        "0.150",
        "VID",
        "grad_cam at layer conv",
        "Warning (gap): Mind the gap.",
    ):
        assert part in text


def test_the_table_writes_grey_levels_as_people_do():
    report = make_report([[0.1] * 4, [0.2] * 4], epsilons=(1 / 255, 8 / 255))
    assert "8/255" in str(report)
    assert "1/255" in str(report)


def test_a_report_without_explainers_has_rows_of_accuracy(report):
    samples = dataclasses.replace(report.samples, nissim={"fgsm": {}}, blank={"fgsm": {}}, reference_blank={})
    bare = dataclasses.replace(report, samples=samples)
    assert [row.accuracy for row in bare.rows] == [0.75, 0.25]
    assert bare.rows[0].explainer == ""
    assert "25.0 %" in str(bare)
    assert EvaluationReport.from_json(bare.to_json()) == bare


def test_to_dataframe(report):
    frame = report.to_dataframe()
    assert list(frame["epsilon"]) == [0.01, 0.1]
    assert frame["mod"].iloc[1] == report.mod("fgsm", "grad_cam", 0.1)
