"""What the softmax does to explanations: heatmaps of the logit against heatmaps of the probability."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_advxai.evaluation.examples import Example
from keras_advxai.evaluation.samples import plain
from keras_advxai.evaluation.scores_table import render_scores
from keras_advxai.explainers import Explainer

if TYPE_CHECKING:
    from keras_advxai.evaluation.report import EvaluationReport


def score_pairs(explainers: Iterable[Explainer]) -> dict[str, str]:
    """The explainers that come in pairs which differ in their score only: from the logit's name to the probability's.

    Args:
        explainers: Some explainers.

    Example:

    >>> from keras_advxai.evaluation.scores import score_pairs
    >>> from keras_advxai.explainers import GradCAM, Saliency
    >>> score_pairs([GradCAM(), Saliency(), GradCAM(score="probability")])
    {'grad_cam': 'grad_cam_probability'}
    """
    known = list(explainers)
    return {
        item.name: other.name
        for item in known
        for other in known
        if (item.score, other.score) == ("logit", "probability")
        and type(item) is type(other)
        and item.with_score("probability") == other
    }


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredImages:
    """Original or adversarial images, and how far their heatmaps of the two scores are apart.

    Attributes:
        log_odds: The logarithm of the odds of each image's prediction, `log(p / (1 - p))`, computed from the logits,
            `(images,)`.
        nissim: By explainer, NISSIM between the heatmap of the logit and that of the probability, `(images,)`; NaN
            where the one of the logit is blank.
        blank_logit: By explainer, whether the heatmap of the logit is blank, `(images,)`.
        blank_probability: By explainer, whether the heatmap of the probability is blank, `(images,)`.
        zero_gradient_logit: Whether the gradient of the logit to the image is exactly zero, `(images,)`.
        zero_gradient: The same of the probability.
    """

    log_odds: np.ndarray
    nissim: dict[str, np.ndarray]
    blank_logit: dict[str, np.ndarray]
    blank_probability: dict[str, np.ndarray]
    zero_gradient_logit: np.ndarray
    zero_gradient: np.ndarray

    def __len__(self) -> int:
        return len(self.log_odds)

    @property
    def confidence(self) -> np.ndarray:
        """The probability of each image's prediction, `(images,)` float64."""
        return np.exp(-np.logaddexp(0, -self.log_odds))

    @property
    def saturated(self) -> np.ndarray:
        """Whether the probability is exactly 1 in float32, as from a gap of the logits of about 17, `(images,)`.

        The class's own part of the gradient of its probability, `p * (1 - p)`, is lost then. Behind a softmax the
        parts of the other classes are left: a heatmap that is not blank, and not that of the probability either. From
        a gap of about 87 they are lost, too. Behind one sigmoid unit there is nothing else, so the gradient is zero.
        """
        saturated: np.ndarray = self.confidence.astype("float32") == 1
        return saturated

    @property
    def blank(self) -> dict[str, np.ndarray]:
        """By explainer, whether one of the two heatmaps is blank, `(images,)`."""
        return {name: blank | self.blank_probability[name] for name, blank in self.blank_logit.items()}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ScoreComparison:
    """Heatmaps of the logit against heatmaps of the probability. Printed, it is a table by confidence.

    Attributes:
        original: The original images.
        adversarial: The adversarial images.
        pairs: Names of the explainers of the probability, by those of the logit.
        attack: Name of the attack.
        epsilon: Its strength.
        report: The whole evaluation.
    """

    original: ScoredImages
    adversarial: ScoredImages
    pairs: dict[str, str]
    attack: str
    epsilon: float
    report: EvaluationReport

    @property
    def panels(self) -> dict[str, ScoredImages]:
        """The original and the adversarial images by name, for `figures.confidence`."""
        return {"original": self.original, "adversarial": self.adversarial}

    @property
    def examples(self) -> tuple[Example, ...]:
        """A few images with their heatmaps, for `figures.scores`."""
        return self.report.select(attack=self.attack, epsilon=self.epsilon)

    def __repr__(self) -> str:
        return f"ScoreComparison({len(self.original)} images, explainers={tuple(self.pairs)}, attack={self.attack!r})"

    def __str__(self) -> str:
        return render_scores(self)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN and infinity as `None`."""
        return {
            "attack": self.attack,
            "epsilon": self.epsilon,
            "pairs": self.pairs,
            "provenance": self.report.provenance,
            **{name: plain(dataclasses.asdict(images)) for name, images in self.panels.items()},
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The figures as JSON text, also written to `path` if one is given."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            pathlib.Path(path).write_text(text + "\n", encoding="utf-8")
        return text


def compare(report: EvaluationReport, attack: str, level: int) -> ScoreComparison:
    """The comparison that a report holds, for one attack at one strength.

    Args:
        report: A report with explainers in pairs.
        attack: Name of the attack.
        level: The place of the strength among the report's.

    Raises:
        ValueError: The report has no explainers in pairs.
    """
    scores = report.samples.scores
    if not scores:
        raise ValueError(
            "The report has no explainers in pairs that differ in their score only, such as GradCAM() and "
            f"GradCAM(score='probability'). It has: {', '.join(report.explainers) or 'none'}"
        )
    pairs = report.provenance["score_pairs"]

    def images(condition: str) -> ScoredImages:
        def at(values: np.ndarray) -> np.ndarray:
            return values if condition == "clean" else values[level]

        def blank(name: str) -> np.ndarray:
            samples = report.samples
            return at(samples.reference_blank[name] if condition == "clean" else samples.blank[condition][name])

        return ScoredImages(
            log_odds=at(scores["log_odds"][condition]),
            nissim={
                name: np.where(blank(name), np.nan, at(values[condition])) for name, values in scores["nissim"].items()
            },
            blank_logit={name: blank(name) for name in pairs},
            blank_probability={name: blank(other) for name, other in pairs.items()},
            zero_gradient_logit=at(scores["zero_gradient"]["logit"][condition]),
            zero_gradient=at(scores["zero_gradient"]["probability"][condition]),
        )

    return ScoreComparison(images("clean"), images(attack), pairs, attack, report.epsilons[level], report)
