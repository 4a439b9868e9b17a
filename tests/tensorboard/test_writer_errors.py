"""What the writer refuses."""

from __future__ import annotations

import pytest
from figures.made_report import make_report

from keras_advxai.tensorboard import ReportWriter

REPORTS = {1: make_report(seed=1)}


@pytest.mark.parametrize("step", [1.5, "1", None, True])
def test_steps_are_whole_numbers(tmp_path, step):
    with (
        ReportWriter(tmp_path) as writer,
        pytest.raises(TypeError, match=f"the epoch. Received: step={step!r}"),
    ):
        writer.write(REPORTS[1], step)


def test_other_things_are_refused(tmp_path):
    with ReportWriter(tmp_path) as writer:
        for write in (writer.write, writer.write_final, writer.write_evaluation):
            with pytest.raises(TypeError, match=r"`report` must be an EvaluationReport\. Received: dict"):
                write({}, 0)
