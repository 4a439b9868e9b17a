"""What a callback writes to its log directory."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from keras_advxai._failures import LOGGER
from keras_advxai.callbacks.history import EvaluationHistory
from keras_advxai.callbacks.record import Earlier, TrainingRecord
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.tensorboard.writer import ReportWriter


class TrainingLogs:
    """The event files and the record of one training. Nothing is open between two calls.

    Args:
        log_dir: The directory.
        class_names: The names of the classes, for the pictures.
        identity: What the training is known by, see `TrainingRecord`.
    """

    def __init__(self, log_dir: pathlib.Path, class_names: Sequence[str] | None, identity: Mapping[str, Any]) -> None:
        self._log_dir = log_dir
        self._class_names = class_names
        self._writer = ReportWriter(log_dir, class_names=class_names)
        self._record = TrainingRecord(log_dir, identity)

    def check_open(self) -> None:
        """Raise if another writer was made for the directory.

        Raises:
            ValueError: There is one.
        """
        self._writer.check_open()

    def begin(self, epoch: int) -> Earlier:
        """See `TrainingRecord.begin`."""
        return self._record.begin(epoch)

    def write(self, epoch: int, new: EvaluationReport | None, history: EvaluationHistory) -> None:
        """Write what came of an epoch, and what could not be written before.

        Args:
            epoch: The epoch.
            new: The report of its evaluation; `None` if there was none, or it failed.
            history: What came of all epochs.

        Raises:
            Exception: Something could not be written, or not be drawn. What could not be written waits.
        """
        writer = self._usable()
        try:
            if new is None:
                writer.flush()
            else:
                writer.write(new, epoch)
        finally:
            # An epoch that is not in the event files does not count as done: it is lost if the process is killed now.
            if not writer.is_waiting:
                self._save(history)

    def finish(self, history: EvaluationHistory) -> None:
        """Write the last report, and say how to open TensorBoard.

        Args:
            history: What came of all epochs.

        Raises:
            Exception: Something could not be written.
        """
        try:
            if history.report is not None:
                self._usable().write_hparams(history.report, max(0, history.following - 1))
        finally:
            self.close()
            self._save(history, finished=True)  # last: what a killed process has written before is taken out again
        LOGGER.info(
            "Adversarial evaluation logged. To look at it: tensorboard --logdir %s --samples_per_plugin images=100",
            shlex.quote(str(self._log_dir)),
        )

    def _save(self, history: EvaluationHistory, *, finished: bool = False) -> None:
        self._record.save(history.following, history.reports, history.failures, history.report, finished=finished)

    def close(self) -> None:
        """Write what is waiting, if that is possible."""
        self._writer.close()

    def _usable(self) -> ReportWriter:
        # Closed by an evaluation that was logged to the directory of the training meanwhile. TensorBoard reads the
        # files of a run one after another, so another one is needed, behind that of the evaluation.
        if not self._writer.is_open:
            self._writer = ReportWriter(self._log_dir, class_names=self._class_names)
        return self._writer
