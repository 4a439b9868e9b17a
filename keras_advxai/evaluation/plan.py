"""What is measured: the part of the settings that the compiled step depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from keras_advxai._typing import TargetMode
from keras_advxai.attacks import Attack
from keras_advxai.corruptions import Corruption
from keras_advxai.explainers import Explainer
from keras_advxai.measurements.coordinates import SCORES
from keras_advxai.metrics import Dissimilarity
from keras_advxai.settings.attack_targets import TargetRule


@dataclasses.dataclass(frozen=True)  # with `Measure` the key of what is compiled, so it has a hash
class MeasurementPlan:
    """What is measured. Evaluations with equal plans share one compiled step, whatever their batches and levels.

    Attributes:
        attacks: The attacks as they run, the noise control among them: with their whole budget where there are
            explainers. Their names are those of the attacks as they were given.
        explainers: The explainers.
        metrics: The dissimilarities.
        target: Whose class the heatmaps explain.
        rule: How the target classes of targeted attacks are chosen; `None` where there are none.
        corruptions: The corruptions. Defaults to none.
        seed: Seed of what is random in them. Defaults to 0.
    """

    attacks: tuple[Attack, ...]
    explainers: tuple[Explainer, ...]
    metrics: tuple[Dissimilarity, ...]
    target: TargetMode
    rule: TargetRule | None = None
    corruptions: tuple[Corruption, ...] = ()
    seed: int = 0

    @property
    def score_pairs(self) -> dict[str, str]:
        """The explainers that come in pairs which differ in their score alone; see the function of that name."""
        return score_pairs(self.explainers)


def score_pairs(explainers: Iterable[Explainer]) -> dict[str, str]:
    """The explainers that come in pairs which differ in their score only: from the logit's name to the probability's.

    Args:
        explainers: Some explainers.

    Example:

    >>> from keras_advxai.evaluation.plan import score_pairs
    >>> from keras_advxai.explainers import GradCAM, Saliency
    >>> score_pairs([GradCAM(), Saliency(), GradCAM(score="probability")])
    {'grad_cam': 'grad_cam_probability'}
    """
    known = list(explainers)  # an iterator would be used up by the outer loop
    return {
        item.name: other.name
        for item in known
        for other in known
        if (item.score, other.score) == SCORES and type(item) is type(other) and item.with_score("probability") == other
    }
