"""The target class of a targeted attack, for each image."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._choice import nearest
from keras_advxai._typing import AttackTargets, Tensor
from keras_advxai.attacks import Attack
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.arrays import as_array
from keras_advxai.ops import random
from keras_advxai.ops.selection import select

_STREAM = 0x7A6
"""Which of the numbers of an image its random target is made of; attacks take the first ones."""


def _runner_up(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """The likeliest class other than the label."""
    return _best_other(forward, forward.logits, labels)


def _least_likely(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """The unlikeliest class other than the label."""
    return _best_other(forward, -forward.logits, labels)


def _best_other(forward: Forward, values: Tensor, labels: Tensor) -> Tensor:
    """The class with the largest value that is no label of the image."""
    return tf.argmax(forward.classifier.kind.without(values, labels), axis=-1, output_type=tf.int32)


def _random(forward: Forward, labels: Tensor, seed: int) -> Tensor:
    """Any class other than the label, drawn from the seed and the image."""
    if labels.shape.rank > 1:  # several, of which an image may have none or all
        keys, classes = random.image_keys(forward.images, seed), forward.logits.shape[-1:]
        return _best_other(forward, random.uniform(keys, _STREAM, classes), labels)
    others = forward.logits.shape[-1] - 1
    drawn = random.uniform(random.image_keys(forward.images, seed), _STREAM)  # the same in every batch and order
    index = tf.minimum(tf.cast(drawn * others, tf.int32), others - 1)
    return index + tf.cast(index >= labels, tf.int32)  # past the label, so that all others are equally likely


RULES = {"least_likely": _least_likely, "runner_up": _runner_up, "random": _random}
"""By name, functions of a clean pass, of the labels and of a seed: a class for each image, never its label."""


@dataclasses.dataclass(frozen=True)
class TargetRule:
    """How the target classes of targeted attacks are chosen.

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
        return tf.fill(tf.shape(labels)[:1], self.rule)


def adversarial_images(
    attack: Attack,
    model: ImageClassifier,
    x: Any,
    clean: Forward,
    labels: Tensor,
    targets: Tensor,
    attackable: Tensor,
    epsilon: Tensor,
) -> Tensor:
    """The images after an attack, away from their labels, or towards their targets if it is targeted.

    Images of the target class stay as they are, and so do those that are misclassified before, unless the attack is to
    use its whole budget.

    Args:
        attack: The attack.
        model: The classifier.
        x: The images, or the model's inputs with them.
        clean: The pass over them.
        labels: Their classes, `(batch,)` int32, or what else the model says.
        targets: The target classes, `(batch,)` int32; see `TargetRule.targets`.
        attackable: Whether a targeted attack is to attack each image, `(batch,)` bool.
        epsilon: The budget.
    """
    if not attack.targeted:
        return attack(model, x, labels, epsilon, forward=clean)
    images = attack(model, x, targets, epsilon, forward=clean)
    # Towards its own class there is nothing to attack. What is misclassified before is no success of any attack, but
    # where explanations are compared it would count as drift 0 if it were left alone.
    attacked = model.kind.is_other(labels, targets) if attack.whole_budget else attackable
    return select(attacked, images, clean.images)


def check_attack_targets(targets: AttackTargets, attacks: Sequence[Attack]) -> str | int | np.ndarray | None:
    """What the argument `attack_targets` says, as far as it can be checked without a model.

    Args:
        targets: What was received.
        attacks: The attacks.

    Returns:
        The name of a rule, one class, or classes for each image; `None` where there are no targeted attacks.

    Raises:
        TypeError: It is of a wrong kind.
        ValueError: It is missing, has no effect, or names an unknown rule.
    """
    needing = [attack for attack in attacks if attack.targeted]
    ways = "'least_likely', 'runner_up', 'random', one class for all images, or one for each"
    if targets is None:
        if needing:
            raise ValueError(
                f"A targeted attack needs target classes: pass attack_targets={ways}. Received: {needing[0]!r} and "
                "attack_targets=None"
            )
        return None
    if not needing:  # an option that silently does nothing misleads
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
        return targets
    if isinstance(targets, numbers.Integral) and not isinstance(targets, bool):  # `True` is 1 to Python
        return int(targets)
    if isinstance(targets, bool) or not (isinstance(targets, Sequence) or hasattr(targets, "shape")):
        raise TypeError(f"Argument `attack_targets` must be {ways}. Received: attack_targets={targets!r}")
    return as_array(
        targets, "Argument `attack_targets`"
    )  # held against images and labels in `Batches`, which knows them


def target_rule(targets: str | int | np.ndarray | None, classes: int, seed: int) -> TargetRule | None:
    """How the target classes are chosen for a model.

    Args:
        targets: What `check_attack_targets` returned.
        classes: How many classes the model has.
        seed: Seed of the rule `"random"`.

    Raises:
        ValueError: The one class is out of range.
    """
    if targets is None:
        return None
    if isinstance(targets, str):
        return TargetRule(targets, seed)
    if isinstance(targets, np.ndarray):
        return TargetRule("given")  # the classes come with each batch: others take no new trace
    if not 0 <= targets < classes:
        raise ValueError(
            f"Argument `attack_targets` must lie in 0..{classes - 1}, because the model has {classes} classes. "
            f"Received: attack_targets={targets!r}"
        )
    return TargetRule(targets)
