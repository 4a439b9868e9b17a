"""What the checks of an evaluation look at."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Self, TypeAlias

import numpy as np

from keras_advxai.attacks import Attack
from keras_advxai.explainers import Explainer
from keras_advxai.measurements import accuracy
from keras_advxai.measurements.finding import Checks
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.outcomes import outcomes
from keras_advxai.models.arriving import Arriving
from keras_advxai.models.ranges import OtherRange

Successes: TypeAlias = dict[str, np.ndarray]

NOT_FINITE, UNDEFINED, WEIGHTS = "not-finite", "undefined-inside", "non-finite-weights"
"""Findings that are the cause of many others."""
OF_NAN = (WEIGHTS, NOT_FINITE, UNDEFINED)
"""What silences a check that NaN anywhere in the model would make speak."""


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of arrays has no truth value
class Evidence:
    """What was measured, and what is known about how.

    Attributes:
        measurements: What was measured of each image.
        attacks: The attacks, the noise control among them.
        has_labels: Whether the data have labels.
        has_sample_weights: Whether the data have sample weights.
        image_sizes: How many sizes the images have.
        explainers: The explainers, as far as they are known.
        ways_out: What to do where an explainer's heatmaps are blank, by its name; empty for nothing that is known.
        unsure_logits: Whether the output was taken for probabilities although nothing says that it is.
        from_logits: What was said of the output, by the user and not by the task; `None` for nothing.
        reduces: Whether a function of the user's makes scores of classes of the model's output.
        visible_end: What the model's last operation is: `"softmax"`, `"sigmoid"`, `"linear"` or `None`.
        arriving: What arrived at the first layer with statistics of its training; `None` if there is no such layer.
        other_range: The range of the pixels in which the model is right more often; `None` if there is none, or none
            was looked for.
        random: What makes the model random when it runs: names of seed generators and operations.
        non_finite_weights: Names of the model's variables that hold NaN or infinity.
        own_prediction: The method by which the model predicts otherwise than by its call; `None` where it has none.
        own_evaluation: The method by which `model.evaluate` measures it otherwise, or by which alone it is trained;
            `None` where it has none.
        own_threshold: The threshold of a metric that the model was compiled with, where it is another than that of the
            model's head; `None` where there is none.
        unmerged: The feature maps that the classes are computed from where no layer merges them and one is explained
            because none was named; that one is the last.
        passed_over: Likewise of the convolutions behind the layer that is explained, whose maps have dimensions of
            their own.
        mixing_layer: The layer that makes what the model says of an image depend on the others of its batch, `""` if it
            has no name; `None` where there is none.
        signal: The shape of an image that counts as a signal although no layer looks at it as at one; else empty.
        stateful: The names of layers that keep a state from one call to the next.
        masking: The names of layers that leave out steps by their values.
        partial: Why there are more data than were measured; `None` where there are not.
    """

    measurements: Measurements
    attacks: tuple[Attack, ...]
    has_labels: bool = True
    has_sample_weights: bool = False
    image_sizes: int = 1
    unsure_logits: bool = False
    from_logits: bool | None = None
    reduces: bool = False
    visible_end: str | None = None
    explainers: tuple[Explainer, ...] = ()
    arriving: Arriving | None = None
    other_range: OtherRange | None = None
    random: tuple[str, ...] = ()
    non_finite_weights: tuple[str, ...] = ()
    own_prediction: str | None = None
    own_evaluation: str | None = None
    own_threshold: float | None = None
    unmerged: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    mixing_layer: str | None = None
    signal: tuple[int, ...] = ()
    stateful: tuple[str, ...] = ()
    masking: tuple[str, ...] = ()
    partial: str | None = None
    ways_out: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def without(self, cause: str) -> Self | None:
        """The same without the images of which a finding has spoken; `None` if nothing is left to look at.

        Args:
            cause: `"not-finite"`, `"undefined-inside"`, or another one, which is of all images.
        """
        affected = affected_images(self.measurements, cause)
        if not affected.any() or affected.all():
            return None if affected.all() else self
        return dataclasses.replace(self, measurements=self.measurements.select(~affected))

    @functools.cached_property
    def epsilons(self) -> np.ndarray:
        """The epsilons from the smallest to the largest, `(epsilons,)`."""
        return np.sort(self.measurements.coordinates.epsilons)

    @functools.cached_property
    def successes(self) -> Successes:
        """By attack, where it succeeded, `(epsilons, images)` bool, from the smallest epsilon to the largest."""
        # Epsilons may be given in any order, and a check asks what more budget does.
        order = np.argsort(self.measurements.coordinates.epsilons, kind="stable")
        return {attack.name: accuracy.succeeded(self.measurements, attack)[order] for attack in self.attacks}


def affected_images(found: Measurements, cause: str) -> np.ndarray:
    """Of which images a finding is, `(images,)` bool.

    Args:
        found: What was measured.
        cause: The id of the finding.
    """
    if cause == NOT_FINITE:
        return ~outcomes(found).finite()
    if cause == UNDEFINED:
        return found.at("undefined_inside") if "undefined_inside" in found else np.zeros(len(found), bool)
    return np.ones(len(found), bool)  # of the model itself


CHECKS: Checks[Evidence] = Checks()
"""The checks that look at what was measured."""

check = CHECKS.check
