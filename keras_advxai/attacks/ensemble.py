"""Several attacks, one after the other, on the images that are still active."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Self

import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.multi_target_pgd import MultiTargetPGD
from keras_advxai.attacks.pgd import PGD
from keras_advxai.attacks.registry import REGISTRY, get, register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.ops.selection import select

_PRESETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "quick": ({"steps": 20}, {"targets": 3, "steps": 20}),
    "standard": ({"steps": 100, "restarts": 2}, {"targets": 9, "steps": 100, "step_size": 1.0}),
}
"""For each preset, the options of its log-odds PGD and of its multi-target margin PGD.

The first step is half of epsilon, or all of it where there are steps enough: longer steps leave the local maxima
in which the first attack ended.
"""


@register
class Ensemble(Attack):
    """Attacks in a row: each attacks the images that the model still classifies correctly after those before it.

    An image's result is that of the first attack that succeeded, or else of the last. What the model misclassifies
    already is not attacked. The worst case over different attacks is a better measure of robustness than any of
    them alone. It measures accuracy: how far explanations drift at an epsilon, its attacks tell by themselves, since it
    leaves the rest of the budget unused as soon as one of them succeeds.

    Args:
        attacks: The attacks, by name or instance, the cheapest first. All of them have one norm, and either all or
            none are targeted.

    Raises:
        TypeError: `attacks` is not a sequence of attacks.
        ValueError: It is empty, a name is unknown, or the attacks differ in their norm or in whether they are targeted.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> kax.attacks.Ensemble(["fgsm", kax.attacks.PGD(steps=20)])(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]
    >>> [(attack.steps, attack.loss) for attack in kax.attacks.Ensemble.preset("quick").attacks]
    [(20, 'log_odds'), (20, 'margin')]

    References:
        Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
        attacks", ICML 2020.
    """

    def __init__(self, attacks: Sequence[str | dict[str, Any] | Attack]) -> None:
        if isinstance(attacks, (str, dict, Attack)) or not isinstance(attacks, Sequence):
            raise TypeError(
                "Argument `attacks` must be a sequence of attacks or of their names, such as ['fgsm', 'pgd']. "
                f"Received: attacks={attacks!r}"
            )
        if not attacks:
            raise ValueError(f"Argument `attacks` must name at least one attack. Received: attacks={attacks!r}")
        self.attacks = tuple(get(attack) for attack in attacks)
        # One epsilon is meant for all, and one set of labels: to leave, or to reach.
        for what in ("norm", "targeted"):
            found = {getattr(attack, what): attack for attack in self.attacks}
            if len(found) > 1:
                raise ValueError(
                    f"All attacks of an ensemble must have one `{what}`. Received: "
                    + " and ".join(f"{attack!r}" for attack in found.values())
                )
        super().__init__(norm=self.attacks[0].norm)
        # One attack that follows gradients is enough for what it says about masked ones. It fills no budget: what
        # withstands it was moved by the last of its attacks.
        self.uses_gradients = any(attack.uses_gradients for attack in self.attacks)
        self.iterative = any(attack.iterative for attack in self.attacks)

    @classmethod
    def preset(cls, name: str, *, norm: Norm = "linf") -> Ensemble:
        """An ensemble that needs no settings: log-odds PGD, then multi-target margin PGD.

        Args:
            name: `"quick"`, of 20 steps and three targets; or `"standard"`, of 100 steps and nine targets, as strong as
                AutoAttack on the models that it was measured on. `attacks.get` knows both names, too.
            norm: `"linf"` or `"l2"`. Defaults to `"linf"`.

        Raises:
            ValueError: The name or the norm is unknown.

        Example:

        >>> import keras_advxai as kax
        >>> kax.attacks.Ensemble.preset("standard", norm="l2").name
        'standard_l2'
        """
        check_one_of("name", name, _PRESETS)
        first, second = ({"norm": norm, "schedule": "cosine", "step_size": 0.5, **own} for own in _PRESETS[name])
        return cls([PGD(**first), MultiTargetPGD(**second)])

    @property
    def targeted(self) -> bool:
        """Whether the labels are target classes instead of true classes."""
        return self.attacks[0].targeted

    @property
    def name(self) -> str:
        """The name of the preset, or those of the attacks."""
        # By equality, so that a preset that was saved, or put together by hand, keeps its short name.
        for name in _PRESETS:
            if self == self.preset(name, norm=self.norm):
                return name if self.norm == "linf" else f"{name}_{self.norm}"
        return "_".join(["ensemble", *(attack.name for attack in self.attacks)])

    def with_whole_budget(self) -> Self:
        """The ensemble itself, which stops early wherever it runs; see `Attack.with_whole_budget`."""
        # Its result is that of whichever attack succeeds first, and asks how many images withstand all of them.
        return self

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The images of the first attack that succeeds; see `Attack.perturb`."""
        # The clean pass serves the first attack, and each other one makes a pass over its own images only: the cheap
        # attacks in front leave few of them to the dear ones.
        first, *others = self.attacks
        fraction = epsilon / model.width  # as calls of attacks take it
        active = batches.active(forward, y, self.targeted)
        found = select(active, first(model, forward.inputs, y, fraction, forward=forward), x)
        rows = batches.where(active & (epsilon > 0))
        for attack in others:
            rows = self._still_active(model, forward, y, rows, found)
            # Where an attack fails its images stay as it left them: those of the last one are what withstood all.
            found = _attacked(attack, model, forward, y, fraction, rows, found)
        return found

    def _still_active(self, model: ImageClassifier, forward: Forward, y: Tensor, rows: Tensor, found: Tensor) -> Tensor:
        """Those of some rows that no attack so far has got misclassified."""

        def check() -> Tensor:
            here = model.forward(model.with_images(*batches.take((forward.inputs, found), rows)))
            return tf.boolean_mask(rows, batches.active(here, batches.take(y, rows), self.targeted))

        return tf.cond(tf.size(rows) > 0, check, lambda: rows)


def _attacked(
    attack: Attack, model: ImageClassifier, forward: Forward, y: Tensor, fraction: Tensor, rows: Tensor, found: Tensor
) -> Tensor:
    """The images after an attack on some rows."""

    def run() -> Tensor:
        inputs, labels = batches.take((forward.inputs, y), rows)
        return batches.put(found, rows, attack(model, inputs, labels, fraction, forward=model.forward(inputs)))

    return tf.cond(tf.size(rows) > 0, run, lambda: found)


REGISTRY.presets.update({name: functools.partial(Ensemble.preset, name) for name in _PRESETS})
