"""What `evaluate` has computed is returned, whatever becomes of its logs; and what can be checked, it checks before."""

from __future__ import annotations

import logging
import shutil
import warnings

import keras
import numpy as np
import pytest
from acting import Acting
from disks import fill, most_bytes, small_disk
from event_files import folders, steps
from helpers import UndrawableNames

import keras_advxai as kax
from keras_advxai.callbacks import FailureWarning
from keras_advxai.tensorboard.disk_space import logged_bytes, saved_bytes

IMAGES = np.random.default_rng(0).random((12, 8, 8, 1), "float32"), np.arange(12) % 2


@pytest.fixture(scope="module")
def evaluated():
    """Evaluates one model, which is traced once; what the attack does in between is given."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )

    def evaluated(*actions, **settings):
        Acting.does(*actions)
        settings = {
            "attacks": (Acting(),),
            "epsilons": (0.1, 0.2),
            "noise_control": False,
            "progress": False,
            **settings,
        }
        return kax.evaluate(model, IMAGES, **settings)

    return evaluated


def failing(call):
    """What a call returned, and the one warning of ours."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call()
    (warning,) = [item for item in caught if item.category is FailureWarning]
    assert warning.filename == __file__
    return found, str(warning.message)


@pytest.mark.slow
def test_an_error_in_drawing_costs_neither_the_report_nor_numbers(evaluated, tmp_path, caplog):
    right = evaluated(log_dir=tmp_path / "right")
    report, said = failing(lambda: evaluated(log_dir=tmp_path / "logs", class_names=UndrawableNames(["a", "b"])))
    np.testing.assert_array_equal(
        report.dissimilarity("acting", "grad_cam", 0.1), right.dissimilarity("acting", "grad_cam", 0.1)
    )
    assert said == (
        f"Logging to '{tmp_path / 'logs'}' failed (RuntimeError: No name can be had.). The report is returned all the "
        "same; `report.save(path)` keeps it."
    )
    (record,) = [item for item in caplog.records if item.name == "keras_advxai"]
    assert record.levelno == logging.WARNING
    assert "Traceback" in caplog.text
    assert "in __getitem__" in caplog.text
    assert kax.EvaluationReport.from_json(tmp_path / "logs" / "advxai" / "report.json") == report
    for run in folders(tmp_path / "right"):
        right_tags = steps(tmp_path / "right" / run)
        # Drawn with the names of the classes, so they are what the error costs; all the rest is there.
        drawn = {
            tag
            for tag in right_tags
            if tag.startswith(("advxai_samples/", "advxai_images/", "advxai_report/3_comparison/"))
        }
        assert steps(tmp_path / "logs" / run) == {tag: at for tag, at in right_tags.items() if tag not in drawn}


@pytest.mark.parametrize("fault", ["replaced by a file", "full", "full from the first byte"])
def test_a_directory_that_goes_wrong_meanwhile_costs_no_report(evaluated, tmp_path, fault):
    logs = tmp_path / "logs"
    logs.mkdir()
    right = evaluated()
    if fault == "replaced by a file":

        def go_wrong(_):
            if logs.is_dir():
                shutil.rmtree(logs)
                logs.write_text("mine")

        report, said = failing(lambda: evaluated(go_wrong, log_dir=logs))
        assert "NotADirectoryError" in said or "FileExistsError" in said
        assert logs.read_text() == "mine"
    else:
        with small_disk(logs, "1M"):
            left = 0 if "first" in fault else 20_000
            report, said = failing(lambda: evaluated(lambda _: fill(logs, left), log_dir=logs))
            assert "No space left on device" in said
            assert (logs / "advxai" / "report.json").exists() == (left > 0)
            assert not any(steps(logs / run) == {} for run in folders(logs))  # each file is whole, or is not there
    assert report == right
    assert said.endswith("The report is returned all the same; `report.save(path)` keeps it.")


@pytest.mark.parametrize("fault", ["name", "file", "room", "quota"])
def test_what_can_be_checked_is_checked_before_anything_is_computed(evaluated, tmp_path, fault):
    logs = tmp_path / ("a" * 300 if fault == "name" else "logs")
    if fault == "file":
        logs.write_text("mine")
    if fault == "room":
        with small_disk(logs, "100K"):
            fill(logs, 5000)
            with pytest.raises(ValueError, match=r"`log_dir` must be.*will be written"):
                evaluated(log_dir=logs)
    elif fault == "quota":
        with most_bytes(5000), pytest.raises(ValueError, match=r"`log_dir` must be.*will be written"):
            evaluated(log_dir=logs)
    else:
        with pytest.raises(ValueError, match="`log_dir` must be a directory that can be written to"):
            evaluated(log_dir=logs)
    assert not Acting.sizes


@pytest.mark.parametrize("settings", [{}, {"explainers": ()}, {"images": 0}, {"metrics": ("nissim", "center_shift")}])
def test_no_more_room_is_asked_for_than_is_taken(evaluated, tmp_path, settings):
    report = evaluated(log_dir=tmp_path, **settings)
    json = (tmp_path / "advxai" / "report.json").stat().st_size
    events = sum(path.stat().st_size for path in tmp_path.rglob("*tfevents*"))
    assert json / 4 < saved_bytes(report.settings, 12) < json
    assert events / 6 < logged_bytes(report.settings, final=True) < events
