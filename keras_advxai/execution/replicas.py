"""The step on several devices: one batch on each at the same time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.evaluation.quantities import chance_dissimilarity, chance_of
from keras_advxai.execution.step import Batch, Step
from keras_advxai.measurements.part import Part
from keras_advxai.metrics import Dissimilarity
from keras_advxai.models import ImageClassifier, draws
from keras_advxai.models.replicas import OnReplicas, strategy_of
from keras_advxai.settings.evaluation_settings import EvaluationSettings

_CHANCE = chance_dissimilarity.__name__


def step_for(classifier: ImageClassifier, settings: EvaluationSettings, plan: MeasurementPlan) -> Step:
    """The step for the devices that a model is on: several under a `tf.distribute.MirroredStrategy`.

    Args:
        classifier: The classifier.
        settings: The settings of the evaluation.
        plan: What is measured.
    """
    strategy = strategy_of(classifier.model)
    return (
        Step(classifier, settings, plan) if strategy is None else ReplicatedStep(classifier, settings, plan, strategy)
    )


class ReplicatedStep(Step):
    """Measures consecutive batches at the same time, one on each replica of a strategy.

    Whole batches, so that each is measured as on one device: with the memory that it takes there, and with the same
    random numbers in a model that draws some.

    Args:
        classifier: The classifier.
        settings: The settings of the evaluation.
        plan: What is measured.
        strategy: The strategy.
    """

    def __init__(
        self,
        classifier: ImageClassifier,
        settings: EvaluationSettings,
        plan: MeasurementPlan,
        strategy: tf.distribute.Strategy,
    ) -> None:
        super().__init__(classifier, settings, plan)
        self._measure = Measure(plan, borders=True)
        self._strategy = strategy
        self._replicas: int = strategy.num_replicas_in_sync

    def parts(self, batches: Iterable[Batch], last: dict[str, np.ndarray] | None = None) -> Iterator[Part]:
        """What is found on several batches, in their order; see `Step`."""
        # In one round all batches have the same kind of images, so that no mixture of sizes is a trace of its own.
        for group in _grouped(batches, self._replicas, self._kind):
            parts = self._round(group, last)
            last = parts[-1].last
            yield from parts

    def _kind(self, batch: Batch) -> tuple[Any, ...]:
        return tuple(self.classifier.images_of(batch.x).shape[1:]), batch.y is None

    def _round(self, group: Sequence[Batch], last: dict[str, np.ndarray] | None) -> list[Part]:
        """What is found on as many batches as there are replicas, or fewer."""
        given = [(batch, {} if place else (last or {})) for place, batch in enumerate(group)]
        found = self._run(given, self.settings.epsilons)
        return self._joined([self._part(*item) for item in zip(found, group, strict=True)])

    def _run(
        self, given: Sequence[tuple[Batch, dict[str, np.ndarray]]], epsilons: Sequence[float]
    ) -> list[dict[str, Any]]:
        arguments = [self._arguments(batch, last, epsilons) for batch, last in given]
        if len(given) < self._replicas:  # with nothing to measure, a replica measures an image whose result is dropped
            idle = self._arguments(_first_image(given[0][0], self.settings.pictured), {}, epsilons)
            arguments += [idle] * (self._replicas - len(given))
        run = OnReplicas(self._measure, self._strategy, len(arguments[0]))
        shape = tuple(self.classifier.images_of(arguments[0][0]).shape[1:])
        with draws.turn(self.is_random(shape)):
            for replica, (batch, _) in enumerate(given):
                draws.restart(self.settings.seed, batch.first, replica)
            results: list[dict[str, Any]] = self.classifier.compiled(run, run, *itertools.chain(*arguments))
        return results[: len(given)]

    def _joined(self, parts: list[Part]) -> list[Part]:
        """The parts of a round, with what lies between one and the next: it was on two devices."""
        if not self.plan.explainers or len(parts) < 2:
            return parts
        border = Border(self.plan.metrics)
        names = [item.name for item in self.plan.explainers]
        before, after = (
            {name: tf.concat([maps[name] for maps in side], axis=0) for name in names}
            for side in ([part.last for part in parts[:-1]], [part.border for part in parts[1:]])
        )
        found = self.classifier.compiled(border, border, before, after)
        apart = np.array([[found[metric.name][name] for name in names] for metric in self.plan.metrics])
        return [parts[0], *(_with_chance(part, apart[..., place]) for place, part in enumerate(parts[1:]))]


@dataclasses.dataclass(frozen=True)
class Border:
    """Compares the last heatmaps of some batches with the first ones of the next. It runs while a graph is traced.

    Args:
        metrics: The dissimilarities.
    """

    metrics: tuple[Dissimilarity, ...]

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, model: ImageClassifier, before: dict[str, Tensor], after: dict[str, Tensor]
    ) -> dict[str, dict[str, Tensor]]:
        """By metric and explainer, `(borders,)`."""
        return chance_of(self.metrics, {name: (before[name], after[name]) for name in before})


def _grouped(batches: Iterable[Batch], most: int, kind: Callable[[Batch], Any]) -> Iterator[list[Batch]]:
    """Consecutive batches of one kind, at most so many."""
    group: list[Batch] = []
    try:
        for batch in batches:
            if group and (len(group) == most or kind(batch) != kind(group[0])):
                yield group
                group = []
            group.append(batch)
            if len(group) == most:
                yield group
                group = []
    except Exception:  # what was read before one that cannot be read is measured
        if group:
            yield group
        raise
    if group:
        yield group


def _with_chance(part: Part, values: np.ndarray) -> Part:
    """A part with what the first of its images has to the image before, `(metrics, explainers)`."""
    arrays = dict(part.measurements.arrays)
    found = arrays[_CHANCE].copy()
    found[..., 0] = values  # both in the order of the plan
    arrays[_CHANCE] = found
    return dataclasses.replace(part, measurements=dataclasses.replace(part.measurements, arrays=arrays))


def _first_image(batch: Batch, pictured: int) -> Batch:
    """The first image of a batch, as one of which no pictures are kept."""
    x = keras.tree.map_structure(lambda item: item[:1] if getattr(item, "ndim", 1) else item, batch.x)
    y, targets = (None if item is None else item[:1] for item in (batch.y, batch.targets))
    return Batch(x, y, pictured, targets)
