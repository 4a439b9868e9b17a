"""The evaluations of a training, each of which may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras_advxai.callbacks.cost import EpochClock
from keras_advxai.callbacks.guard import Failure, Guard
from keras_advxai.callbacks.history import EvaluationHistory, marked
from keras_advxai.callbacks.keys import unmeasured_values
from keras_advxai.callbacks.sample import SampleEvaluation
from keras_advxai.callbacks.validated import with_findings
from keras_advxai.callbacks.weights import Weights
from keras_advxai.data import fingerprint
from keras_advxai.data.batches import Batches
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.execution import Evaluator


class Evaluations:
    """Evaluates, and notes what came of it.

    Args:
        evaluator: The evaluator.
        batches: All of the data.
        sample: The sample of an epoch.
        history: Where reports and failures are noted.
        guard: What becomes of errors.
    """

    def __init__(
        self, evaluator: Evaluator, batches: Batches, sample: SampleEvaluation, history: EvaluationHistory, guard: Guard
    ) -> None:
        self._settings = evaluator.settings
        self._classifier = evaluator.classifier
        self._batches = batches
        self._sample = sample
        self._history = history
        self._guard = guard
        self._evaluated: Weights | None = None

    def after_epoch(
        self, epoch: int, logs: Mapping[str, Any], clock: EpochClock, validated: Weights | None
    ) -> EvaluationReport | None:
        """Evaluate the sample after an epoch.

        Args:
            epoch: The epoch.
            logs: Its logs.
            clock: What its training steps took.
            validated: The weights that `fit` has validated; `None` if it has not.

        Returns:
            The report; `None` if it failed.
        """
        return self._of_epoch(
            epoch,
            lambda: with_findings(
                self._sample.after_epoch(epoch, clock),
                logs,
                self._classifier,
                validated,
                of_epoch=True,
                reports=self._history.reports,
            ),
        )

    def make_up(self, epoch: int) -> EvaluationReport | None:
        """Evaluate the sample for an epoch that has ended in another process. Returns what `after_epoch` does."""
        return self._of_epoch(epoch, self._sample.again)

    def of_all(self, logs: Mapping[str, Any], validated: Weights | None) -> None:
        """Evaluate all of the data, unless the last evaluation did.

        Args:
            logs: The logs of the training.
            validated: The weights that `fit` has validated; `None` if it has not.
        """

        def measure() -> None:
            if not self._is_evaluated():  # all data would take long after each epoch
                report = self._sample.of_all()
                history.report = with_findings(
                    report,
                    logs,
                    self._classifier,
                    validated,
                    of_epoch=False,
                    evaluated=self._evaluated,
                    reports=history.reports,
                )

        history = self._history
        what = "The evaluation of all of the data after training"
        then = "`report` is that of the last sample, or of the images that were evaluated before."
        found = self._guard.run(what, measure, then)
        if isinstance(found, Failure):
            history.failures[history.following] = found.text
        if isinstance(found, Failure) and found.report is not None:
            history.report = found.report  # it says itself that it is partial
        elif isinstance(found, Failure):
            history.report = None if history.report is None else marked(history.report, found.text)

    def logged(self, epoch: int) -> dict[str, float]:
        """What is logged of an epoch."""
        task, name = self._classifier.kind.name, self._history.name
        nothing = unmeasured_values(self._settings, task, self._batches.has_labels, name)
        return self._history.logged(epoch, nothing)

    def _of_epoch(self, epoch: int, evaluate: Callable[[], EvaluationReport]) -> EvaluationReport | None:
        def measure() -> EvaluationReport:
            report = evaluate()
            self._evaluated = Weights.of(self._classifier.model)
            self._history.add(epoch, report)
            return report

        found = self._guard.run(
            f"The evaluation after epoch {epoch + 1}",
            measure,
            "The values of the last one are logged again, and the next epoch tries again, after a memory error in "
            "batches of half the size.",
        )
        if not isinstance(found, Failure):
            return found.value
        if found.of_memory:
            self._sample.halve()
        self._history.add_failure(epoch, found.text)
        return None

    def _is_evaluated(self) -> bool:
        """Whether the last report is of all of the data and of the weights as they are."""
        report = self._history.report
        if self._evaluated is None or report is None or not self._sample.is_all:
            return False
        return (
            Weights.of(self._classifier.model).same(self._evaluated)
            and fingerprint(self._batches) == report.provenance["data_sha256"]
        )
