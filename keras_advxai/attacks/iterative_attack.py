"""What attacks that take many steps have in common."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast, get_args

import tensorflow as tf

from keras_advxai._registry import nearest
from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.ascent import Ascent
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.stepping import Stepping
from keras_advxai.models import Forward, ImageClassifier

Keep: TypeAlias = Literal["first_hit", "best", "last"]
"""Which iterate of an attack is its result."""


class IterativeAttack(GradientAttack, Stepping):
    """An attack in many steps along the gradient of a loss, within the budget after each.

    A subclass may exchange how its steps are taken; see `Stepping`.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised; see `GradientAttack`. Defaults to `"log_odds"`.
        targeted: Whether the labels are classes to reach. Defaults to `False`.
        steps: How many steps there are. Defaults to 10.
        step_size: The length of the first step, as a fraction of epsilon. Defaults to `None`: the steps add up to
            2.5 epsilon.
        schedule: How the steps shorten: `"constant"`, `"linear"` or `"cosine"`. Defaults to `"constant"`.
        restarts: How many attempts are made, all but the first from a random start. Defaults to 1.
        start: Where the first attempt begins: `"zero"`, at the image, or `"uniform"`, anywhere in the budget.
            Defaults to `"zero"`.
        keep: Which iterate is the result: `"first_hit"`, `"best"` or `"last"`. Defaults to `"first_hit"`.
        seed: Seed of the random starts. Defaults to 0.
    """

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        loss: str = "log_odds",
        targeted: bool = False,
        steps: int = 10,
        step_size: float | None = None,
        schedule: str = "constant",
        restarts: int = 1,
        start: str = "zero",
        keep: str = "first_hit",
        seed: int = 0,
    ) -> None:
        super().__init__(norm=norm, loss=loss, targeted=targeted)
        self._set_steps(steps, step_size, schedule, restarts, start, seed)
        self.keep = _check_keep(keep)
        if self.keep == "last" and self.restarts > 1:
            raise ValueError(
                "With keep='last' the restarts before the last one would be in vain. Pass keep='first_hit' or "
                f"keep='best', or restarts=1. Received: keep='last' with restarts={restarts}"
            )

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward) -> Tensor:
        """The iterate that is kept; see `Attack.perturb`."""
        ascent = Ascent(self, model, forward, y, radius)
        return ascent.until_hit() if self.keep == "first_hit" else ascent.all_steps(best=self.keep == "best")

    def value(self, forward: Forward, y: Tensor) -> Tensor:
        """What the attack raises, `(batch,)`: its objective."""
        return self.objective(forward, y)

    def succeeds(self, forward: Forward, y: Tensor) -> Tensor:
        """Which images of a pass are misclassified, or taken for the target, `(batch,)` bool."""
        return tf.logical_not(batches.standing(forward, y, self.targeted))


def _check_keep(keep: str) -> Keep:
    if keep not in get_args(Keep):
        raise ValueError(
            f"Argument `keep` must be one of {', '.join(get_args(Keep))}.{nearest(str(keep), get_args(Keep))} "
            f"Received: keep={keep!r}"
        )
    return cast(Keep, keep)
