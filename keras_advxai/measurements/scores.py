"""What the softmax does to explanations: heatmaps of the logit against heatmaps of the probability."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from keras_advxai._files import write_atomically
from keras_advxai.measurements import storage
from keras_advxai.measurements.examples import Example
from keras_advxai.measurements.finding import Finding
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.tables import Tabulated


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
        with np.errstate(invalid="ignore"):  # log-odds that are not known, or of logits that are not finite
            confidence: np.ndarray = np.exp(-np.logaddexp(0, -self.log_odds))
        return confidence

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
class ScoreComparison(Tabulated):
    """Heatmaps of the logit against heatmaps of the probability. Printed, it is a table by confidence.

    Attributes:
        original: The original images.
        adversarial: The adversarial images.
        pairs: Names of the explainers of the probability, by those of the logit.
        attack: Name of the attack.
        epsilon: Its budget.
        provenance: How it was measured; see `EvaluationReport`.
        warnings: What would be misread otherwise; see `EvaluationReport`.
        examples: A few images with their heatmaps, for `figures.scores`.
        names: What each image is called, `(images,)`, in the order of all arrays; `None` where nobody knows.
    """

    original: ScoredImages
    adversarial: ScoredImages
    pairs: dict[str, str]
    attack: str
    epsilon: float
    provenance: dict[str, Any]
    warnings: tuple[Finding, ...] = ()
    examples: tuple[Example, ...] = ()
    names: np.ndarray | None = None

    @property
    def panels(self) -> dict[str, ScoredImages]:
        """The original and the adversarial images by name, for `figures.confidence`."""
        return {"original": self.original, "adversarial": self.adversarial}

    def __repr__(self) -> str:
        return f"ScoreComparison({len(self.original)} images, explainers={tuple(self.pairs)}, attack={self.attack!r})"

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python values, NaN and infinity as `None`."""
        return {
            "attack": self.attack,
            "epsilon": self.epsilon,
            "pairs": self.pairs,
            "provenance": self.provenance,
            **({} if self.names is None else {"names": self.names.tolist()}),
            **{name: _plain(dataclasses.asdict(images)) for name, images in self.panels.items()},
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The figures as JSON text, also written to `path` if one is given, whole or not at all."""
        text = storage.to_json(self.to_dict())
        if path is not None:
            write_atomically(path, text.encode("utf-8"))
        return text


def compare(
    found: Measurements,
    provenance: dict[str, Any],
    warnings: tuple[Finding, ...],
    examples: tuple[Example, ...],
    attack: str,
    epsilon: float,
) -> ScoreComparison:
    """The comparison of the scores that measurements hold, for one attack at one epsilon.

    Args:
        found: Measurements with explainers in pairs.
        provenance: How it was measured, the pairs among it.
        warnings: What would be misread otherwise.
        examples: A few images with their heatmaps.
        attack: Name of the attack.
        epsilon: One of the epsilons.

    Raises:
        ValueError: There are no explainers in pairs.
    """
    pairs = provenance["score_pairs"]
    if "score_nissim" not in found or not pairs:
        raise ValueError(
            "The report has no explainers in pairs that differ in their score only, such as GradCAM() and "
            f"GradCAM(score='probability'). It has: {', '.join(found.coordinates.explainers) or 'none'}"
        )

    def images(attack: str | None) -> ScoredImages:
        def at(name: str, **where: Any) -> np.ndarray:
            return found.at(name, attack=attack, epsilon=None if attack is None else epsilon, **where)

        # Of both explainers of each pair, since either heatmap may be the blank one.
        blank = {name: at("blank", explainer=name) for pair in pairs.items() for name in pair}
        return ScoredImages(
            log_odds=at("prediction_log_odds"),
            # A blank heatmap of the logit is no reference.
            nissim={name: np.where(blank[name], np.nan, at("score_nissim", explainer=name)) for name in pairs},
            blank_logit={name: blank[name] for name in pairs},
            blank_probability={name: blank[other] for name, other in pairs.items()},
            zero_gradient_logit=at("score_zero_gradient", score="logit"),
            zero_gradient=at("score_zero_gradient", score="probability"),
        )

    names = found.at("name") if "name" in found else None
    return ScoreComparison(images(None), images(attack), pairs, attack, epsilon, provenance, warnings, examples, names)


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else storage.plain(value)
