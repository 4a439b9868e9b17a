"""Attacks run again under other conditions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import Attack, Ensemble
from keras_advxai.attacks.rows import valid
from keras_advxai.audit.context import AuditContext
from keras_advxai.measurements import accuracy
from keras_advxai.models import ImageClassifier
from keras_advxai.models.rescaled import RescaledClassifier

_USUAL_STEPS = 10
"""How many steps cleverhans' attacks take where `nb_iter` is `None`."""


@dataclasses.dataclass(frozen=True)
class Rerun:
    """One attack on one batch, of a model whose logits are multiplied by a factor. It runs while a graph is traced.

    Args:
        attack: The attack.
    """

    attack: Attack

    @tf.autograph.experimental.do_not_convert  # rewriting took most of the time of tracing
    def __call__(
        self, model: ImageClassifier, x: Any, y: Tensor, epsilon: Tensor, factor: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions before and after, in the form of labels, and which images were changed, `(batch,)`."""
        scaled = RescaledClassifier(model, factor)
        clean = scaled.forward(x)
        images = valid(self.attack(scaled, x, y, epsilon, forward=clean), clean.images)
        changed = tf.reduce_any(images != clean.images, axis=range(1, images.shape.rank))
        return clean.decisions, scaled.forward(scaled.with_images(x, images)).decisions, changed


def rerun(
    seen: AuditContext, attack: Attack, epsilon: float, *, factor: float = 1.0, name: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The result of an attack on the images of an audit.

    Args:
        seen: The images, and what the evaluation found of them.
        attack: The attack.
        epsilon: Its budget.
        factor: What the logits are multiplied by, which changes no prediction. Defaults to 1.
        name: The name of the evaluation's attack whose targets count. Defaults to that of `attack`.

    Returns:
        Predictions before and after, in the form of labels, and which images were changed, `(images,)`. For targeted
        attacks, images that are misclassified before do not count and stay as they are.
    """
    classes, attackable = seen.labels, np.ones(seen.count, bool)
    if attack.targeted:
        classes = seen.measurements.at("attack_target", attack=name or attack)
        attackable = accuracy.attackable(seen.measurements, name or attack)  # others do not count there, either
    run, found, begin = Rerun(attack), [], 0
    for batch in seen.batches:
        end = begin + len(seen.classifier.images_of(batch))
        y = tf.constant(classes[begin:end])
        # As tensors, so that one trace serves all budgets and factors.
        numbers = tf.constant(epsilon, tf.float32), tf.constant(factor, tf.float32)
        found.append(seen.classifier.compiled(run, run, batch, y, *numbers))
        begin = end
    before, after, changed = (np.concatenate(parts) for parts in zip(*found, strict=True))
    own = attackable.reshape(-1, *(1 for _ in before.shape[1:]))
    return before, np.where(own, after, before), changed & attackable


def doubled(attack: Attack) -> Attack | None:
    """The attack with twice the steps and restarts; `None` where it has neither.

    Args:
        attack: Any attack. Numbers of steps are known by their names: `steps`, `restarts`, and cleverhans' `nb_iter`.

    Example:

    >>> from keras_advxai.attacks import FGSM, PGD
    >>> from keras_advxai.audit.reruns import doubled
    >>> doubled(PGD(steps=3)) == PGD(steps=6, restarts=2), doubled(FGSM())
    (True, None)
    """
    if isinstance(attack, Ensemble):
        # An FGSM among them has nothing to double and stays.
        more = [doubled(item) for item in attack.attacks]
        return Ensemble([new or old for new, old in zip(more, attack.attacks, strict=True)]) if any(more) else None
    config = attack.get_config()
    changed = {name: 2 * config[name] for name in ("steps", "restarts") if isinstance(config.get(name), int)}
    if "nb_iter" in config and attack.iterative:  # cleverhans' FGSM has the option, and takes one
        changed["nb_iter"] = 2 * (config["nb_iter"] or _USUAL_STEPS)
    if config.get("keep") == "last":  # the last iterate of all is that of the last restart: more of them help nothing
        changed.pop("restarts", None)
    return type(attack).from_config({**config, **changed}) if changed else None
