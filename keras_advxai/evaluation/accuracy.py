"""How often the classifier is right, and how often an attack changes its mind."""

from __future__ import annotations

import math

import numpy as np

from keras_advxai._registry import Configuration
from keras_advxai._typing import Aim, Norm
from keras_advxai.evaluation import statistics
from keras_advxai.evaluation.outcome import Outcome


class AccuracyFigures(Outcome):
    """Accuracy under attack, of an `EvaluationReport`."""

    @property
    def clean_accuracy(self) -> float:
        """Accuracy on the original images; 1 by definition where there are no labels."""
        return float(np.mean(self.samples.predictions == self.samples.labels))

    @property
    def norms(self) -> dict[str, Norm]:
        """The norm in which each attack's strength is measured."""
        return {attack: self.provenance.get("norms", {}).get(attack, "linf") for attack in self.attacks}

    @property
    def aims(self) -> dict[str, Aim]:
        """What each attack was after: the `"label"`, the `"explanation"`, or nothing, as the `"noise"`."""
        return {attack: self.provenance.get("aims", {}).get(attack, "label") for attack in self.attacks}

    def robust_accuracy(
        self, epsilon: float, *, attack: str | Configuration | None = None, norm: Norm | None = None
    ) -> float:
        """Share of the images that are classified as labelled whatever the attacks did, up to one strength.

        The worst case, image by image, over all attacks and over all strengths up to `epsilon`: an image that a smaller
        change has turned is not robust against a larger one. The noise control is among the attacks. It is an upper
        bound on the true robust accuracy, and as good as the strongest attack.

        Args:
            epsilon: One of the strengths.
            attack: One attack, or its name, for the worst case over its strengths only. Defaults to all.
            norm: Where attacks of several norms were run, whose strengths do not compare, the norm. Defaults to the
                only one.

        Raises:
            ValueError: The report has no such attack or strength, or several norms of which none was named.
        """
        return float(np.mean(self.robust(epsilon, attack=attack, norm=norm)))

    def robust_interval(
        self, epsilon: float, *, attack: str | Configuration | None = None, norm: Norm | None = None
    ) -> tuple[float, float]:
        """The 95 % Wilson interval of `robust_accuracy`, for the images as a sample of many more."""
        robust = self.robust(epsilon, attack=attack, norm=norm)
        return statistics.wilson_interval(int(robust.sum()), len(robust))

    def robust(
        self, epsilon: float, *, attack: str | Configuration | None = None, norm: Norm | None = None
    ) -> np.ndarray:
        """Which images are robust, `(images,)`; see `robust_accuracy`."""
        levels = np.asarray(self.epsilons) <= self.epsilons[self._level(epsilon)]
        if attack is not None:
            names = [self._attack(attack)]
        else:
            norm = self._norm(norm)
            names = [name for name, known in self.norms.items() if known == norm]
        hits = [self.samples.attacked[name][levels] != self.samples.labels for name in names]
        robust: np.ndarray = (self.samples.predictions == self.samples.labels) & ~np.any(np.concatenate(hits), axis=0)
        return robust

    def accuracy(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the adversarial images that are classified as labelled.

        Args:
            attack: The attack or its name.
            epsilon: One of the strengths.

        Raises:
            ValueError: The report has no such attack or strength.
        """
        return float(np.mean(self._predictions(attack, epsilon) == self.samples.labels))

    def accuracy_interval(
        self, attack: str | Configuration | None, epsilon: float | None = None
    ) -> tuple[float, float]:
        """The 95 % Wilson interval of an accuracy.

        Args:
            attack: The attack or its name; `None` for the clean images.
            epsilon: One of the strengths; not for the clean images.
        """
        found = self.samples.predictions
        if attack is not None:
            found = self._predictions(attack, math.nan if epsilon is None else epsilon)
        return statistics.wilson_interval(int(np.sum(found == self.samples.labels)), len(found))

    def minimum_perturbation(self, attack: str | Configuration) -> np.ndarray:
        """The smallest strength that turns each image, `(images,)`.

        Of a minimum-norm attack, such as `DDN`, it is the distance that it found; of others, the smallest of the
        strengths that were tried. 0 where the clean image is misclassified, infinite where the attack never succeeded;
        a targeted attack succeeds where it reaches its class.

        Args:
            attack: The attack or its name.
        """
        name = self._attack(attack)
        if name in self.samples.distances:
            return self.samples.distances[name]
        hits = self.samples.succeeded(name)
        smallest = np.min(np.where(hits, np.asarray(self.epsilons)[:, None], np.inf), axis=0)
        return np.where(self.samples.predictions == self.samples.labels, smallest, 0.0)

    def median_perturbation(self, attack: str | Configuration) -> float:
        """The median of `minimum_perturbation` over the images that are right before; NaN if none is."""
        right = self.samples.predictions == self.samples.labels
        return float(np.median(self.minimum_perturbation(attack)[right])) if right.any() else math.nan

    def flip_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the images whose prediction the attack changed."""
        return float(np.mean(self._flipped(attack, epsilon)))

    def attack_success_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of misclassified images among those that were right before; NaN if none was."""
        right = self.samples.predictions == self.samples.labels
        wrong = self._predictions(attack, epsilon) != self.samples.labels
        return float(np.mean(wrong[right])) if right.any() else math.nan

    @property
    def targeted_attacks(self) -> tuple[str, ...]:
        """Names of the attacks that were to reach a class."""
        return tuple(name for name in self.attacks if name in self.samples.attack_targets)

    def targeted_success_rate(self, attack: str | Configuration, epsilon: float) -> float:
        """Share of the images that a targeted attack brings to the class that it is to reach.

        Among the images that it attacks: those that are classified as labelled before, and labelled otherwise than the
        class to reach. NaN if there are none.

        Args:
            attack: A targeted attack or its name.
            epsilon: One of the strengths.

        Raises:
            ValueError: The report has no such attack or strength, or the attack has no classes to reach.
        """
        reached = self._reached(attack, epsilon)
        return float(np.mean(reached)) if len(reached) else math.nan

    def targeted_interval(self, attack: str | Configuration, epsilon: float) -> tuple[float, float]:
        """The 95 % Wilson interval of `targeted_success_rate`, for the images as a sample of many more."""
        reached = self._reached(attack, epsilon)
        return statistics.wilson_interval(int(reached.sum()), len(reached))

    def _reached(self, attack: str | Configuration, epsilon: float) -> np.ndarray:
        name, level = self._attack(attack), self._level(epsilon)
        if name not in self.targeted_attacks:
            known = ", ".join(self.targeted_attacks) or "none"
            raise ValueError(
                f"The attack {name!r} is not targeted, so it has no class to reach: see `attack_success_rate`. The "
                f"targeted attacks are: {known}."
            )
        return self.samples.succeeded(name)[level][self.samples.attackable(name)]

    def _norm(self, norm: Norm | None) -> Norm:
        known = tuple(dict.fromkeys(self.norms.values()))
        if norm is None and len(known) > 1:
            raise ValueError(
                f"The report has attacks of several norms, {' and '.join(known)}, whose strengths do not compare. Say "
                "which as `norm`. Received: norm=None"
            )
        if norm is not None and norm not in known:
            raise ValueError(f"The report has attacks of the norm {' and '.join(known)}. Received: norm={norm!r}")
        return known[0] if norm is None else norm
