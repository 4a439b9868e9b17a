"""How attacks in many steps move: starts, lengths, directions, and what keeps them in the budget."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Bounds, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.schedules import check_schedule, step_sizes
from keras_advxai.attacks.starts import check_start, uniform_in_ball
from keras_advxai.models import Forward
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.ops import norms


class Stepping(Attack):
    """An attack in many steps along a gradient, whatever it raises; `Ascent` takes the steps.

    A subclass says what is raised (`value`, `gradient`) and what counts as a success (`succeeds`). It may exchange
    the direction of a step (`direction`, with a `memory` from step to step), what keeps it in the budget (`within`),
    and what its attempts are (`attempts`, `labels`, `begin`). The constructor of a subclass calls `_set_steps`.
    """

    _path = 2.5
    """The length of all steps together, in units of epsilon, if none is given."""

    def _set_steps(
        self, steps: int, step_size: float | None, schedule: str, restarts: int, start: str, seed: int
    ) -> None:
        """Check and keep the hyperparameters of the steps."""
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = step_size if step_size is None else _check_step_size(step_size)
        self.schedule = check_schedule(schedule)
        self.restarts = check_whole_number("restarts", restarts, 1)
        self.start = check_start(start)
        self.seed = check_whole_number("seed", seed, -(2**31))

    @abc.abstractmethod
    def value(self, forward: Forward, y: Tensor) -> Tensor:
        """What the attack raises, `(batch,)`."""

    @abc.abstractmethod
    def gradient(self, forward: Forward, y: Tensor) -> Tensor:
        """The gradient that it follows, shaped as the images of a pass."""

    @abc.abstractmethod
    def succeeds(self, forward: Forward, y: Tensor) -> Tensor:
        """Which images of a pass are what the attack is after, `(batch,)` bool."""

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
