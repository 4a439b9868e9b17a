"""An evaluation with the checks that its settings ask for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from keras_advxai._typing import OnError
from keras_advxai.audit.audit import MOST_IMAGES, AuditError, audit
from keras_advxai.data import Batches, Shard
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.execution import EvaluationError, Evaluator
from keras_advxai.execution.other_range import FIRST_IMAGES
from keras_advxai.execution.runner import Runner
from keras_advxai.measurements.finding import Finding


def read(
    evaluator: Evaluator, data: Any, shard: Shard | None = None, names: Any = None, *, ranges: bool = True
) -> Batches:
    """The data as batches, of which the first images are kept for whoever looks at them again.

    Args:
        evaluator: The evaluator.
        data: What `evaluate` takes.
        shard: One of several parts of the data. Defaults to `None`, all of them.
        names: What the images of arrays are called. Defaults to `None`.
        ranges: Whether the model may be run on the first images in other ranges of the pixels. Defaults to `True`.

    Raises:
        ValueError: An audit is of more images than the first shard has.
    """
    # Kept while they are read, since a shuffled stream gives others when it is read again.
    audited = evaluator.settings.checks == "all"
    remember = MOST_IMAGES if audited else FIRST_IMAGES if ranges else 0
    batches = evaluator.batches(data, remember=remember, shard=shard, names=names)
    if shard is not None and audited and batches.total_batches and batches.are_arrays:
        images = shard.first_has(batches.total_batches) * batches.batch_size
        if images < min(MOST_IMAGES, batches.total_images or 0):
            raise ValueError(
                f"checks='all' looks at the first {MOST_IMAGES} images, and the first shard has {images}. Take fewer "
                f"shards, or checks='cheap'. Received: shard=({shard.index}, {shard.count})"
            )
    return batches


def run(
    evaluator: Evaluator,
    batches: Batches,
    *,
    progress: bool = True,
    title: str = "evaluating",
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    on_error: OnError = "raise",
    runner: Runner | None = None,
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
        runner: What measures the batches; see `evaluate`. Defaults to `None`.

    Raises:
        EvaluationError: A batch failed, or the audit. It has the report of what was measured.
    """
    report = evaluator.run(
        batches,
        progress=progress,
        title=title,
        class_names=class_names,
        journal=journal,
        on_error=on_error,
        runner=runner,
    )
    if evaluator.settings.checks != "all" or (batches.shard is not None and batches.shard.index):
        return report  # an audit is of the first images
    failed: Exception | None = None
    try:
        if runner is not None:
            batches.remember_first()
        findings = audit(evaluator.classifier, report, evaluator.settings, batches.remembered)
    except Exception as error:  # of a check, or of the images that it needs
        failed, findings = error, error.findings if isinstance(error, AuditError) else ()
    if batches.shard is not None:  # the whole will ask which of them its other checks say, too
        part = {**report.provenance["part"], "audit": [finding.to_dict() for finding in findings]}
        report = dataclasses.replace(report, provenance={**report.provenance, "part": part})
    said = {finding.id for finding in report.warnings}
    findings = tuple(finding for finding in findings if finding.id not in said)  # of a random model, it is both
    report = dataclasses.replace(report, warnings=(*findings, *report.warnings))  # doubts about the model itself first
    if failed is None:
        return report
    text = f"The audit, checks='all', failed: {failed}"
    if on_error != "partial":
        raise EvaluationError(
            f"{text}\nWhat was measured before, and what other checks have found, is in the `report` of this error.",
            report,
        ) from failed
    finding = Finding(f"Partial: {text}", id="partial", severity="error")
    return dataclasses.replace(report, warnings=(finding, *report.warnings))
