"""Which class a targeted attack is to reach, for each image."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._registry import nearest
from keras_advxai._typing import AttackTargets, Tensor
from keras_advxai.attacks import Attack
from keras_advxai.attacks.rows import select
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_labels
from keras_advxai.ops import losses, random

_STREAM = 0x7A6
"""Which of the numbers of an image its random target is made of; attacks take the first ones."""


def _runner_up(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """The likeliest class but for the label."""
    return losses.runner_up(forward.logits, labels)


def _least_likely(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """The unlikeliest class but for the label."""
    return losses.runner_up(-forward.logits, labels)


def _random(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """Any class but for the label, drawn from the seed and the image."""
    others = forward.logits.shape[-1] - 1
    drawn = random.uniform(random.image_keys(forward.images, seed), _STREAM)
    index = tf.minimum(tf.cast(drawn * others, tf.int32), others - 1)
    return index + tf.cast(index >= labels, tf.int32)


RULES = {"least_likely": _least_likely, "runner_up": _runner_up, "random": _random}
"""By name, functions of a clean pass, of the labels and of a seed: a class for each image, never its label."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """How the classes are chosen that targeted attacks are to reach.

    Args:
        rule: The name of a rule, one class for all images, or `"given"` for one that is given with each image.
        seed: Seed of the rule `"random"`. Defaults to 0.
    """

    rule: str | int
    seed: int = 0

    def targets(self, forward: Forward, labels: Tensor, given: Tensor | None) -> Tensor:
        """A class for each image, `(batch,)` int32.

        Args:
            forward: The pass over the clean images.
            labels: Their classes, `(batch,)` int32.
            given: What was given with them, `(batch,)`.
        """
        if given is not None:
            return tf.cast(given, tf.int32)
        if isinstance(self.rule, str):
            return RULES[self.rule](forward, labels, self.seed)
        return tf.fill(tf.shape(labels), self.rule)


def is_attackable(labels: Any, predictions: Any, targets: Any) -> Any:
    """Whether a targeted attack is to attack an image: it is classified as labelled, and the target is no label.

    Args:
        labels: Class indices, `(batch,)`.
        predictions: Clean predictions, `(batch,)`.
        targets: The classes to reach, `(batch,)`.
    """
    return (predictions == labels) & (targets != labels)


def attacked(
    attack: Attack, model: ImageClassifier, x: Any, clean: Forward, labels: Tensor, targets: Tensor, epsilon: Tensor
) -> Tensor:
    """The images after an attack away from their labels, or if it is targeted to their targets.

    Args:
        attack: The attack.
        model: The classifier.
        x: The images, or the model's inputs with them.
        clean: The pass over them.
        labels: Their classes, `(batch,)` int32.
        targets: The classes to reach, `(batch,)` int32; see `Goal.targets`.
        epsilon: The strength.
    """
    if not attack.targeted:
        return attack(model, x, labels, epsilon, forward=clean)
    images = attack(model, x, targets, epsilon, forward=clean)
    return select(is_attackable(labels, clean.predictions, targets), images, clean.images)


def check_goal(
    targets: AttackTargets, attacks: Sequence[Attack], classifier: ImageClassifier, seed: int
) -> tuple[Goal | None, np.ndarray | None]:
    """What the argument `attack_targets` says: how targets are chosen, and those that are given image by image.

    Args:
        targets: What was received.
        attacks: The attacks.
        classifier: Whose classes they are.
        seed: Seed of the rule `"random"`.

    Raises:
        TypeError: It is of a wrong kind.
        ValueError: It is missing, in vain, or wrong.
    """
    needing = [attack for attack in attacks if attack.targeted]
    ways = "'least_likely', 'runner_up', 'random', one class for all images, or one for each"
    if targets is None:
        if needing:
            raise ValueError(
                f"A targeted attack needs classes to reach: pass attack_targets={ways}. Received: {needing[0]!r} and "
                "attack_targets=None"
            )
        return None, None
    if not needing:
        raise ValueError(
            "Argument `attack_targets` is for targeted attacks, such as PGD(targeted=True), and there is none. "
            f"Received: attack_targets={targets!r}"
        )
    if isinstance(targets, str):
        if targets not in RULES:
            raise ValueError(
                f"Argument `attack_targets` must be {ways}.{nearest(targets, RULES)} Received: "
                f"attack_targets={targets!r}"
            )
        return Goal(targets, seed), None
    if isinstance(targets, numbers.Integral) and not isinstance(targets, bool):
        if not 0 <= int(targets) < classifier.classes:
            raise ValueError(
                f"Argument `attack_targets` must lie in 0..{classifier.classes - 1}, because the model tells "
                f"{classifier.classes} classes apart. Received: attack_targets={targets!r}"
            )
        return Goal(int(targets)), None
    if isinstance(targets, bool) or not (isinstance(targets, Sequence) or hasattr(targets, "shape")):
        raise TypeError(f"Argument `attack_targets` must be {ways}. Received: attack_targets={targets!r}")
    return Goal("given"), np.asarray(targets)


def check_given(targets: np.ndarray, labels: np.ndarray | None, images: int, classifier: ImageClassifier) -> np.ndarray:
    """Targets that were given one for each image, after they were compared with the labels.

    Args:
        targets: Class indices or one-hot rows.
        labels: Class indices, `(images,)`; `None` where there are none.
        images: How many images there are.
        classifier: Whose classes they are.

    Raises:
        ValueError: They do not fit the images or the model, or some are the label of their image.
    """
    found = check_labels(targets, images, classifier.classes, classifier.binary, "Argument `attack_targets`")
    same = np.flatnonzero(found == labels) if labels is not None else ()
    if len(same):
        few = ", ".join(map(str, same[:5])) + (", ..." if len(same) > 5 else "")
        raise ValueError(
            "Argument `attack_targets` must name another class than the label for each image: towards its own class "
            f"there is nothing to attack. Received: the label for {len(same)} of {images} images, at the indices "
            f"{few}. attack_targets='least_likely', 'runner_up' and 'random' never do."
        )
    return found
