"""How often the classifier is right, and how often an attack changes its mind."""

from __future__ import annotations

import math

import numpy as np

from keras_advxai._registry import Configuration
from keras_advxai.evaluation.outcome import Outcome


class AccuracyFigures(Outcome):
    """Accuracy under attack, of an `EvaluationReport`."""

    @property
    def clean_accuracy(self) -> float:
        """Accuracy on the original images; 1 by definition where there are no labels."""
        return float(np.mean(self.samples.predictions == self.samples.labels))

    def accuracy(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the adversarial images that are classified as labelled.

        Args:
            attack: The attack or its name.
            epsilon: One of the strengths.

        Raises:
            ValueError: The report has no such attack or strength.
        """
        return float(np.mean(self._predictions(attack, epsilon) == self.samples.labels))

    def flip_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the images whose prediction the attack changed."""
        return float(np.mean(self._flipped(attack, epsilon)))

    def attack_success_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of misclassified images among those that were right before; NaN if none was."""
        right = self.samples.predictions == self.samples.labels
        wrong = self._predictions(attack, epsilon) != self.samples.labels
        return float(np.mean(wrong[right])) if right.any() else math.nan
