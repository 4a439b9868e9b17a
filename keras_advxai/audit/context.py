"""What the checks of an audit look at."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Norm
from keras_advxai.attacks import Attack
from keras_advxai.audit.gradient_probes import GradientProbes
from keras_advxai.audit.own_call import OwnCall
from keras_advxai.checks.evidence import affected_images
from keras_advxai.explainers import Explainer
from keras_advxai.measurements import Measurements, accuracy
from keras_advxai.measurements.finding import Checks
from keras_advxai.measurements.outcomes import Numbers, OneClass, outcomes
from keras_advxai.models import ImageClassifier
from keras_advxai.settings.evaluation_settings import EvaluationSettings

MOST_IMAGES = 128
"""How many images the model is run on again, the first ones."""


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class AuditContext:
    """The first images of an evaluation, with what was found of them. What is run for a check is run once.

    Attributes:
        classifier: The classifier.
        measurements: What was measured of these images.
        attacks: The attacks, the noise control among them.
        batches: What the model takes, as tensors with float32 images, batch by batch.
        has_labels: Whether the data have labels.
        explainers: The explainers.
        metric: The dissimilarity that figures are of.
    """

    classifier: ImageClassifier
    measurements: Measurements
    attacks: tuple[Attack, ...]
    batches: tuple[Any, ...]
    has_labels: bool
    explainers: tuple[Explainer, ...] = ()
    metric: Any = "nissim"

    @classmethod
    def of(
        cls,
        classifier: ImageClassifier,
        measurements: Measurements,
        settings: EvaluationSettings,
        batches: Iterable[tuple[Any, np.ndarray | None]],
    ) -> Self:
        """The context of the first of some batches; see `audit`."""
        taken: list[Any] = []
        count, has_labels = 0, True
        most = min(MOST_IMAGES, len(measurements))  # a batch that failed was read, and not measured
        for inputs, labels in batches:
            inputs = keras.tree.map_structure(lambda part, left=most - count: part[:left], inputs)
            inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
            images = tf.cast(classifier.images_of(inputs), tf.float32)
            taken.append(classifier.with_images(inputs, images))
            count, has_labels = count + len(images), labels is not None
            if count >= most:  # and not a batch more, which may have to be read
                break
        if not count:
            raise ValueError("Argument `batches` must have at least one batch of images. Received: none")
        return cls(
            classifier,
            measurements.select(slice(count)),
            settings.attacks_and_controls,
            tuple(taken),
            has_labels,
            settings.explainers,
            settings.metrics[0],
        )

    def without(self, cause: str) -> Self | None:
        """The same, or `None` if a finding of the evaluation is of more than a few of these images.

        Args:
            cause: The id of the finding.
        """
        # Probes run on whole batches, and a few images among them decide nothing.
        return None if self.matters(int(affected_images(self.measurements, cause).sum())) else self

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.measurements)

    @property
    def labels(self) -> np.ndarray:
        """Their classes, `(images,)`, or what else the model says; the clean predictions where there are no labels."""
        return self.outcomes.labels()

    @property
    def outcomes(self) -> OneClass:
        """What counts as right and as changed."""
        return outcomes(self.measurements)

    @property
    def label_attacks(self) -> list[Attack]:
        """The attacks on labels, which are right or wrong; none on a regression."""
        nothing = isinstance(self.outcomes, Numbers)
        return [] if nothing else [attack for attack in self.attacks if attack.aim == "label"]

    @functools.cached_property  # for the three checks of the model
    def own_call(self) -> OwnCall:
        """What the model's own call returns."""
        return OwnCall(self.classifier, self.batches)

    @functools.cached_property  # for the four of the gradients
    def gradients(self) -> GradientProbes:
        """What small changes of the images do, beside what the gradients say, on the first batch."""
        return GradientProbes(self.classifier, self.batches[0])  # one image is enough to see where a gradient stops

    def robust(self, norm: Norm, epsilon: float, without: Attack | None = None) -> np.ndarray:
        """Which images are robust at an epsilon against the attacks of a norm, `(images,)` bool.

        Args:
            norm: The norm.
            epsilon: One of the epsilons; smaller ones count, too.
            without: An attack that does not count at this epsilon, but at smaller ones.
        """
        epsilons = np.asarray(self.measurements.coordinates.epsilons)
        found = accuracy.correct(self.measurements)  # what is misclassified before is not robust
        for attack in self.attacks:
            if attack.norm == norm:
                # A larger budget holds the smaller one, although an attack in one step may find less with it.
                counted = epsilons < epsilon if attack == without else epsilons <= epsilon
                found = found & np.all(accuracy.correct(self.measurements, attack)[counted], axis=0)
        return found

    def middle(self, norm: Norm) -> float:
        """The epsilon at which about half of the images are misclassified: there a change shows best."""
        half = accuracy.correct(self.measurements).sum() / 2
        epsilons = self.measurements.coordinates.epsilons
        return min(epsilons, key=lambda epsilon: (abs(int(self.robust(norm, epsilon).sum()) - half), -epsilon))

    def matters(self, images: int) -> bool:
        """Whether so many images are more than one, and more than a point."""
        return images > max(1, 0.01 * self.count)  # one image may lie on the edge, and come and go by rounding


CHECKS: Checks[AuditContext] = Checks()
"""The checks that run the model again."""

check = CHECKS.check
