"""An evaluation with several dissimilarities, ours and a user's own, against the public calls."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

EPSILONS = (0.02, 0.1)


def my_function(heatmaps, others):
    """The largest change of a pixel."""
    return tf.reduce_max(tf.abs(heatmaps - others), axis=(1, 2, 3))


def of_arrays(heatmaps, others):
    return np.abs(heatmaps - others).mean(axis=(1, 2, 3))


OF_ARRAYS = kax.metrics.Dissimilarity(of_arrays, name="of_arrays", upper=1, numpy=True)
METRICS = ("nissim", my_function, "rank_distance", OF_ARRAYS)
NAMES = ("nissim", "my_function", "rank_distance", "of_arrays")


@pytest.fixture(scope="module")
def report(faces_model, test_faces):
    return kax.evaluate(faces_model, test_faces, metrics=METRICS, epsilons=EPSILONS, progress=False)


@pytest.mark.slow
def test_each_is_what_it_is_by_itself(report, faces_model, test_faces):
    x, y = test_faces
    grad_cam = kax.explainers.GradCAM()
    clean = grad_cam(faces_model, x)
    assert report.metrics == NAMES
    for epsilon in EPSILONS:
        maps = grad_cam(faces_model, kax.attacks.FGSM()(faces_model, x, y, epsilon=epsilon))
        for metric in METRICS:
            found = report.dissimilarity("fgsm", grad_cam, epsilon, metric=metric)
            expected = kax.metrics.get(metric)(clean, maps)
            # ranks of pixels that are equal but for rounding may change places
            np.testing.assert_allclose(found, expected, atol=0.02 if metric == "rank_distance" else 2e-3)
            assert report.mod("fgsm", grad_cam, epsilon, metric=metric) == pytest.approx(np.mean(found))


@pytest.mark.slow
def test_the_first_is_the_one_of_an_evaluation_by_default(report, faces_model, test_faces):
    alone = kax.evaluate(faces_model, test_faces, epsilons=EPSILONS, progress=False)
    assert alone.metrics == ("nissim",)
    for attack in alone.attacks:
        assert report.vid(attack, "grad_cam") == pytest.approx(alone.vid(attack, "grad_cam"), abs=1e-6)
        for epsilon in EPSILONS:
            for split in (None, "flipped", "kept"):
                found = report.mod(attack, "grad_cam", epsilon, split=split)
                expected = alone.mod(attack, "grad_cam", epsilon, split=split)
                assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_splits_intervals_and_spread_of_each(report):
    flipped = report.measurements.at("prediction", attack="fgsm", epsilon=0.1) != report.measurements.at("prediction")
    assert flipped.any()
    for metric in NAMES:
        values = report.dissimilarity("fgsm", "grad_cam", 0.1, metric=metric)
        where = ("fgsm", "grad_cam", 0.1)
        assert report.mod(*where, metric=metric, split="flipped") == pytest.approx(np.nanmean(values[flipped]))
        assert report.mod(*where, metric=metric, split="kept") == pytest.approx(np.nanmean(values[~flipped]))
        low, high = report.mod_interval(*where, metric=metric)
        assert low < report.mod(*where, metric=metric) < high
        mods = [report.mod("fgsm", "grad_cam", epsilon, metric=metric) for epsilon in EPSILONS]
        assert report.vid("fgsm", "grad_cam", metric=metric) == pytest.approx(np.std(mods))
        low, high = report.vid_interval("fgsm", "grad_cam", metric=metric)
        assert low < np.std(mods) < high


def test_rows_and_table(report):
    assert len(report.rows) == 2 * 4 * 2
    for row in report.rows:
        assert row.mod == report.mod(row.attack, row.explainer, row.epsilon, metric=row.metric)
    text = str(report)
    for name in NAMES[1:]:
        assert text.count(f"grad_cam ({name}) at layer") == 1
    assert "Other dissimilarities of heatmaps, at 25x25: my_function, rank_distance and of_arrays." in text


def test_a_file_keeps_them(report, tmp_path):
    report.save(tmp_path / "report.npz")
    for again in (kax.EvaluationReport.from_json(report.to_json()), kax.EvaluationReport.load(tmp_path / "report.npz")):
        assert again == report


@pytest.mark.slow
def test_profiles_by_depth(model, few):
    explainers = kax.explainers.GradCAM.every_layer(model)
    found = kax.evaluate(
        model, few, explainers=explainers, metrics=("nissim", "center_shift"), epsilons=EPSILONS, progress=False
    )
    profile = found.depth_profile("fgsm", metric="center_shift")
    assert profile.metric == "center_shift"
    assert profile.mod[0, 1] == found.mod("fgsm", explainers[0], 0.1, metric="center_shift")
    assert " ".join(str(profile).split()).startswith("MOD (center_shift) by layer, fgsm ---")


def test_one_that_cannot_be_compiled_says_so(model, few):
    def with_numpy(heatmaps, others):
        return np.abs(np.asarray(heatmaps) - np.asarray(others)).mean(axis=(1, 2, 3))

    with pytest.raises(ValueError, match=r"'with_numpy' computes with NumPy .*register\(numpy=True\)"):
        kax.evaluate(model, few, metrics=with_numpy, epsilons=EPSILONS, progress=False)


@pytest.mark.slow
def test_the_audit_and_explainers_in_pairs_go_with_it(model, few):
    explainers = [kax.explainers.GradCAM(), kax.explainers.GradCAM(score="probability")]
    found = kax.evaluate(
        model, few, explainers=explainers, metrics=("cosine_distance",), epsilons=EPSILONS, progress=False
    )
    assert "NISSIM at" not in str(found)
    assert found.compare_scores().original.nissim["grad_cam"].shape == (6,)
