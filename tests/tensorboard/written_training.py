"""A training of two epochs, written for the tests of its logs."""

from __future__ import annotations

from figures.made_report import make_report

from keras_advxai.tensorboard import ReportWriter

REPORTS = {1: make_report(seed=1, chance=True), 4: make_report(seed=4, chance=True)}
STRONGEST = "eps_16_255"


def write_training(path):
    """Write two epochs and the end."""
    with ReportWriter(path, hparams={"dropout": 0.5}) as writer:
        writer.begin({"epsilons": "8/255, 16/255"})
        for step, report in REPORTS.items():
            writer.write(report, step)
        writer.write_final(REPORTS[4], images=False)
