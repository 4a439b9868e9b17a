"""Writes the report of an evaluation to a log directory, whatever of it can be written."""

from __future__ import annotations

import pathlib

from keras_advxai._failures import Failures
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.captions import ClassNames
from keras_advxai.tensorboard.dashboards import HParams
from keras_advxai.tensorboard.directory import next_step
from keras_advxai.tensorboard.names import FOLDER, REPORT
from keras_advxai.tensorboard.writer import ReportWriter


def save_json(report: EvaluationReport, log_dir: pathlib.Path) -> None:
    """Write a report as JSON to its place in a log directory.

    Args:
        report: The report.
        log_dir: The directory.

    Raises:
        OSError: It cannot be written; an older one is as it was.
    """
    (log_dir / FOLDER).mkdir(parents=True, exist_ok=True)
    report.to_json(log_dir / FOLDER / REPORT)


def log_report(
    report: EvaluationReport, log_dir: pathlib.Path, class_names: ClassNames = None, hparams: HParams | None = None
) -> None:
    """Write the report of an evaluation to a log directory: as JSON, and to a run of its own.

    An error in one of them costs none of the others: the report took hours, and is to be returned. What failed is said
    in one `FailureWarning`, and in the log with its traceback.

    Args:
        report: The report.
        log_dir: The directory.
        class_names: The names of the classes, for the pictures. Defaults to their numbers.
        hparams: What to show in the HParams dashboard. Defaults to the settings of the report.
    """
    failures = Failures()
    with failures.noted(f"Writing {str(log_dir / FOLDER / REPORT)!r}"):
        save_json(report, log_dir)
    with (
        failures.noted(f"Logging to {str(log_dir)!r}"),
        ReportWriter(log_dir, class_names=class_names) as writer,
    ):
        writer.write_evaluation(report, next_step(log_dir), hparams)
    failures.tell("The report is returned all the same; `report.save(path)` keeps it.")
