"""`evaluate`, as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import keras_advxai as kax


@pytest.mark.slow
def test_the_default_call(faces_model, test_faces, capsys):
    report = kax.evaluate(faces_model, test_faces)
    assert isinstance(report, kax.EvaluationReport)
    assert report.epsilons == (1 / 255, 2 / 255, 4 / 255, 8 / 255)
    assert report.attacks == ("fgsm", "uniform_noise")
    assert report.explainers == ("grad_cam",)
    accuracies = [report.accuracy("fgsm", epsilon) for epsilon in report.epsilons]
    assert report.clean_accuracy >= accuracies[0] >= accuracies[-1]
    mods = [report.mod("fgsm", "grad_cam", epsilon) for epsilon in report.epsilons]
    assert mods == sorted(mods)
    assert report.vid("fgsm", "grad_cam") == pytest.approx(np.std(mods))
    out, err = capsys.readouterr()
    assert out == ""
    assert "img/s" in err
    assert "50/50" in err


def test_no_progress_no_output(faces_model, test_faces, capsys):
    kax.evaluate(faces_model, test_faces, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_what_is_written(faces_model, test_faces, tmp_path):
    report = kax.evaluate(faces_model, test_faces, log_dir=tmp_path / "logs", progress=False)
    assert kax.EvaluationReport.from_json(tmp_path / "logs" / "advxai" / "report.json") == report
    assert [path.name for path in (tmp_path / "logs" / "advxai").iterdir() if path.is_dir()] == ["evaluation"]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nothing"])
def test_a_log_directory_that_cannot_be_written(faces_model, test_faces, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=r"`log_dir` must be a directory that can be written to\. Received"):
        kax.evaluate(faces_model, test_faces, log_dir=tmp_path / place, progress=False)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failed_call_leaves_existing_logs_alone(faces_model, test_faces, tmp_path):
    kax.evaluate(faces_model, test_faces, log_dir=tmp_path, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    x, y = test_faces
    for data in ((x * 2, y), (x, y + 1)):
        with pytest.raises(ValueError, match="must lie"):
            kax.evaluate(faces_model, data, log_dir=tmp_path, progress=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_same_call_gives_the_same_report(faces_model, test_faces):
    first, second = (kax.evaluate(faces_model, test_faces, progress=False) for _ in range(2))
    assert first == second
    other = kax.evaluate(faces_model, test_faces, seed=1, progress=False)
    noise = [
        report.measurements.at("dissimilarity", attack="uniform_noise", explainer="grad_cam")
        for report in (first, other)
    ]
    assert not np.array_equal(*noise)


def test_class_names_are_checked_before_anything_is_computed(faces_model, test_faces, tmp_path, capsys):
    for names, error in ((["face"], ValueError), (["a", "b", "c"], ValueError), ("ab", TypeError)):
        with pytest.raises(error, match="Argument `class_names` must"):
            kax.evaluate(faces_model, test_faces, class_names=names, log_dir=tmp_path)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_report_says_what_it_is_in_one_line(faces_model, test_faces):
    report = kax.evaluate(faces_model, test_faces, epsilons=(0.1,), progress=False)
    assert repr(report) == (
        "EvaluationReport(50 images, attacks=('fgsm', 'uniform_noise'), explainers=('grad_cam',), epsilons=(0.1,))"
    )


@pytest.mark.slow
def test_pixels_as_bytes(faces_model, test_faces):
    x, y = test_faces
    pixels = np.round(x * 255).astype("uint8")
    kept = pixels.copy()
    classifier = kax.ImageClassifier(faces_model, bounds=(0, 255), preprocess=lambda images: images / 255.0)
    as_bytes = kax.evaluate(classifier, (pixels, y), progress=False)
    as_floats = kax.evaluate(faces_model, (pixels / np.float32(255), y), progress=False)
    np.testing.assert_array_equal(pixels, kept)
    for epsilon in as_bytes.epsilons:
        assert as_bytes.accuracy("fgsm", epsilon) == as_floats.accuracy("fgsm", epsilon)
        expected = as_floats.mod("fgsm", "grad_cam", epsilon)
        assert as_bytes.mod("fgsm", "grad_cam", epsilon) == pytest.approx(expected, abs=2e-3)


def test_a_single_epsilon_has_no_vid_and_the_report_says_so(faces_model, test_faces):
    report = kax.evaluate(faces_model, test_faces, epsilons=(0.05,), progress=False)
    assert np.isnan(report.vid("fgsm", "grad_cam"))
    assert any("VID is a spread over epsilons" in warning for warning in report.warnings)
    assert json.loads(report.to_json())["vid"][0]["vid"] is None


def test_budgets_of_the_euclidean_norm_may_be_longer_than_one_pixel(faces_model, test_faces):
    report = kax.evaluate(
        faces_model, test_faces, attacks=[kax.attacks.FGSM(norm="l2")], epsilons=(0.5, 2.0), progress=False
    )
    assert report.accuracy("fgsm_l2", 2.0) < report.accuracy("fgsm_l2", 0.5) <= report.clean_accuracy
    with pytest.raises(ValueError, match="fractions of the bounds' width"):
        kax.evaluate(faces_model, test_faces, attacks=["fgsm", kax.attacks.FGSM(norm="l2")], epsilons=(0.5, 2.0))


def test_another_backend_is_refused_before_anything_else():
    code = "import keras_advxai as kax; kax.evaluate"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"KERAS_BACKEND": "jax", "PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Received: KERAS_BACKEND='jax'. Set the environment variable KERAS_BACKEND=tensorflow" in done.stderr


def test_the_old_name_of_list_layers_works_for_one_version_more(model):
    with pytest.warns(DeprecationWarning, match=r"keras_advxai\.list_layers\(model\) now") as caught:
        found = kax.layers(model)
    assert caught[0].filename == __file__
    assert found == kax.list_layers(model)
    assert [info.name for info in found] == ["conv1", "pool1", "conv2", "pool2", "conv3"]
    assert found.default.name == "conv3"
    assert "layers" not in kax.__all__


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluation", "audit", "contrib", "metrics", "wrappers"])
def test_modules_are_there_before_anything_is_used(name):
    code = f"import keras_advxai as kax; print(kax.{name}.__name__, '{name}' in dir(kax), kax.{name}.__all__[0])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[:2] == [f"keras_advxai.{name}", "True"], done.stderr[-2000:]


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match=r"has no attribute 'evaluat'; it has EvaluationError, .*evaluate"):
        _ = kax.evaluat
