"""An evaluation with the checks that its settings ask for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from keras_advxai._typing import OnError
from keras_advxai.audit.audit import MOST_IMAGES, audit
from keras_advxai.data.batches import Batches
from keras_advxai.evaluation import EvaluationError, EvaluationReport, Evaluator
from keras_advxai.measurements.finding import Finding


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
    journal: str | os.PathLike[str] | None = None,
    on_error: OnError = "raise",
) -> EvaluationReport:
    """Evaluate, and audit what was found where the settings ask for it.

    Args:
        evaluator: The evaluator.
        batches: The data, from `read`.
        progress: Whether to show a bar.
        title: What the bar says.
        class_names: Names of the classes, for the report. Defaults to `None`: their numbers.
        journal: See `evaluate`. What the audit finds is not in it: it is run again. Defaults to `None`, none.
        on_error: See `evaluate`. Defaults to `"raise"`.

    Raises:
        EvaluationError: A batch failed, or the audit. It has the report of what was measured.
    """
    report = evaluator.run(
        batches, progress=progress, title=title, class_names=class_names, journal=journal, on_error=on_error
    )
    if evaluator.settings.checks != "all":
        return report
    try:
        findings = audit(evaluator.classifier, report, evaluator.settings, batches.remembered)
    except Exception as error:  # of the memory, or of an attack that is not made for other conditions
        failed = f"The audit, checks='all', failed: {error}"
        if on_error == "partial":
            finding = Finding(f"Partial: {failed}", id="partial", severity="error")
            return dataclasses.replace(report, warnings=(finding, *report.warnings))
        raise EvaluationError(
            f"{failed}\nWhat was measured before is in the `report` of this error.", report
        ) from error
    said = {finding.id for finding in report.warnings}
    findings = tuple(finding for finding in findings if finding.id not in said)  # of a random model, it is both
    return dataclasses.replace(report, warnings=(*findings, *report.warnings))  # doubts about the model itself first
