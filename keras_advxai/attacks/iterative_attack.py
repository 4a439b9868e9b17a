"""What attacks that take many steps have in common."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import tensorflow as tf

from keras_advxai._registry import nearest
from keras_advxai._typing import Bounds, Norm, Tensor
from keras_advxai.attacks.ascent import Ascent
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.schedules import check_schedule, step_sizes
from keras_advxai.attacks.starts import check_start, uniform_in_ball
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.ops import norms

Keep: TypeAlias = Literal["first_hit", "best", "last"]
"""Which iterate of an attack is its result."""


class IterativeAttack(GradientAttack):
    """An attack in many steps along the gradient of a loss, within the budget after each.

    A subclass may exchange the direction of a step (`direction`, with a `memory` from step to step), what keeps it in
    the budget (`within`), and what its attempts are (`attempts`, `labels`, `begin`).

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

    _path = 2.5
    """The length of all steps together, in units of epsilon, if none is given."""

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
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = step_size if step_size is None else _check_step_size(step_size)
        self.schedule = check_schedule(schedule)
        self.restarts = check_whole_number("restarts", restarts, 1)
        self.start = check_start(start)
        self.keep = _check_keep(keep)
        if self.keep == "last" and self.restarts > 1:
            raise ValueError(
                "With keep='last' the restarts before the last one would be in vain. Pass keep='first_hit' or "
                f"keep='best', or restarts=1. Received: keep='last' with restarts={restarts}"
            )
        self.seed = check_whole_number("seed", seed, -(2**31))

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward) -> Tensor:
        """The iterate that is kept; see `Attack.perturb`."""
        ascent = Ascent(self, model, forward, y, radius)
        return ascent.until_hit() if self.keep == "first_hit" else ascent.all_steps(best=self.keep == "best")

    @property
    def begins_at_images(self) -> bool:
        """Whether the first attempt takes its first step from the images, so that the pass over them serves it."""
        return self.start == "zero"

    @property
    def step_sizes(self) -> np.ndarray:
        """The length of every step, as a fraction of epsilon, `(steps,)`."""
        return step_sizes(self.schedule, self.steps, self.step_size, self._path)

    def attempts(self, forward: Forward) -> int:
        """How many attempts there are."""
        return self.restarts

    def labels(self, forward: Forward, y: Tensor, number: int | Tensor) -> Tensor:
        """What the objective of one attempt is about, `(batch, ...)`."""
        return y

    def begin(self, forward: Forward, x: Tensor, radius: Tensor, number: int | Tensor) -> Tensor:
        """Where one attempt begins that does not begin at the images."""
        return x + radius * uniform_in_ball(x, self.norm, self.seed, number)

    def memory(self, x: Tensor) -> Any:
        """What the attack carries from step to step, in front of the first: a nested structure of `(batch, ...)`."""
        return ()

    def direction(self, gradient: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """The direction of a step, of norm 1, and the memory after it."""
        return norms.steepest(gradient, self.norm), memory

    def within(self, x: Tensor, found: Tensor, radius: Tensor, bounds: Bounds) -> Tensor:
        """Images within the bounds and the budget, near those that were found."""
        delta = norms.project(tf.clip_by_value(found, *bounds) - x, radius, self.norm)
        return tf.clip_by_value(x + delta, *bounds)


def _check_step_size(step_size: float) -> float:
    checked = check_number("step_size", step_size, 0)
    if checked == 0:
        raise ValueError(
            "Argument `step_size` must be above 0, a fraction of epsilon, or None for steps that fit their number. "
            f"Received: step_size={step_size!r}"
        )
    return checked


def _check_keep(keep: str) -> Keep:
    if keep not in get_args(Keep):
        raise ValueError(
            f"Argument `keep` must be one of {', '.join(get_args(Keep))}.{nearest(str(keep), get_args(Keep))} "
            f"Received: keep={keep!r}"
        )
    return cast(Keep, keep)
