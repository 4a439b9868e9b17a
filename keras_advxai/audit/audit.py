"""What runs the model and the attacks again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_advxai.audit.context import CHECKS, MOST_IMAGES, AuditContext
from keras_advxai.evaluation import EvaluationReport, EvaluationSettings
from keras_advxai.measurements.finding import Finding
from keras_advxai.models import ImageClassifier

__all__ = ["MOST_IMAGES", "AuditError", "audit"]


class AuditError(RuntimeError):
    """Checks of an audit failed, of the memory or of an attack that is not made for what they try.

    Args:
        errors: What failed, by the ids of the checks.
        findings: What the others have to say.

    Attributes:
        findings: What the others have to say.
    """

    def __init__(self, errors: Mapping[str, Exception], findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(f"the check {id}: {error}" for id, error in errors.items()))
        self.findings = findings


def audit(
    classifier: ImageClassifier,
    report: EvaluationReport,
    settings: EvaluationSettings,
    batches: Iterable[tuple[Any, np.ndarray | None]],
) -> tuple[Finding, ...]:
    """Run the model and the attacks again on the first images of an evaluation.

    Args:
        classifier: The classifier that was evaluated.
        report: What the evaluation found.
        settings: What it was to measure.
        batches: Its images in their order, batch by batch: what the model takes, and the labels `(batch,)`, or `None`
            where there are none. Of more than 128 images the first ones are looked at, and no more batches are taken.

    Returns:
        What the checks have to say. For a random model no more than that: whatever is run twice differs.

    Raises:
        ValueError: There are no images.
        AuditError: A check failed. It has what the others found.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> from keras_advxai.audit import audit
    >>> net = keras.Sequential([
    ...     keras.layers.Input((4, 4, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, -1]] * 16)),
    ... ])
    >>> x, y = np.full((8, 4, 4, 1), 0.5, "float32"), np.zeros(8, int)
    >>> settings = kax.EvaluationSettings(attacks="fgsm", explainers=(), epsilons=(0.1,))
    >>> report = kax.evaluate(net, (x, y), settings=settings, progress=False)
    >>> audit(kax.ImageClassifier(net), report, settings, [(x, y)])
    ()
    """
    context = AuditContext.of(classifier, report.measurements, settings, batches)
    # Whatever is done twice with a random model differs, so that the other checks would speak of nothing but that.
    said = {finding.id for finding in report.warnings}
    found, errors = CHECKS.all["random-model"].findings(context), dict[str, Exception]()
    findings = tuple(found or CHECKS.findings(context, said, errors))
    if errors:
        raise AuditError(errors, findings) from next(iter(errors.values()))
    return findings
