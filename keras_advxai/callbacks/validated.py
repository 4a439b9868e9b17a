"""What a training can say of an evaluation, beside the evaluation itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_advxai.callbacks.reported import reported_accuracy
from keras_advxai.callbacks.weights import Weights
from keras_advxai.checks import TRAINING, TrainingEvidence
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.models import ImageClassifier


def with_findings(
    report: EvaluationReport,
    logs: Mapping[str, Any],
    classifier: ImageClassifier,
    validated: Weights | None,
    *,
    of_epoch: bool,
) -> EvaluationReport:
    """A report, with what only a training can say of it.

    Args:
        report: The report.
        logs: The logs of the epoch.
        classifier: The classifier.
        validated: The weights that `fit` has validated; `None` if it has not.
        of_epoch: Whether the report is that of an epoch, and not of the end of the training.
    """
    same = validated is None or validated.close(Weights.of(classifier.model))
    evidence = TrainingEvidence(
        report.measurements,
        has_labels=report.provenance["labels"] == "given",
        # After the training, weights may have been restored, which nobody has validated.
        reported=reported_accuracy(logs, classifier) if same else None,
        other_weights=of_epoch and not same,
    )
    return dataclasses.replace(report, warnings=(*TRAINING.findings(evidence, _ids(report)), *report.warnings))


def _ids(report: EvaluationReport) -> set[str]:
    return {finding.id for finding in report.warnings}
