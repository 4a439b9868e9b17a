"""One pass over images, as the quantities of an evaluation see it."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.explainers import is_blank
from keras_advxai.models import Forward, ImageClassifier


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of tensors has no truth value in a graph
class Observation:
    """One pass over the images under one condition, with the clean pass beside it. It exists while a graph is traced.

    What depends on the attack sees the adversarial images without a pass over them (`forward` is the clean one there),
    because the pass is traced once for all attacks.

    Attributes:
        plan: What is measured.
        model: The classifier.
        inputs: The clean images, or the model's inputs with them.
        images: The images as they are under this condition, `(batch, height, width, channels)`.
        forward: The pass over them.
        labels: Their classes, `(batch,)` int32, or what else the model says; the clean predictions where there are
            none.
        has_labels: Whether there are.
        attack_targets: The target classes of targeted attacks, `(batch,)` int32; the labels if there are none.
        attackable: Whether a targeted attack is to attack each image, `(batch,)` bool.
        clean: The same of the clean images; `None` if this is it.
        previous: Explainer to the heatmap of the clean image in front of the first one, `(1, height, width, 1)`, which
            the batch before ended with; blank where there was none, as for explainers that are not in it.
        maps: Explainer to target to heatmaps, `(batch, height, width, 1)`.
    """

    plan: MeasurementPlan
    model: ImageClassifier
    inputs: Any
    images: Tensor
    forward: Forward
    labels: Tensor
    has_labels: bool
    attack_targets: Tensor
    attackable: Tensor
    clean: Observation | None
    previous: dict[str, Tensor]
    maps: dict[str, dict[str, Tensor]] = dataclasses.field(default_factory=dict)

    @property
    def reference(self) -> Observation:
        """The clean images' observation."""
        return self.clean or self

    @property
    def explained(self) -> dict[str, Tensor]:
        """The class that heatmaps explain, `(batch,)`, by target."""
        return {
            "predicted": self.forward.strongest,
            "clean": self.reference.forward.strongest,
            "label": self.labels,
        }

    @property
    def probabilities(self) -> Tensor | None:
        """The probability of each class, `(batch, classes)`, NaN where the output is not finite; `None` of numbers."""
        found = self.forward.probabilities
        if self.model.kind.probability(found, self.forward.strongest) is None:
            return None
        return tf.where(self.forward.finite[:, None], found, float("nan"))

    @property
    def own_maps(self) -> dict[str, Tensor]:
        """The heatmaps for the plan's target, by explainer."""
        return {name: maps[self.plan.target] for name, maps in self.maps.items()}

    @property
    def preceding_maps(self) -> dict[str, Tensor]:
        """For each of `own_maps`, that of the image before it, by explainer; blank for the first image of all."""
        return {name: maps[:-1] for name, maps in self._own_maps_and_previous.items()}

    @property
    def first_map(self) -> dict[str, Tensor]:
        """The first of `own_maps`, `(1, height, width, 1)`, by explainer."""
        return {name: maps[:1] for name, maps in self.own_maps.items()}

    @property
    def last_map(self) -> dict[str, Tensor]:
        """The last of `own_maps`, `(1, height, width, 1)`, by explainer: what the next batch gets as `previous`."""
        return {name: maps[-1:] for name, maps in self._own_maps_and_previous.items()}

    @functools.cached_property
    def _own_maps_and_previous(self) -> dict[str, Tensor]:
        own = self.own_maps
        blank = {name: tf.zeros_like(maps[:1]) for name, maps in own.items()}
        return {name: tf.concat([self.previous.get(name, blank[name]), own[name]], axis=0) for name in own}

    @functools.cached_property  # a pass over the baselines, for the gap and the change both
    def completeness(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Gap and change of the score, `(batch,)` each, by explainer, for those that promise completeness."""
        target = self.explained[self.plan.target]
        found = {
            item.name: item.completeness(self.model, self.images, target, self.forward) for item in self.plan.explainers
        }
        # Grad-CAM promises no sum: its gap is absent, and not NaN.
        return {name: sums for name, sums in found.items() if sums is not None}

    @property
    def steps_used(self) -> dict[str, Tensor]:
        """How many gradients each image took, `(batch,)`, by explainer, for those that decide it image by image."""
        target = self.explained[self.plan.target]
        found = {
            item.name: item.steps_taken(self.model, self.images, target, self.forward) for item in self.plan.explainers
        }
        return {name: steps for name, steps in found.items() if steps is not None}

    @property
    def blank(self) -> dict[str, Tensor]:
        """Whether each of `own_maps` is blank, `(batch,)` bool, by explainer."""
        return {name: is_blank(maps) for name, maps in self.own_maps.items()}

    def explain(self) -> Observation:
        """The same with its heatmaps."""
        shape = self.images.shape[1:]
        maps: dict[str, dict[str, Tensor]] = {}
        for item in self.plan.explainers:
            # A second target on a pass that is there already is measured where it costs the head alone.
            modes: set[str] = {self.plan.target, "clean"} if item.is_cheap(self.model, shape) else {self.plan.target}
            maps[item.name] = {
                mode: item(self.model, self.images, self.explained[mode], forward=self.forward)
                for mode in sorted(modes)
            }
        return dataclasses.replace(self, maps=maps)
