"""What a callback writes to its log directory."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

from keras_advxai.callbacks.history import EvaluationHistory
from keras_advxai.callbacks.record import Earlier, TrainingRecord
from keras_advxai.callbacks.telling import Teller
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.tensorboard.dashboards import HParams, of_model, of_settings
from keras_advxai.tensorboard.viewing import ADDRESS, command
from keras_advxai.tensorboard.writer import ReportWriter


class TrainingLogs:
    """The event files and the record of one training. Nothing is open between two calls.

    Args:
        log_dir: The directory.
        class_names: The names of the classes, for the pictures.
        identity: What the training is known by, see `TrainingRecord`.
        hparams: What HParams shows of it.
        about: What else Text says of it.
    """

    def __init__(
        self,
        log_dir: pathlib.Path,
        class_names: Sequence[str] | None,
        identity: Mapping[str, Any],
        hparams: HParams | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self._log_dir = log_dir
        self._class_names = class_names
        self._hparams = hparams or {}
        self._about = about or {}
        self._writer = self._new_writer()
        self._record = TrainingRecord(log_dir, identity)

    @classmethod
    def of(cls, callback: Any, directory: pathlib.Path, identity: Mapping[str, Any]) -> Self:
        """Those of a callback whose training begins.

        Args:
            callback: The callback.
            directory: Where they are written.
            identity: What the training is known by.
        """
        hparams = {**of_model(callback.model), **(callback.hparams or {})}
        about = {"model": callback.model.name, **of_settings(callback.settings)}
        return cls(directory, callback.class_names, identity, hparams, about)

    def tell(self, teller: Teller, found: Earlier) -> None:
        """Say how to look at them, and whether another training is in the directory.

        Args:
            teller: Who says it.
            found: What `begin` has returned.
        """
        teller.line(f"Adversarial evaluation: {command(self._log_dir)}, then {ADDRESS}")
        if found.others:
            teller.warn(
                "other-training",
                f"{str(self._log_dir)!r} holds the logs of another training, whose epochs TensorBoard will show "
                "together with those of this one. Give each training a `log_dir` of its own.",
            )

    def check_open(self) -> None:
        """Raise if another writer was made for the directory.

        Raises:
            ValueError: There is one.
        """
        self._writer.check_open()

    def begin(self, epoch: int) -> Earlier:
        """Begin or go on, see `TrainingRecord.begin`; of one that begins, the settings are written.

        Raises:
            OSError: Something cannot be read or written.
        """
        found = self._record.begin(epoch)
        if not found.logged:  # else they stand there
            # At step 0, whatever epoch is next: one that a killed process did not come to may still be logged.
            self._usable().begin(self._about)
        return found

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
        """Write the last report.

        Args:
            history: What came of all epochs.

        Raises:
            Exception: Something could not be written.
        """
        try:
            if history.report is not None:
                # Who wants no pictures of single images wants none of the report, either.
                report, images = history.report, bool(history.report.examples)
                self._usable().write_final(report, max(0, history.following - 1), images=images)
        finally:
            self.close()
            self._save(history, finished=True)  # last: what a killed process has written before is taken out again

    def _save(self, history: EvaluationHistory, *, finished: bool = False) -> None:
        self._record.save(history.following, history.reports, history.failures, history.report, finished=finished)

    def close(self) -> None:
        """Write what is waiting, if that is possible."""
        self._writer.close()

    def _usable(self) -> ReportWriter:
        # Closed by an evaluation that was logged to the directory of the training meanwhile. TensorBoard reads the
        # files of a run one after another, so another one is needed, behind that of the evaluation.
        if not self._writer.is_open:
            self._writer = self._new_writer()
        return self._writer

    def _new_writer(self) -> ReportWriter:
        # What a killed process has written is taken out before, and another training in the directory is told of.
        return ReportWriter(self._log_dir, class_names=self._class_names, hparams=self._hparams, again=True)
