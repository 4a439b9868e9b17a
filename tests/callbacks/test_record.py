"""What a training leaves on the disk, read again: whole, damaged, or of another one."""

from __future__ import annotations

import json
import pathlib

import pytest
from disks import most_bytes
from event_files import steps
from figures.made_report import make_report

from keras_advxai import EvaluationReport
from keras_advxai.callbacks.record import TrainingRecord
from keras_advxai.tensorboard import ReportWriter

IDENTITY = {"settings": {"epsilons": (0.1, 0.2)}, "name": None}
REPORTS = {epoch: make_report(seed=epoch) for epoch in range(3)}


@pytest.fixture
def saved(tmp_path):
    """A training of three epochs that was killed."""
    record = TrainingRecord(tmp_path, IDENTITY)
    assert record.begin(0).reports == {}
    with ReportWriter(tmp_path) as writer:
        for epoch in range(3):
            writer.write(REPORTS[epoch], epoch, images=False)
            known = {number: report for number, report in REPORTS.items() if number <= epoch}
            record.save(epoch + 1, known, {1: "It failed"}, REPORTS[epoch])
    return tmp_path


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_it_goes_on_from_any_epoch(saved, epoch):
    earlier = TrainingRecord(saved, IDENTITY).begin(epoch)
    assert earlier.reports == {number: report for number, report in REPORTS.items() if number < epoch}
    assert earlier.failures == ({1: "It failed"} if epoch > 1 else {})
    assert earlier.missing == ()
    assert steps(saved / "advxai" / "clean").get("advxai/accuracy/fgsm", []) == list(range(epoch))
    assert len(list((saved / "advxai" / "epochs").iterdir())) == epoch
    # A process that is killed now has not come further.
    assert TrainingRecord(saved, IDENTITY).begin(epoch) == earlier


def test_later_epochs_are_missing(saved):
    assert TrainingRecord(saved, IDENTITY).begin(5).missing == (3, 4)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", '{"began": 0}', "\0" * 100, "[" * 100_000),
        json.dumps({"began": 0, "next": "3", "failures": {}, "finished": False, "identity": IDENTITY}),
        json.dumps({"began": 0, "next": 3, "failures": {"x": "y"}, "finished": False, "identity": IDENTITY}),
        json.dumps({"began": 0, "next": -3, "failures": {}, "finished": False, "identity": IDENTITY}),
        json.dumps({"began": 0, "next": 3, "failures": {"9" * 5000: ""}, "finished": False, "identity": IDENTITY}),
        json.dumps({"began": 0, "next": 3, "failures": {}, "finished": False, "identity": {"name": "other"}}),
    ],
)
def test_a_record_that_is_something_else_is_none(saved, content):
    (saved / "advxai" / "training.json").write_text(content)
    assert TrainingRecord(saved, IDENTITY).begin(2).reports == {}
    assert steps(saved / "advxai" / "clean")["advxai/accuracy/fgsm"] == [0, 1, 2]  # of whomever they are


def test_a_report_that_is_damaged_is_left_out(saved):
    path = saved / "advxai" / "epochs" / "0001.npz"
    path.write_bytes(path.read_bytes()[:-30])
    (saved / "advxai" / "epochs" / "mine.npz").write_text("mine")
    assert sorted(TrainingRecord(saved, IDENTITY).begin(3).reports) == [0, 2]


def test_what_does_not_fit_is_saved_the_next_time(tmp_path):
    record = TrainingRecord(tmp_path, IDENTITY)
    record.begin(0)
    with most_bytes(500), pytest.raises(OSError, match="too large"):
        record.save(1, {0: REPORTS[0]}, {}, REPORTS[0])
    assert json.loads((tmp_path / "advxai" / "training.json").read_text())["next"] == 0
    record.save(2, {0: REPORTS[0], 1: REPORTS[1]}, {}, REPORTS[1])
    assert TrainingRecord(tmp_path, IDENTITY).begin(2).reports == {0: REPORTS[0], 1: REPORTS[1]}
    assert EvaluationReport.from_json(tmp_path / "advxai" / "report.json") == REPORTS[1]


def test_what_is_saved_is_not_written_again(saved):
    record = TrainingRecord(saved, IDENTITY)
    record.begin(3)
    record.save(4, REPORTS, {}, REPORTS[2])
    before = {path: path.stat().st_ino for path in pathlib.Path(saved, "advxai").rglob("*") if path.is_file()}
    record.save(5, REPORTS, {}, REPORTS[2])  # each file that is written is another one
    changed = {path.name for path, inode in before.items() if path.stat().st_ino != inode}
    assert changed == {"training.json"}
