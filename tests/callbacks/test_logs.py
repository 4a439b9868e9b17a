"""What a training writes to its log directory, and when an epoch counts as done."""

from __future__ import annotations

import json

import pytest
from event_files import steps
from figures.made_report import make_report
from helpers import UndrawableNames

from keras_advxai.callbacks.history import EvaluationHistory
from keras_advxai.callbacks.logs import TrainingLogs

REPORTS = [make_report(seed=epoch) for epoch in range(3)]


@pytest.fixture
def history():
    return EvaluationHistory(None)


def add(history, epoch):
    history.add(epoch, REPORTS[epoch])
    history.following = epoch + 1
    return REPORTS[epoch], history


def done(log_dir):
    saved = sorted(path.name for path in (log_dir / "advxai" / "epochs").glob("*"))
    return json.loads((log_dir / "advxai" / "training.json").read_text())["next"], saved


def test_an_epoch_is_not_done_before_it_is_in_the_event_files(tmp_path, history):
    logs = TrainingLogs(tmp_path, None, {})
    logs.begin(0)
    (tmp_path / "advxai" / "eps_8_255").write_text("mine")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        logs.write(0, *add(history, 0))
    assert done(tmp_path) == (0, [])
    (tmp_path / "advxai" / "eps_8_255").unlink()
    logs.write(1, *add(history, 1))
    assert done(tmp_path) == (2, ["0000.npz", "0001.npz"])
    for run in ("clean", "eps_8_255"):
        assert steps(tmp_path / "advxai" / run)["advxai/accuracy/fgsm"] == [0, 1]


def test_what_waits_is_written_after_an_epoch_without_an_evaluation(tmp_path, history):
    logs = TrainingLogs(tmp_path, None, {})
    logs.begin(0)
    (tmp_path / "advxai" / "eps_8_255").write_text("mine")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        logs.write(0, *add(history, 0))
    (tmp_path / "advxai" / "eps_8_255").unlink()
    history.following = 2
    logs.write(1, None, history)
    assert done(tmp_path) == (2, ["0000.npz"])
    assert steps(tmp_path / "advxai" / "clean")["advxai/accuracy/fgsm"] == [0]


def test_an_epoch_whose_pictures_cannot_be_drawn_is_done(tmp_path, history):
    logs = TrainingLogs(tmp_path, UndrawableNames(["a", "b"]), {})
    logs.begin(0)
    with pytest.raises(RuntimeError, match="No name can be had"):
        logs.write(0, *add(history, 0))
    assert done(tmp_path) == (1, ["0000.npz"])
    assert steps(tmp_path / "advxai" / "clean")["advxai/accuracy/fgsm"] == [0]


def test_the_end_is_noted_after_everything_else(tmp_path, history):
    logs = TrainingLogs(tmp_path, None, {})
    logs.begin(0)
    logs.write(0, *add(history, 0))
    assert not json.loads((tmp_path / "advxai" / "training.json").read_text())["finished"]
    logs.finish(history)
    assert json.loads((tmp_path / "advxai" / "training.json").read_text())["finished"]
    assert steps(tmp_path / "advxai" / "clean")["~advxai_final/accuracy/clean"] == [0]
