"""Writes reports as TensorBoard logs."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import warnings
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from keras_advxai._failures import FailureWarning
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.figures.captions import ClassNames, class_text
from keras_advxai.models.inputs import check_flag
from keras_advxai.tensorboard import dashboards, montage, pictures, summaries, texts
from keras_advxai.tensorboard.dashboards import HParams
from keras_advxai.tensorboard.directory import local_path
from keras_advxai.tensorboard.event_file import EventFile
from keras_advxai.tensorboard.explained import charted
from keras_advxai.tensorboard.names import CLEAN, EVALUATION, FOLDER, runs_by_epsilon, safe
from keras_advxai.tensorboard.viewer_logs import ViewerLogs

_OPEN: weakref.WeakValueDictionary[pathlib.Path, ReportWriter] = weakref.WeakValueDictionary()


class ReportWriter:
    """Writes reports to a TensorBoard log directory: one run for each epsilon, so that they overlay.

    ```
    <log_dir>/advxai/clean         the original images: accuracy, chance, VID; settings and the last figures
    <log_dir>/advxai/eps_8_255     an epsilon: accuracy, MOD and more, with the attack and the control in the tags
    <log_dir>/advxai/noise_8_255   the noise control at the largest epsilon, in the charts of the attacks
    <log_dir>/advxai/severity_3    a severity of the corruptions: the same
    <log_dir>/advxai/evaluation    an evaluation after the training
    ```

    Nothing is written to other folders, so `log_dir` may be that of `keras.callbacks.TensorBoard`. What is
    not known (NaN) is not written. Each run is one event file as long as the writer is open, and all goes well.

    What cannot be written, because the disk is full or the directory has become read-only, waits and is written by
    the next `write`, `flush` or `close`; only pictures that would fill the memory are dropped. A directory that is
    deleted is made again, with all numbers that were logged by this writer. Files are open only while something is
    written to them.

    TensorBoard reads the files of a run one after another and never returns to an earlier one, so a directory
    has one writer at a time: making another one closes the first. Of a step that the directory already holds, as
    after a crash, nothing is written twice, and a `FailureWarning` says so once: TensorBoard would show two points.

    Args:
        log_dir: The directory, which is created when something is written.
        class_names: The names of the classes, for the pictures. Defaults to their numbers.
        hparams: What the HParams dashboard shows of a training, which `begin` writes. Defaults to what a report says
            of its model, which `write_final` writes.
        again: Whether to write steps that the directory already holds all the same. Defaults to `False`.

    Attributes:
        log_dir: The directory, as a path.

    Raises:
        ValueError: The directory is that of a service, such as `"gs://bucket/logs"`.

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
    ['clean', 'eps_0.1']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        class_names: ClassNames = None,
        hparams: HParams | None = None,
        again: bool = False,
    ) -> None:
        self.log_dir = local_path(log_dir)
        self.class_names = class_names
        self._again = check_flag("again", again)
        self._files: dict[str, EventFile] = {}
        self._viewer = ViewerLogs(self._add)
        self._is_open = True
        self._said: set[str] = set()
        self._has_layout = False  # one for all steps
        self._hparams = hparams
        self._step = 0
        place = self.log_dir.resolve()  # a path may be spelt in several ways
        # TensorBoard never returns to an earlier file of a run: of two writers, the first would write for nobody.
        if place in _OPEN:
            _OPEN[place].close()
        _OPEN[place] = self

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write what a training is begun with, so that TensorBoard has something to show from the beginning.

        Args:
            about: What Text says of it, beside the settings that HParams has.

        Raises:
            OSError: It could not be written yet.
        """
        self.check_open()
        self._step = 0
        self._begin(CLEAN, self._hparams or {}, about)
        self.flush()

    def write(self, report: EvaluationReport, step: int, *, images: bool = True) -> None:
        """Write what there is to see of an epoch.

        Args:
            report: The report.
            step: The epoch, from 0.
            images: Whether to write pictures, of the largest epsilon and severity. Defaults to `True`.

        Raises:
            TypeError: `report` is not a report, `step` not an integer, or a flag not `True` or `False`.
            ValueError: The step is below 0, or the writer is closed.
            OSError: It could not be written yet. An error in drawing is raised when everything else was written.
        """
        check_flag("images", images)
        self._step = self._checked(report, step)
        try:
            # All numbers before the first picture: an error in drawing costs none of them.
            self._add_numbers(report)
            self._viewer.write(CLEAN, report, images=images)
            for part, runs in summaries.parts(report) if images else ():
                self._add_images(report, part, runs[max(part.epsilons)])
        finally:
            self.flush()

    def write_final(self, report: EvaluationReport, step: int | None = None, *, images: bool = True) -> None:
        """Write what there is to read when a training has ended: the last figures, the report as text, its figures.

        Args:
            report: The last report.
            step: The epoch. Defaults to the one that was written last.
            images: Whether to write the figures, which take a second or two. Defaults to `True`.

        Raises:
            TypeError: `report` is not a report, `step` not an integer, or a flag not `True` or `False`.
            ValueError: The step is below 0, or the writer is closed.
            OSError: It could not be written yet. An error in drawing is raised when everything else was written.
        """
        check_flag("images", images)
        self._step = self._checked(report, self._step if step is None else step)
        try:
            if self._hparams is None:
                self._begin(CLEAN, dashboards.of_report(report), {})
            self._add_final(CLEAN, report)
            if images:
                self._add_figures(CLEAN, report)
        finally:
            self.flush()

    def write_evaluation(self, report: EvaluationReport, step: int = 0, hparams: HParams | None = None) -> None:
        """Write an evaluation that is no epoch of a training: to a run of its own, without curves over epochs.

        Args:
            report: The report.
            step: How many evaluations stand there already. Defaults to 0.
            hparams: What to show in the HParams dashboard. Defaults to the settings of the report.

        Raises:
            TypeError: `report` is not a report, or `step` not an integer.
            ValueError: The step is below 0, or the writer is closed.
            OSError: It could not be written yet. An error in drawing is raised when everything else was written.
        """
        self._step = self._checked(report, step)
        try:
            known = dashboards.of_report(report) if hparams is None else hparams
            self._add(EVALUATION, dashboards.session_start(known, self.log_dir, EVALUATION))
            if not (self.log_dir / FOLDER / CLEAN).exists():  # a training beside it has said what HParams shows
                self._add(EVALUATION, dashboards.experiment(report, known))
            for part, runs in summaries.parts(report):
                for level, run in runs.items():
                    self._add_histograms(part, level, EVALUATION, f"/{run}")
            self._add_final(EVALUATION, report)
            self._viewer.write(EVALUATION, report)
            self._add_figures(EVALUATION, report)
            for part, _ in summaries.parts(report):
                self._add_images(report, part, EVALUATION)
        finally:
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
        if were_gone:
            self._say(
                f"Event files in {str(self.log_dir / FOLDER)!r} were deleted. Their numbers were written again, their "
                "pictures are lost."
            )
        held = set().union(*(file.held for file in self._files.values()))
        if held:
            self._say(
                f"{str(self.log_dir / FOLDER)!r} holds step {min(held)} already, which was not written a second time. "
                "Give each training a `log_dir` of its own, or go on with the next step."
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

    def _say(self, text: str) -> None:
        """Warn, once of each kind."""
        kind = text.rpartition("'")[2][:12]
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(text, FailureWarning, stacklevel=3)

    def _begin(self, run: str, hparams: HParams, about: Mapping[str, Any]) -> None:
        self._add(run, dashboards.session_start(hparams, self.log_dir, run))
        self._add(run, text_pb("advxai_settings", texts.settings({**hparams, **about})))

    def _add_numbers(self, report: EvaluationReport) -> None:
        parts = summaries.parts(report)
        found: dict[str, float] = {}  # of blank heatmaps all parts say the same
        for part, _ in parts:
            found |= summaries.clean_scalars(part)
        self._add_scalars(CLEAN, found)
        if not self._has_layout:
            self._add(CLEAN, dashboards.layout(report))
            self._add(CLEAN, dashboards.experiment(report, self._hparams or dashboards.of_report(report)))
            self._has_layout = True
        strongest = runs_by_epsilon(report.epsilons)[max(report.epsilons)]
        self._add_scalars(strongest.replace("eps", "noise", 1), summaries.noise_scalars(report))
        for part, runs in parts:
            for level, run in runs.items():
                self._add_scalars(run, summaries.attack_scalars(part, level))
                self._add_histograms(part, level, run)

    def _add_histograms(self, report: EvaluationReport, epsilon: float, run: str, end: str = "") -> None:
        for (explainer, name), metric, attack in itertools.product(
            charted(report).items(), report.metrics, report.attacks
        ):
            values = report.dissimilarity(attack, explainer, epsilon, metric=metric)
            values = values[np.isfinite(values)]  # as MOD leaves them out
            if len(values):
                self._add(run, histogram_pb(f"advxai_{safe(metric)}/{name}/{safe(attack)}{end}", values))

    def _add_final(self, run: str, report: EvaluationReport) -> None:
        self._add_scalars(run, {tag: value for tag, (_, value) in summaries.final_scalars(report).items()})
        for summary in texts.report_pbs(report):
            self._add(run, summary)
        self._add(run, dashboards.session_end())

    def _add_figures(self, run: str, report: EvaluationReport) -> None:
        for tag, words, draw in pictures.figures_of(report, self.class_names):
            self._add(run, pictures.image_pb(tag, pictures.as_pixels(draw()), words), picture=True)

    def _add_images(self, report: EvaluationReport, part: EvaluationReport, run: str) -> None:
        # A clean prediction is no label, and one of several does not stand for all.
        named = report.provenance["labels"] == "given" and report.provenance["task"] == "classification"
        names, largest = charted(report), max(part.epsilons)
        shown = [item for item in report.examples if item.attack in part.attacks and item.explainer in names]
        shown = [item for item in shown if item.level == largest and montage.is_drawable(item)]
        for attack in dict.fromkeys(item.attack for item in shown):
            rows = [item for item in shown if item.attack == attack]
            self._add(run, text_pb(f"advxai_samples/{safe(attack)}", texts.predictions(rows, self.class_names, named)))
        for example in shown:
            label = class_text(example.label, self.class_names) if named else None
            summary = pictures.image_pb(
                f"advxai_images/{safe(example.attack)}/{names[example.explainer]}/{example.index}",
                montage.montage(example),
                montage.description(example, label),
            )
            self._add(run, summary, picture=True)

    def _add_scalars(self, run: str, scalars: dict[str, float]) -> None:
        for tag, value in scalars.items():
            self._add(run, scalar_pb(tag, value))

    def _add(self, run: str, summary: Any, *, picture: bool = False) -> None:
        if run not in self._files:
            beside = None if run == EVALUATION else self.log_dir / FOLDER / CLEAN
            self._files[run] = EventFile(self.log_dir / FOLDER / run, again=self._again, beside=beside)
        self._files[run].add(summary, self._step, picture=picture)
