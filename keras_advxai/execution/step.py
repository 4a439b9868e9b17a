"""Runs the compiled step on batches, on one device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.evaluation.corrupting import check_corruptions
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.pictures import gather_examples
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.explainers.parts import check_count
from keras_advxai.measurements.coordinates import Coordinates
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import Part
from keras_advxai.metrics import nissim
from keras_advxai.models import ImageClassifier, draws
from keras_advxai.models.arrays import as_tensor
from keras_advxai.ops.ssim import window_size
from keras_advxai.settings.evaluation_settings import EvaluationSettings


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class Batch:
    """What is measured at once.

    Attributes:
        x: The model's inputs.
        y: The labels, or `None`.
        first: The number of its first image. Defaults to 0.
        targets: Classes for targeted attacks to reach, `(batch,)`, where they are given. Defaults to `None`.
        names: What the images are called, `(batch,)`, where it is known. Defaults to `None`.
    """

    x: Any
    y: np.ndarray | None
    first: int = 0
    targets: np.ndarray | None = None
    names: np.ndarray | None = None


class Step:
    """Measures one batch after the other.

    Args:
        classifier: The classifier.
        settings: The settings of the evaluation.
        plan: What is measured.
    """

    def __init__(self, classifier: ImageClassifier, settings: EvaluationSettings, plan: MeasurementPlan) -> None:
        self.classifier = classifier
        self.settings = settings
        self.plan = plan
        self._measure = Measure(plan)

    def __call__(self, batch: Batch, last: dict[str, np.ndarray] | None = None) -> Part:
        """What is found on one batch.

        Args:
            batch: The batch.
            last: What the part before has by this name. Defaults to `None`, there is none.

        Raises:
            ValueError: The images do not fit an explainer, an attack or a dissimilarity.
        """
        (found,) = self._run([(batch, last or {})], self.settings.epsilons)
        return self._part(found, batch)

    def last_maps(self, batch: Batch) -> dict[str, np.ndarray]:
        """The last clean heatmap of a batch by explainer, as its part would have it.

        Args:
            batch: The batch, of which nothing else is wanted.
        """
        if not self.plan.explainers:
            return {}
        # By the same trace as the part, so bit by bit the same, but at one epsilon.
        (found,) = self._run([(batch, {})], self.settings.epsilons[:1])
        return {name: maps.numpy() for name, maps in found["clean"]["last"].items()}

    def _run(
        self, given: Sequence[tuple[Batch, dict[str, np.ndarray]]], epsilons: Sequence[float]
    ) -> list[dict[str, Any]]:
        """What the compiled step returns for each of some batches, of which each comes with the maps before it."""
        found = []
        for batch, last in given:
            arguments = self._arguments(batch, last, epsilons)
            shape = tuple(self.classifier.images_of(arguments[0]).shape[1:])
            with draws.turn(self.is_random(shape)):
                # Behind whatever ran the model before, which is not the same the second time.
                draws.restart(self.settings.seed, batch.first)
                # The step is its own key: evaluators with equal plans share what is compiled.
                found.append(self.classifier.compiled(self._measure, self._measure, *arguments))
        return found

    def parts(self, batches: Iterable[Batch], last: dict[str, np.ndarray] | None = None) -> Iterator[Part]:
        """What is found on several batches, in their order.

        Args:
            batches: The batches, which are read as they are needed.
            last: What the part before the first one has by this name. Defaults to `None`, there is none.
        """
        for batch in batches:
            part = self(batch, last)
            last = part.last
            yield part

    def _arguments(self, batch: Batch, last: dict[str, np.ndarray], epsilons: Sequence[float]) -> tuple[Any, ...]:
        """What `Measure` takes for a batch."""
        inputs = keras.tree.map_structure(as_tensor, batch.x)
        images = tf.cast(self.classifier.images_of(inputs), tf.float32)
        inputs = self.classifier.with_images(inputs, images)
        self._check(inputs, images)
        labels, given = (None if item is None else tf.convert_to_tensor(item) for item in (batch.y, batch.targets))
        levels = tf.constant(epsilons, tf.float32)  # others take no new trace
        pictured = tf.constant(min(max(0, self.settings.pictured - batch.first), len(images)))
        severities = None
        if self.plan.corruptions:
            known = self.settings.severities
            whole = tuple(epsilons) == self.settings.epsilons  # and not `last_maps`
            severities = tf.constant(known if whole else known[:1], tf.int32)
        return inputs, labels, levels, pictured, given, self._previous(images, last), severities

    def is_random(self, shape: tuple[int, ...]) -> bool:
        """Whether the model is random when it runs on images of a shape."""
        return bool(self.classifier.topology(shape).random)

    def _check(self, inputs: Any, images: Tensor) -> None:
        """Raise for what does not fit, while it has values: in the graph there are none to look at."""
        self.classifier.check_output(inputs)
        if self.plan.explainers and (nissim in self.plan.metrics or self.plan.score_pairs):
            _check_window(self.classifier.map_shape(images.shape)[1:-1])
        for explainer in self.plan.explainers:
            explainer.check(self.classifier, images)
        for attack in self.plan.attacks:
            attack.check(self.classifier, images)
        check_corruptions(self.plan.corruptions, self.classifier, images)

    def _previous(self, images: Tensor, last: dict[str, np.ndarray]) -> dict[str, Tensor] | None:
        """The last heatmap of the batch before, by explainer, or blank ones; `None` without explainers."""
        shape = self.classifier.map_shape((1, *images.shape[1:]))
        found = {item.name: last.get(item.name) for item in self.plan.explainers}
        # Of images of another size there is nothing to compare with.
        fitting = {name: maps if maps is not None and maps.shape == shape else None for name, maps in found.items()}
        return {name: tf.zeros(shape) if maps is None else tf.constant(maps) for name, maps in fitting.items()} or None

    def _part(self, result: dict[str, Any], batch: Batch) -> Part:
        """The part that was measured, of what the compiled step returned for a batch."""
        found = keras.tree.map_structure(lambda tensor: tensor.numpy(), result)
        for explainer in self.plan.explainers:
            # How many maps an image has shows only when the graph has run.
            check_count(found["clean"]["blank"][explainer.name], found["clean"]["label"], explainer)
        found["clean"] |= {} if batch.names is None else {"name": batch.names}
        measurements = Measurements.gather(self._coordinates(found), found)
        examples = gather_examples(found, measurements, self.classifier, batch.first)
        shape, clean = tuple(self.classifier.images_of(batch.x).shape[1:]), found["clean"]
        return Part(
            batch.first, shape, measurements, examples, found.get("arriving"), clean["last"], clean.get("border", {})
        )

    def _coordinates(self, found: dict[str, Any]) -> Coordinates:
        """The labels along the dimensions of what was measured of a batch: of all batches the same."""
        plan, own = self.plan, self.settings.target
        # Which targets were measured beside the own one is for the explainers to say, where that costs the head alone.
        maps = found[plan.attacks[0].name].get("dissimilarity", {}).get(plan.metrics[0].name, {})
        others = {target for targets in maps.values() for target in targets} - {own}
        return Coordinates(
            attacks=tuple(item.name for item in plan.attacks),
            explainers=tuple(item.name for item in plan.explainers),
            metrics=tuple(item.name for item in plan.metrics),
            targets=(own, *sorted(others)),
            epsilons=self.settings.epsilons,
            classes=self.classifier.classes,
            corruptions=tuple(item.name for item in plan.corruptions),
            severities=self.settings.severities if plan.corruptions else (),
        )


def _check_window(size: tuple[int | None, ...]) -> None:
    """Raise before a long trace if heatmaps are too small for SSIM."""
    try:
        window_size(*(side or 0 for side in size))
    except ValueError as error:
        raise ValueError(
            f"{error} Or measure another dissimilarity of the heatmaps, such as metrics='cosine_distance', or "
            "explainers=() for accuracy alone."
        ) from error
