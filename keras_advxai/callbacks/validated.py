"""What a training can say of an evaluation, beside the evaluation itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_advxai.callbacks.reported import reported_accuracy
from keras_advxai.callbacks.weights import Weights
from keras_advxai.checks import TRAINING, TrainingEvidence
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.models import ImageClassifier


def with_findings(
    report: EvaluationReport,
    logs: Mapping[str, Any],
    classifier: ImageClassifier,
    validated: Weights | None,
    *,
    of_epoch: bool,
    evaluated: Weights | None = None,
    reports: Mapping[int, EvaluationReport] | None = None,
) -> EvaluationReport:
    """A report, with what only a training can say of it.

    Args:
        report: The report.
        logs: The logs of the epoch.
        classifier: The classifier.
        validated: The weights that `fit` has validated; `None` if it has not.
        of_epoch: Whether the report is that of an epoch, and not of the end of the training.
        evaluated: After the training, the weights of the last epoch that was evaluated. Defaults to `None`: of none.
        reports: Epoch to report, of the epochs before. Defaults to `None`: there are none.
    """
    now = Weights.of(classifier.model)
    same = validated is None or validated.close(now)
    evidence = TrainingEvidence(
        report.measurements,
        has_labels=report.provenance["labels"] == "given",
        # After the training, weights may have been restored, which nobody has validated.
        reported=reported_accuracy(logs, classifier) if same else None,
        other_weights=of_epoch and not same,
        averaged=evaluated is not None and _averages(classifier.model.optimizer) and not evaluated.close(now),
        earlier=_first_of_as_many(report, reports or {}),
    )
    return dataclasses.replace(report, warnings=(*TRAINING.findings(evidence, _ids(report)), *report.warnings))


def _first_of_as_many(report: EvaluationReport, reports: Mapping[int, EvaluationReport]) -> Measurements | None:
    """What the first report measured that is of as many images as another one."""
    # Of more or of fewer, as `max_share` makes a sample, nobody takes numbers for those of the same images.
    found = [reports[epoch].measurements for epoch in sorted(reports)]
    return next((item for item in found if len(item) == len(report.measurements)), None)


def _averages(optimizer: Any) -> bool:
    """Whether an optimizer puts an average of the weights into the model when a training ends."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales losses
    return bool(getattr(inner, "use_ema", False))


def _ids(report: EvaluationReport) -> set[str]:
    return {finding.id for finding in report.warnings}
