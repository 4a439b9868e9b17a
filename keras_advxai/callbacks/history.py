"""What came of the epochs of a training."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping

import keras

from keras_advxai.callbacks.keys import failed_value, values
from keras_advxai.callbacks.record import Earlier
from keras_advxai.checks import TRAINING, TrainingEvidence
from keras_advxai.evaluation import EvaluationReport

FAILED = "evaluation-failed"
"""The finding of a report that stands for one that failed."""


class EvaluationHistory:
    """The reports of the epochs, what failed in which, and the values that are logged.

    Args:
        name: The name of the callback, for the keys.

    Attributes:
        name: The name of the callback.
        report: The report of the last evaluation that succeeded.
        reports: Epoch to report.
        failures: Epoch to what failed.
        earlier: What `reports` held of earlier trainings.
        values: The values of the last evaluation; none before the first.
        following: The epoch that follows.
    """

    def __init__(self, name: str | None) -> None:
        self.report: EvaluationReport | None = None
        self.reports: dict[int, EvaluationReport] = {}
        self.failures: dict[int, str] = {}
        self.earlier: tuple[dict[int, EvaluationReport], ...] = ()
        self.values: dict[str, float] = {}
        self.following = 0
        self.name = name
        self._model: Callable[[], keras.Model | None] = lambda: None  # of which `reports` are

    def begin(self, epoch: int, model: keras.Model) -> bool:
        """Keep the reports of the epochs before, if a training goes on from there, and of the others a trace.

        Args:
            epoch: The first epoch of the training.
            model: The model that is trained.

        Returns:
            Whether the training may be that of a process before.
        """
        goes_on = self._model() is model
        may_go_on = goes_on or not (self.reports or self.earlier)
        kept = {before: report for before, report in self.reports.items() if goes_on and before < epoch}
        if len(kept) < len(self.reports):
            self.earlier = (*self.earlier, self.reports)
        self.reports = kept  # another dictionary: whoever holds the old one keeps it whole
        self.failures = {before: text for before, text in self.failures.items() if goes_on and before < epoch}
        self.following = epoch
        self._model = weakref.ref(model)
        return may_go_on

    def take_over(self, earlier: Earlier) -> int:
        """Take what a process has left that was killed.

        Args:
            earlier: What it has left, which is a report at least.

        Returns:
            How many images its last report is of.
        """
        self.reports = dict(sorted({**earlier.reports, **self.reports}.items()))
        self.failures = {**earlier.failures, **self.failures}
        last = self.reports[max(self.reports)]
        self.report, self.values = last, values(last, self.name)
        return len(last.measurements)

    def is_time(self, epoch: int, every: int) -> bool:
        """Whether an epoch is to be evaluated."""
        # The first one in any case: CSVLogger takes its columns from there, and never gets one that comes later. And
        # the one after a failure.
        return not self.values or epoch - 1 in self.failures or (epoch + 1) % every == 0

    def add(self, epoch: int, report: EvaluationReport) -> None:
        """Keep the report of an epoch."""
        self.values = values(report, self.name)
        self.report = report
        # Without pictures, which would fill the memory epoch by epoch.
        self.reports[epoch] = dataclasses.replace(report, examples=())
        self.failures.pop(epoch, None)

    def add_failure(self, epoch: int, text: str) -> None:
        """Note that the evaluation of an epoch failed. Its report is the last one, marked.

        Args:
            epoch: The epoch.
            text: What failed.
        """
        self.failures[epoch] = text
        if self.reports:
            self.reports[epoch] = marked(self.reports[max(self.reports)], text)

    def logged(self, epoch: int, otherwise: Mapping[str, float]) -> dict[str, float]:
        """What is logged of an epoch.

        Args:
            epoch: The epoch.
            otherwise: The values where nothing has been measured yet.
        """
        return {**(self.values or otherwise), **failed_value(epoch in self.failures, self.name)}


def marked(report: EvaluationReport, text: str) -> EvaluationReport:
    """A report, marked as what stands for one that failed.

    Args:
        report: The report.
        text: What failed.
    """
    found = TRAINING.findings(TrainingEvidence(report.measurements, has_labels=False, failed=text))
    others = [finding for finding in report.warnings if finding.id != FAILED]
    return dataclasses.replace(report, warnings=(*found, *others), examples=())
