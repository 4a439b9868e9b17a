"""The report's figures, against numbers computed by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from keras_advxai.attacks import FGSM
from keras_advxai.evaluation import Coordinates, EvaluationReport, Measurements
from keras_advxai.explainers import GradCAM
from keras_advxai.measurements.finding import Finding

NAN = float("nan")


def make_report(
    nissim: list[list[float]],
    epsilons: tuple[float, ...] = (0.01, 0.1),
    metrics: tuple[str, ...] = ("nissim",),
    explained: bool = True,
    **changes,
) -> EvaluationReport:
    """Four images, labels 0 1 1 0, the last one wrong when clean; at 0.1 the first two flip.

    The second dissimilarity is a fifth of the first, and turned round: 0.2 less a fifth.
    """
    values = np.array(nissim, "float64")
    both = [values, 0.2 - values / 5][: len(metrics)]
    blank = np.concatenate([np.isnan(values).all(axis=0)[None], np.isnan(values)])
    explainers = ("grad_cam",) if explained else ()
    coordinates = Coordinates(("fgsm",), explainers, metrics, ("predicted", "clean"), epsilons, classes=2)
    arrays = {"blank": [blank], "dissimilarity": [[[[value], [value / 2]]] for value in both]}
    measurements = Measurements.of(
        coordinates,
        label=[0, 1, 1, 0],
        prediction=[[0, 1, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1]][: 1 + len(epsilons)],
        confidence=[[0.9, 0.8, 0.7, 0.6]] * (1 + len(epsilons)),
        **(arrays if explained else {}),
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
    return dataclasses.replace(EvaluationReport(measurements, provenance), **changes)


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


def test_vid_is_the_spread_over_epsilons_and_not_over_images(report):
    assert report.vid("fgsm", "grad_cam") == pytest.approx(0.15)
    assert report.dissimilarity_std("fgsm", "grad_cam", 0.1) == pytest.approx(np.std([0.4, 0.5, 0.3]))


def test_vid_of_a_single_epsilon_is_unknown():
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
        (lambda r: r.mod("fgsm", "grad_cam", 0.5), "must be one of the report's, 0.01, 0.1"),
        (lambda r: r.mod("fgsm", "grad_cam", "0.1"), "must be one of the report's, 0.01, 0.1"),
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
    assert first.metric == "nissim"
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
        np.testing.assert_array_equal(
            copy.dissimilarity("fgsm", "grad_cam", 0.1), report.dissimilarity("fgsm", "grad_cam", 0.1)
        )
        for name, array in report.measurements.arrays.items():
            assert copy.measurements.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(copy.measurements.arrays[name], array)
    assert EvaluationReport.from_dict(report.to_dict()) == report


def test_reports_that_differ_are_not_equal(report):
    assert report != make_report([[0.0, 0.2, 0.1, NAN], [0.4, 0.5, 0.31, NAN]])


def test_samples_tell_the_story_of_each_image(report):
    assert len(report.samples) == 4
    first = report.samples[0]
    assert first["label"] == 0
    assert first["prediction"] == {"clean": 0, "fgsm": {0.01: 0, 0.1: 1}}
    assert first["dissimilarity"]["nissim"]["grad_cam"]["predicted"]["fgsm"] == {0.01: 0.0, 0.1: 0.4}
    assert [sample["index"] for sample in report.samples] == [0, 1, 2, 3]
    assert report.samples[-1]["index"] == 3
    with pytest.raises(IndexError, match="There are 4 images"):
        report.samples[4]
    assert str(report.samples[np.int64(1)]) == str(report.samples[1]) == str(report.samples[:2][1])


@pytest.mark.parametrize("index", ["a", "label", None, 1.0, [0, 1]])
def test_samples_are_asked_for_by_number(report, index):
    with pytest.raises(TypeError, match=r"Samples are the 4 images, by number.*report\.measurements\.at.*Received"):
        report.samples[index]


def test_the_clean_images_have_no_epsilon(report):
    for ask in (report.accuracy_interval, report.exact_accuracy, report.mean_error):
        ask(None)
        ask("fgsm", 0.1)
        for epsilon in (0.1, 0.77):
            with pytest.raises(ValueError, match=f"clean images have no epsilon.*attack=None, epsilon={epsilon}"):
                ask(None, epsilon)
        with pytest.raises(ValueError, match="must be one of the report's"):
            ask("fgsm", 0.77)
    with pytest.raises(ValueError, match="clean images have no epsilon"):
        report.blank_rate(None, "grad_cam", 0.1)
    with pytest.raises(ValueError, match="an epsilon is that of an attack"):
        report.measurements.at("prediction", epsilon=0.1)


def test_the_table_is_aligned_and_complete(report):
    text = str(dataclasses.replace(report, warnings=(Finding("Mind the gap.", id="gap", severity="warning"),)))
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= 120
    rows = [line for line in text.splitlines() if line.strip().startswith(("0.01", "0.1", "VID"))]
    assert len(rows) == 3
    assert len({line.index(mod) for line, mod in zip(rows, ("0.100", "0.400", "0.150"), strict=True)}) == 1
    for part in (
        "clean accuracy 75.0 % (30.1-95.4)",
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


def test_a_report_without_explainers_has_rows_of_accuracy():
    bare = make_report([[0.0] * 4, [0.0] * 4], explained=False)
    assert [row.accuracy for row in bare.rows] == [0.75, 0.25]
    assert bare.rows[0].explainer == ""
    assert "25.0 %" in str(bare)
    assert EvaluationReport.from_json(bare.to_json()) == bare


def test_to_dataframe(report):
    frame = report.to_dataframe()
    assert list(frame["epsilon"]) == [0.01, 0.1]
    assert frame["mod"].iloc[1] == report.mod("fgsm", "grad_cam", 0.1)


@pytest.fixture
def two() -> EvaluationReport:
    """With two dissimilarities: 0.2 less a fifth of NISSIM is the second."""
    return make_report([[0.0, 0.2, 0.1, NAN], [0.4, 0.5, 0.3, NAN]], metrics=("nissim", "own"))


def test_every_figure_of_drift_is_there_for_each_dissimilarity(two, report):
    assert two.metrics == ("nissim", "own")
    where = ("fgsm", "grad_cam", 0.1)
    np.testing.assert_allclose(two.dissimilarity(*where, metric="own"), [0.12, 0.1, 0.14, NAN])
    np.testing.assert_array_equal(two.dissimilarity(*where), two.dissimilarity(*where, metric="nissim"))
    assert two.mod(*where) == two.mod(*where, metric="nissim") == report.mod(*where)
    assert two.mod(*where, metric="own") == pytest.approx(0.12)
    assert two.mod(*where, metric="own", split="flipped") == pytest.approx(0.11)
    assert two.mod(*where, metric="own", split="kept") == pytest.approx(0.14)
    assert two.mod(*where, metric="own", target="clean") == pytest.approx(0.06)
    assert two.dissimilarity_std(*where, metric="own") == pytest.approx(np.std([0.12, 0.1, 0.14]))
    assert two.vid("fgsm", "grad_cam", metric="own") == pytest.approx(0.15 / 5)
    assert two.vid("fgsm", "grad_cam") == report.vid("fgsm", "grad_cam")


def test_intervals_of_each_dissimilarity_are_drawn_from_the_same_images(two):
    low, high = two.mod_interval("fgsm", "grad_cam", 0.1)
    assert two.mod_interval("fgsm", "grad_cam", 0.1, metric="own") == pytest.approx((0.2 - high / 5, 0.2 - low / 5))
    spread = two.vid_interval("fgsm", "grad_cam")
    assert two.vid_interval("fgsm", "grad_cam", metric="own") == pytest.approx([end / 5 for end in spread])


def test_rows_and_tables_of_each_dissimilarity(two, report):
    assert [(row.metric, row.epsilon) for row in two.rows] == [
        *(("nissim", 0.01), ("nissim", 0.1), ("own", 0.01), ("own", 0.1))
    ]
    assert [row.to_dict() for row in two.rows[:2]] == [row.to_dict() for row in report.rows]
    last = two.rows[-1]
    assert (last.mod, last.std) == tuple(
        getattr(two, name)("fgsm", "grad_cam", 0.1, metric="own") for name in ("mod", "dissimilarity_std")
    )
    assert (last.mod_low, last.mod_high) == two.mod_interval("fgsm", "grad_cam", 0.1, metric="own")
    assert last.mod_flipped == two.mod("fgsm", "grad_cam", 0.1, metric="own", split="flipped")
    text = str(two)
    titles = [line.strip() for line in text.splitlines() if line.strip().startswith("grad_cam")]
    assert titles == ["grad_cam at layer conv", "grad_cam (own) at layer conv"]
    assert "Other dissimilarities of heatmaps, at 25x25: own." in text
    vids = [line.split()[1] for line in text.splitlines() if line.strip().startswith("VID")]
    assert vids == ["0.150", "0.030"]
    assert list(two.to_dataframe()["metric"]) == ["nissim", "nissim", "own", "own"]


def test_a_dissimilarity_that_was_not_measured(two):
    with pytest.raises(ValueError, match=r"has no metric 'nisim'. Did you mean 'nissim'.* It has: nissim, own"):
        two.mod("fgsm", "grad_cam", 0.1, metric="nisim")


@pytest.mark.slow
def test_files_of_a_report_with_several_dissimilarities(two, tmp_path):
    """Also of a function that is not known where they are read."""
    two.save(tmp_path / "report.npz")
    for copy in (EvaluationReport.from_json(two.to_json()), EvaluationReport.load(tmp_path / "report.npz")):
        assert copy == two
        assert copy.vid("fgsm", "grad_cam", metric="own") == two.vid("fgsm", "grad_cam", metric="own")
    assert [entry["metric"] for entry in two.to_dict()["vid"]] == ["nissim", "own"]


def test_methods_that_ask_the_measurements_are_explained_without_them():
    for method in (EvaluationReport.mod, EvaluationReport.robust_accuracy, EvaluationReport.accuracy):
        assert len(method.__doc__) > 100
        assert "Args:" in method.__doc__
        assert "found:" not in method.__doc__
