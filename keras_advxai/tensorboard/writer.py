"""Writes reports as TensorBoard logs."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import warnings
import weakref
from types import TracebackType
from typing import Any

import numpy as np
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from keras_advxai._failures import FailureWarning
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.captions import ClassNames, class_text
from keras_advxai.models.inputs import check_flag
from keras_advxai.tensorboard import dashboards, montage, pictures, summaries
from keras_advxai.tensorboard.event_file import EventFile
from keras_advxai.tensorboard.names import CHANCE, CLEAN, FOLDER, HPARAMS, runs_by_epsilon, runs_by_severity, safe

_OPEN: weakref.WeakValueDictionary[pathlib.Path, ReportWriter] = weakref.WeakValueDictionary()


class ReportWriter:
    """Writes reports to a TensorBoard log directory: one run for each condition, so that they overlay.

    ```
    <log_dir>/advxai/clean              accuracy on the original images
    <log_dir>/advxai/chance             MOD between clean heatmaps of different images
    <log_dir>/advxai/fgsm_eps0.0314     attack x epsilon, the noise control too: accuracy, MOD and more
    <log_dir>/advxai/fgsm               attack: VID
    <log_dir>/advxai/fog_severity3      corruption x severity: the same, but for what is of attacks alone
    <log_dir>/advxai/fog                corruption: the same spread, over its severities
    <log_dir>/advxai/hparams            settings and final figures
    ```

    Nothing is written to other folders, so `log_dir` may be that of `keras.callbacks.TensorBoard`. What is
    not known (NaN) is not written. Each run is one event file as long as the writer is open, and all goes well.

    What cannot be written, because the disk is full or the directory has become read-only, waits and is written by
    the next `write`, `flush` or `close`; only pictures that would fill the memory are dropped. A directory that is
    deleted is made again, with all numbers that were logged by this writer. Files are open only while something is
    written to them.

    TensorBoard reads the files of a run one after another and never returns to an earlier one, so a directory
    has one writer at a time: making another one closes the first. To continue a training in the same
    directory, go on with the next step: when a step is written again, TensorBoard forgets what the run logged
    from that step on.

    Args:
        log_dir: The directory, which is created when something is written.
        class_names: The names of the classes, for the pictures. Defaults to their numbers.

    Attributes:
        log_dir: The directory, as a path.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_advxai import EvaluationReport
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[0, 0], prediction=[[0, 0], [0, 1]])
    >>> from keras_advxai.tensorboard import ReportWriter
    >>> report = EvaluationReport(found, {"model": "net"})
    >>> with tempfile.TemporaryDirectory() as log_dir:
    ...     with ReportWriter(log_dir) as writer:
    ...         writer.write(report, step=0)
    ...     sorted(path.name for path in pathlib.Path(log_dir, "advxai").iterdir())
    ['clean', 'fgsm_eps0.1000']
    """

    def __init__(self, log_dir: str | os.PathLike[str], *, class_names: ClassNames = None) -> None:
        self.log_dir = pathlib.Path(log_dir).expanduser()
        self.class_names = class_names
        self._files: dict[str, EventFile] = {}
        self._is_open = True
        self._has_said = False  # that files are gone
        self._has_layout = False  # one for all steps
        self._step = 0
        place = self.log_dir.resolve()  # a path may be spelt in several ways
        # TensorBoard never returns to an earlier file of a run: of two writers, the first would write for nobody.
        if place in _OPEN:
            _OPEN[place].close()
        _OPEN[place] = self

    def write(self, report: EvaluationReport, step: int, *, images: bool = True, figures: bool = False) -> None:
        """Write everything in a report but its settings.

        Args:
            report: The report.
            step: The epoch, from 0.
            images: Whether to write pictures, of the largest epsilon and severity. Defaults to `True`.
            figures: Whether to write the figures of a few images under attack, too, at the largest epsilon:
                `figures.explanation` for each explainer and, where two differ only in their score, `figures.scores`.
                They take longer than the pictures. Defaults to `False`.

        Raises:
            TypeError: `report` is not a report, `step` not an integer, or a flag not `True` or `False`.
            ValueError: The step is below 0, or the writer is closed.
            OSError: It could not be written yet. An error in drawing is raised when everything else was written.
        """
        check_flag("images", images)
        check_flag("figures", figures)
        self._step = self._checked(report, step)
        try:
            # All numbers before the first picture: an error in drawing costs none of them.
            self._add_numbers(report)
            for attack in report.attacks:
                run = runs_by_epsilon(attack, report.epsilons)[max(report.epsilons)]
                if images:
                    self._add_images(report, attack, run)
                if figures:
                    self._add_figures(report, attack, run)
            for corruption in report.corruptions if images else ():
                largest = max(report.severities)
                self._add_images(report, corruption, runs_by_severity(corruption, report.severities)[largest])
        finally:
            self.flush()

    def write_hparams(self, report: EvaluationReport, step: int | None = None) -> None:
        """Write the settings, and the figures at the largest epsilon, for the HParams dashboard.

        Args:
            report: The report, in a training the last one.
            step: The epoch. Defaults to the one that was written last.

        Raises:
            TypeError: `report` is not a report, or `step` not an integer.
            ValueError: The step is below 0, or the writer is closed.
            OSError: It could not be written yet.
        """
        self._step = self._checked(report, self._step if step is None else step)
        self._add(HPARAMS, dashboards.hparams(report, self.log_dir))
        self._add_scalars(HPARAMS, summaries.final_scalars(report))
        self.flush()

    @property
    def is_open(self) -> bool:
        """Whether it can write: not after `close`, nor when another one was made for its directory."""
        return self._is_open

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to be written that could not be written before."""
        return any(file.is_waiting for file in self._files.values())

    def flush(self) -> None:
        """Write what could not be written before, and what was deleted since.

        Raises:
            OSError: It cannot be written. It waits on.
        """
        errors, were_gone = [], False
        for file in self._files.values():  # each of them: room for one run is room for one run
            try:
                were_gone |= file.flush()
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        if were_gone and not self._has_said:
            self._has_said = True
            warnings.warn(
                f"Event files in {str(self.log_dir / FOLDER)!r} were deleted. Their numbers were written again, their "
                "pictures are lost.",
                FailureWarning,
                stacklevel=2,
            )

    def check_open(self) -> None:
        """Raise if nothing can be written any more.

        Raises:
            ValueError: The writer was closed, or another one was made for its directory since.
        """
        if not self._is_open:
            raise ValueError(
                f"The writer of {str(self.log_dir)!r} is closed: by `close`, or because another one was made "
                "for the same directory since. Give each evaluation a `log_dir` of its own."
            )

    def close(self) -> None:
        """Write what is waiting, if that is possible. A closed writer cannot write any more."""
        if self._is_open:
            with contextlib.suppress(OSError):
                self.flush()
        self._files.clear()
        self._is_open = False

    def __enter__(self) -> ReportWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(self, report: Any, step: Any) -> int:
        if not isinstance(report, EvaluationReport):
            raise TypeError(f"Argument `report` must be an EvaluationReport. Received: {type(report).__name__}")
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)):  # `True` is an int
            raise TypeError(f"Argument `step` must be an integer, the epoch. Received: step={step!r}")
        if step < 0:
            raise ValueError(f"Argument `step` must be the epoch, from 0. Received: step={step!r}")
        self.check_open()
        return int(step)

    def _add_numbers(self, report: EvaluationReport) -> None:
        self._add_scalars(CLEAN, summaries.clean_scalars(report))
        self._add_scalars(CHANCE, summaries.chance_scalars(report))
        if not self._has_layout:
            self._add(CLEAN, dashboards.layout(report))
            self._has_layout = True
        for attack in report.attacks:
            for epsilon, run in runs_by_epsilon(attack, report.epsilons).items():
                self._add_attack(report, attack, epsilon, run)
            self._add_scalars(safe(attack), summaries.vid_scalars(report, attack))
        for corruption in report.corruptions:
            for severity, run in runs_by_severity(corruption, report.severities).items():
                self._add_attack(report.corrupted, corruption, severity, run)
            self._add_scalars(safe(corruption), summaries.vid_scalars(report.corrupted, corruption))

    def _add_attack(self, report: EvaluationReport, attack: str, epsilon: float, run: str) -> None:
        rows = [row for row in report.rows if (row.attack, row.epsilon) == (attack, epsilon)]
        self._add_scalars(run, summaries.attack_scalars(rows))
        for explainer, metric in itertools.product(report.explainers, report.metrics):
            values = report.dissimilarity(attack, explainer, epsilon, metric=metric)
            values = values[np.isfinite(values)]  # as MOD leaves them out
            if len(values):
                self._add(run, histogram_pb(f"advxai_{safe(metric)}/{safe(explainer)}", values))

    def _add_images(self, report: EvaluationReport, attack: str, run: str) -> None:
        # A clean prediction is no label, and one of several does not stand for all.
        named = report.provenance["labels"] == "given" and report.provenance["task"] == "classification"
        largest = max(report.severities) if attack in report.corruptions else max(report.epsilons)
        for example in report.examples:
            level = example.epsilon if example.severity is None else example.severity
            if (example.attack, level) != (attack, largest) or not montage.is_drawable(example):
                continue
            label = class_text(example.label, self.class_names) if named else None
            summary = pictures.image_pb(
                f"advxai_images/{safe(attack)}/{safe(example.explainer)}/{example.index}",
                montage.montage(example, self.class_names),
                montage.description(example, label),
            )
            self._add(run, summary, picture=True)

    def _add_figures(self, report: EvaluationReport, attack: str, run: str) -> None:
        for tag, description, figure in pictures.figures_of(report, attack, self.class_names):
            self._add(run, pictures.image_pb(tag, pictures.as_pixels(figure), description), picture=True)

    def _add_scalars(self, run: str, scalars: dict[str, float]) -> None:
        for tag, value in scalars.items():
            self._add(run, scalar_pb(tag, value))

    def _add(self, run: str, summary: Any, *, picture: bool = False) -> None:
        if run not in self._files:
            self._files[run] = EventFile(self.log_dir / FOLDER / run)
        self._files[run].add(summary, self._step, picture=picture)
