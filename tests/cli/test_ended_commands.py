"""What was measured is kept where a command is interrupted or asked to end, and the same command goes on from there."""

import os
import signal
import threading

import pytest

import keras_advxai as kax
from keras_advxai.data import ImageFiles
from keras_advxai.execution.collected import Collected

COMMAND = ("evaluate", "--model", "model.keras", "--bounds", "0", "1", "--data", "colours")
QUICK = (*COMMAND, "--explainer", "none", "--no-noise", "--epsilon", "0.1")


@pytest.mark.slow
def test_an_interruption_keeps_the_journal_and_the_same_command_goes_on(run, monkeypatch, tmp_path):
    read = ImageFiles.__getitem__

    def interrupted(self, index):
        if index == 1:  # behind the first batch
            raise KeyboardInterrupt
        return read(self, index)

    command = (*QUICK, "--batch-size", "4", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr(ImageFiles, "__getitem__", interrupted)
        code, _, err = run(*command, "--journal", "run.journal", "--output", tmp_path / "out")
        assert code == 130
        kept = "What was measured of 4 images is in run.journal: the same command goes on from there."
        report = f"The report of 4 images is in {tmp_path / 'out'}."
        assert err == f"keras-advxai: error: Interrupted. {kept} {report}\n"
        code, _, err = run(*command)
        assert (code, err.count("\n")) == (130, 1)
        assert "Nothing was kept; with --journal FILE" in err
    assert len(kax.EvaluationReport.load(tmp_path / "out" / "report.npz").measurements) == 4
    assert run(*command, "--journal", "run.journal", "--output", tmp_path / "out")[0] == 0
    assert run(*command, "--output", tmp_path / "one")[0] == 0
    one, resumed = (kax.EvaluationReport.load(tmp_path / name / "report.npz") for name in ("one", "out"))
    assert resumed == one


@pytest.mark.slow
def test_a_request_to_end_keeps_what_was_measured(run, monkeypatch, tmp_path):
    """As a scheduler sends it when a job's time is nearly up."""
    read, add, before = ImageFiles.__getitem__, Collected.add, signal.getsignal(signal.SIGTERM)
    measured = threading.Event()

    def added(self, part):
        add(self, part)
        measured.set()

    def ended(self, index):
        if index == 1:
            assert measured.wait(120)  # batches are read ahead, while the one before is measured
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, index)

    command = (*QUICK, "--batch-size", "4", "--quiet", "--journal", "run.journal", "--output", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Collected, "add", added)
        patch.setattr(ImageFiles, "__getitem__", ended)
        code, _, err = run(*command)
    assert code == 143
    assert err.startswith(
        "keras-advxai: error: Ended. What was measured of 4 images is in run.journal: the same command"
    )
    assert signal.getsignal(signal.SIGTERM) == before
    assert len(kax.EvaluationReport.load(tmp_path / "out" / "report.npz").measurements) == 4
    assert run(*command)[0] == 0
