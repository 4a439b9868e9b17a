"""The report of what was collected in an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_advxai import checks
from keras_advxai._failures import Failures
from keras_advxai._typing import Shape
from keras_advxai.checks.evidence import Evidence
from keras_advxai.data import Batches
from keras_advxai.evaluation import merging
from keras_advxai.evaluation.origin import provenance
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.evaluation.report import EvaluationReport
from keras_advxai.execution import partial
from keras_advxai.execution.collected import Collected
from keras_advxai.execution.other_range import other_range
from keras_advxai.explainers.default_layer import explained_by_default
from keras_advxai.models import ImageClassifier
from keras_advxai.models.answer import answer
from keras_advxai.models.arriving import Arriving, compared
from keras_advxai.models.masking import masking_layers
from keras_advxai.models.own_prediction import own_evaluation, own_prediction
from keras_advxai.models.own_threshold import own_threshold
from keras_advxai.models.stateful import stateful_layers
from keras_advxai.models.variables import non_finite_variables, weights_hash
from keras_advxai.settings.evaluation_settings import EvaluationSettings


def report_of(
    classifier: ImageClassifier,
    settings: EvaluationSettings,
    plan: MeasurementPlan,
    batches: Batches,
    collected: Collected,
    hashes: tuple[str, Sequence[str]],
    class_names: Sequence[str] | Mapping[int, str] | None,
    unfinished: dict[str, Any] | None,
) -> EvaluationReport:
    """The report of an evaluation.

    Args:
        classifier: What was evaluated.
        settings: How.
        plan: What was measured.
        batches: The data.
        collected: What was found on them.
        hashes: That of the data, and that of each batch where nobody saw all of the data.
        class_names: Names of the classes; `None` for their numbers.
        unfinished: What `partial.entry` returned where there are more data; else `None`.
    """
    shape = collected.shape
    topology = classifier.topology(shape)
    measurements = collected.measurements()
    # These run the model once more, and what was measured is not to be lost where it fails.
    failures, mixing, better = Failures(), None, None
    with failures.noted("Looking for layers that mix the images of a batch"):
        mixing = classifier.mixing_layer(shape)
    with failures.noted("Looking for a range of pixels in which the model is right more often"):
        better = other_range(classifier, batches, measurements)
    failures.tell("The report has no finding on it.")
    evidence = Evidence(
        measurements,
        settings.attacks_and_controls,
        has_labels=batches.has_labels,
        has_sample_weights=batches.ignored_weights,
        image_sizes=len(collected.shapes),
        unsure_logits=classifier.assumes_probabilities,
        # A function of the user's may make logits of probabilities, and the other way round.
        from_logits=None if classifier.reduce is not None else classifier.from_logits,
        reduces=classifier.reduce is not None,
        visible_end=classifier.visible_end(shape),
        explainers=plan.explainers,
        ways_out={item.name: item.way_out(classifier, shape) for item in plan.explainers},
        random=topology.random,
        non_finite_weights=non_finite_variables(classifier.model),
        own_prediction=own_prediction(classifier.model),
        own_evaluation=own_evaluation(classifier.model),
        own_threshold=_own_threshold(classifier, shape),
        **explained_by_default(plan.explainers, classifier, shape),
        mixing_layer=mixing,
        signal=_assumed_signal(classifier, shape) if plan.explainers else (),
        stateful=stateful_layers(classifier.model),
        masking=masking_layers(classifier.model),
        arriving=_arriving(topology.statistics, collected),
        other_range=better,
        partial=None if unfinished is None else partial.sentence(unfinished),
    )
    origin = provenance(
        classifier,
        settings,
        plan,
        has_labels=batches.has_labels,
        data_sha256=hashes[0],
        shape=shape,
        several_sizes=len(collected.shapes) > 1,
    )
    part = None
    if batches.shard is not None:
        weights = weights_hash(classifier.model)
        arrived = merging.pooled_moments(topology.statistics, collected.arriving)
        place = merging.location(batches, collected.first, hashes[1])
        part = {**place, **merging.facts(evidence, collected.shapes, weights, arrived, answer(classifier, shape))}
    return EvaluationReport(
        measurements,
        {**origin, "class_names": _listed(class_names), "partial": unfinished, "part": part},
        checks.findings(evidence),
        tuple(collected.examples),
        settings,
    )


def _own_threshold(classifier: ImageClassifier, shape: Shape) -> float | None:
    several = classifier.kind.name == "multi_label"
    decides = several or (classifier.kind.name == "classification" and classifier.binary)
    return own_threshold(classifier.model, classifier.head(shape), classifier.output) if decides else None


def _assumed_signal(classifier: ImageClassifier, shape: Shape) -> tuple[int, ...]:
    """The shape of an image whose heatmaps have one dimension, where no convolution says that it is a signal."""
    sides = tuple(int(side or 0) for side in shape or ())
    one = bool(sides) and len(classifier.map_shape((None, *sides))) == 3
    return sides if one and not any(info.convolutional for info in classifier.layers(shape)) else ()


def _listed(class_names: Sequence[str] | Mapping[int, str] | None) -> list[str]:
    """Checked names in the order of the class indices; none where there are none."""
    if isinstance(class_names, Mapping):
        return [class_names[index] for index in sorted(class_names)]
    return list(class_names or ())


def _arriving(layer: str | None, collected: Collected) -> Arriving | None:
    """What arrived at a layer with statistics, of all parts."""
    moments, counts = zip(*collected.arriving, strict=True) if collected.arriving else ((), ())
    return compared(layer, moments, counts) if layer and moments else None
