"""An evaluation with the checks that its settings ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from keras_advxai.audit.audit import MOST_IMAGES, audit
from keras_advxai.data.batches import Batches
from keras_advxai.evaluation import EvaluationReport, Evaluator


def read(evaluator: Evaluator, data: Any) -> Batches:
    """The data as batches, of which the first images are kept where the settings ask for an audit."""
    # Kept while they are read, since a shuffled stream gives others when it is read again.
    return evaluator.batches(data, remember=MOST_IMAGES if evaluator.settings.checks == "all" else 0)


def run(
    evaluator: Evaluator,
    batches: Batches,
    *,
    progress: bool = True,
    title: str = "evaluating",
    class_names: Sequence[str] | Mapping[int, str] | None = None,
) -> EvaluationReport:
    """Evaluate, and audit what was found where the settings ask for it.

    Args:
        evaluator: The evaluator.
        batches: The data, from `read`.
        progress: Whether to show a bar.
        title: What the bar says.
        class_names: Names of the classes, for the report. Defaults to `None`: their numbers.
    """
    report = evaluator.run(batches, progress=progress, title=title, class_names=class_names)
    if evaluator.settings.checks != "all":
        return report
    findings = audit(evaluator.classifier, report, evaluator.settings, batches.remembered)
    said = {finding.id for finding in report.warnings}
    findings = tuple(finding for finding in findings if finding.id not in said)  # of a random model, it is both
    return dataclasses.replace(report, warnings=(*findings, *report.warnings))  # doubts about the model itself first
