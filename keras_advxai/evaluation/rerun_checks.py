"""Checks that attack again: what comes of the same attacks under other conditions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import Attack, CleverHans, Ensemble
from keras_advxai.evaluation import statistics
from keras_advxai.evaluation.attack_kinds import follows_gradients, takes_many_steps
from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.kept import Kept
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import epsilon_text, percent_text
from keras_advxai.evaluation.targets import Goal, attacked
from keras_advxai.models import ImageClassifier
from keras_advxai.models.rescaled import RescaledClassifier

_FACTORS = (0.1, 10.0)
_CHANCE = 0.05
_STANDING = 0.05
_CLEVER_HANS_STEPS = 10
"""How many steps cleverhans' attacks in many steps take by default."""


@dataclasses.dataclass(frozen=True)
class Rerun:
    """One attack on one batch, of a model whose logits are multiplied by a factor. It runs while a graph is traced.

    Args:
        attack: The attack.
        goal: Which classes targeted attacks are to reach.
    """

    attack: Attack
    goal: Goal | None

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, model: ImageClassifier, x: Any, y: Tensor | None, given: Tensor | None, epsilon: Tensor, factor: Tensor
    ) -> dict[str, Tensor]:
        """Predictions before and after, and which images were changed, `(batch,)` each."""
        scaled = RescaledClassifier(model, factor)
        clean = scaled.forward(x)
        labels = clean.predictions if y is None else tf.cast(y, tf.int32)
        targets = labels if self.goal is None else self.goal.targets(clean, labels, given)
        images = attacked(self.attack, scaled, x, clean, labels, targets, epsilon)
        return {
            "before": clean.predictions,
            "after": scaled.forward(scaled.with_images(x, images)).predictions,
            "changed": tf.reduce_any(images != clean.images, axis=range(1, images.shape.rank)),
        }


class Reruns:
    """Attacks again on the first images of an evaluation, and compares.

    Args:
        classifier: The classifier.
        kept: The first images, batch by batch.
        samples: What was found of all images.
        attacks: The attacks, the noise control among them.
        goal: Which classes targeted attacks are to reach.
    """

    def __init__(
        self,
        classifier: ImageClassifier,
        kept: Sequence[Kept],
        samples: Samples,
        attacks: Sequence[Attack],
        goal: Goal | None,
    ) -> None:
        self.classifier = classifier
        self.kept = kept
        self.samples = samples
        self.attacks = attacks
        self.goal = goal
        self.count = sum(len(classifier.images_of(batch.inputs)) for batch in kept)
        self.labels = samples.labels[: self.count]
        self.right = samples.predictions[: self.count] == self.labels

    def findings(self) -> list[Finding]:
        """What comes of the attacks under other conditions, as far as it gives cause to say something.

        References:
            Carlini et al., "On evaluating adversarial robustness", 2019. Athalye, Carlini and Wagner, "Obfuscated
            gradients give a false sense of security", ICML 2018.
        """
        found = [finding for attack in self.attacks for finding in self._at_zero(attack)]
        for norm in dict.fromkeys(attack.norm for attack in self.attacks):
            attacks = [attack for attack in self.attacks if attack.norm == norm and follows_gradients(attack)]
            level = self._level(norm)
            for attack in attacks:
                found += self._at_other_scales(attack, level)
                found += self._with_more(attack, level)
            found += self._at_full_range([attack for attack in attacks if takes_many_steps(attack)], norm)
        return found

    def _at_zero(self, attack: Attack) -> Iterator[Finding]:
        found = self._run(attack, 0.0)
        changed, other = int(found["changed"].sum()), int(np.sum(found["before"] != found["after"]))
        if changed or other:
            yield Finding(
                f"At epsilon 0, {attack.name} changes {changed} of {self.count} images and the predictions of {other}: "
                "its figures are not those of the budget.",
                id="epsilon-zero-differs",
                severity="error",
            )

    def _at_other_scales(self, attack: Attack, level: int) -> Iterator[Finding]:
        """The same attack where the logits are larger or smaller, which changes no prediction.

        The directions of sound losses, too, turn somewhat as classes gain and lose weight against one another: that the
        attack does worse with small logits is no sign, and a difference has to be more than chance would make.
        """
        others = self._standing(level, attack.norm, without=attack)
        before = self._standing(level, attack.norm)
        for factor in _FACTORS:
            hits = self._run(attack, self.samples.epsilons[level], factor)["after"] != self.labels
            after = others & ~hits
            gained, lost = int(np.sum(before & ~after)), int(np.sum(after & ~before))
            counts = gained > lost or factor > 1
            if counts and self._matters(abs(gained - lost)) and statistics.sign_test(gained, lost) < _CHANCE:
                yield Finding(
                    f"With the logits times {factor:g}, which changes no prediction, {attack.name} would leave "
                    f"{after.sum()} instead of {before.sum()} of {self.count} images robust at epsilon "
                    f"{self._text(level)}: what it finds depends on the scale of the logits. Pass loss='margin', or "
                    "add the attack 'standard'.",
                    id="depends-on-scale",
                    severity="warning",
                )
                return

    def _with_more(self, attack: Attack, level: int) -> Iterator[Finding]:
        """The same attack with twice the steps and restarts."""
        more = doubled(attack)
        if more is None:
            return
        found = self._run(more, self.samples.epsilons[level])
        fallen = int(np.sum(self._standing(level, attack.norm) & (found["after"] != self.labels)))
        if self._matters(fallen):
            yield Finding(
                f"With twice the steps and restarts, {attack.name} turns {fallen} of {self.count} images at epsilon "
                f"{self._text(level)} that no attack has turned: robust accuracy would be lower by "
                f"{percent_text(fallen / self.count)}. Raise `steps` and `restarts`, or add the attack 'standard'.",
                id="more-steps",
                severity="warning",
            )

    def _at_full_range(self, attacks: Sequence[Attack], norm: Norm) -> Iterator[Finding]:
        """The worst case where every image may become any other.

        Steps that are fractions of epsilon are long there, so a quarter of the range is tried, too.
        """
        attacks = [attack for attack in attacks if not attack.targeted]
        if not attacks:
            return
        length = 1.0
        if norm == "l2":
            length = max(np.prod(self.classifier.images_of(batch.inputs).shape[1:]) for batch in self.kept) ** 0.5
        standing = self._standing(int(np.argmax(self.samples.epsilons)), norm)
        for part in (length, length / 4):
            for attack in attacks:
                standing &= self._run(attack, part)["after"] == self.labels
        if standing.sum() > max(1, _STANDING * self.right.sum()):
            yield Finding(
                "Where epsilon spans the whole range of the pixels, so that every image may become any other, "
                f"{int(standing.sum())} of {int(self.right.sum())} images withstand all attacks in many steps "
                f"({norm}): these do not find what is there. Raise `steps`, or add the attack 'standard'.",
                id="full-range",
                severity="warning",
            )

    def _standing(self, level: int, norm: Norm, without: Attack | None = None) -> np.ndarray:
        """Which images are robust at a strength, `(images,)`, perhaps without what one attack did there."""
        lower = np.asarray(self.samples.epsilons) <= self.samples.epsilons[level]
        standing = self.right.copy()
        for attack in self.attacks:
            if attack.norm == norm:
                hits = self.samples.attacked[attack.name][:, : self.count] != self.labels
                counted = lower & (np.arange(len(lower)) != level) if attack == without else lower
                standing &= ~np.any(hits[counted], axis=0)
        return standing

    def _level(self, norm: Norm) -> int:
        """The strength at which about half of the images have fallen."""
        strengths = self.samples.epsilons
        half = [abs(int(self._standing(level, norm).sum()) - self.right.sum() / 2) for level in range(len(strengths))]
        return min(range(len(half)), key=lambda level: (half[level], -strengths[level]))

    def _run(self, attack: Attack, epsilon: float, factor: float = 1.0) -> dict[str, np.ndarray]:
        """What comes of an attack on the kept images."""
        rerun = Rerun(attack, self.goal)
        found = []
        for batch in self.kept:
            numbers = (tf.constant(number, tf.float32) for number in (epsilon, factor))
            found.append(self.classifier.compiled(rerun, rerun, *batch.tensors(self.classifier), *numbers))
        return {key: np.concatenate([item[key] for item in found]) for key in found[0]}

    def _matters(self, images: int) -> bool:
        return images > max(1, 0.01 * self.count)

    def _text(self, level: int) -> str:
        return epsilon_text(self.samples.epsilons[level])


def doubled(attack: Attack) -> Attack | None:
    """The attack with twice the steps and restarts; `None` where it has neither."""
    if isinstance(attack, Ensemble):
        more = [doubled(item) for item in attack.attacks]
        return Ensemble([new or old for new, old in zip(more, attack.attacks, strict=True)]) if any(more) else None
    config = attack.get_config()
    changed = {name: 2 * config[name] for name in ("steps", "restarts") if isinstance(config.get(name), int)}
    if isinstance(attack, CleverHans) and takes_many_steps(attack):
        changed["nb_iter"] = 2 * (config["nb_iter"] or _CLEVER_HANS_STEPS)
    if config.get("keep") == "last":
        changed.pop("restarts", None)
    return type(attack).from_config({**config, **changed}) if changed else None
