"""The step sizes of an iterative attack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, cast

import numpy as np

from keras_advxai._choice import check_one_of
from keras_advxai.models.inputs import check_number

Schedule: TypeAlias = Literal["constant", "linear", "cosine"]
"""How the steps shorten from the first to the last."""

_SCHEDULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda done: np.ones_like(done),
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + np.cos(np.pi * done)) / 2,
}


def check_schedule(schedule: str) -> Schedule:
    """Return `schedule` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    check_one_of("schedule", schedule, _SCHEDULES)
    return cast(Schedule, schedule)


def check_step_size(step_size: float | None) -> float | None:
    """Return the size of the first step, or `None` for steps that fit their number.

    Raises:
        ValueError: It is not a positive number.
    """
    if step_size is None:
        return None
    checked = check_number("step_size", step_size, 0)
    if checked == 0:  # the attack would return the images, and the model pass for robust
        raise ValueError(
            "Argument `step_size` must be above 0, a fraction of epsilon, or None for steps that fit their number. "
            f"Received: step_size={step_size!r}"
        )
    return checked


def step_sizes(schedule: str, steps: int, step_size: float | None = None, *, path: float = 2.5) -> np.ndarray:
    """The size of every step, as a fraction of epsilon.

    With `done = i / steps` for step `i` from 0, the size of the first step is multiplied by 1 (`"constant"`),
    `1 - done` (`"linear"`) or `(1 + cos(pi * done)) / 2` (`"cosine"`).

    Args:
        schedule: `"constant"`, `"linear"` or `"cosine"`.
        steps: How many steps there are.
        step_size: The size of the first step, as a fraction of epsilon. Defaults to `None`: the steps add up to `path`.
        path: The sum of all step sizes, as a multiple of epsilon, if `step_size` is `None`. Defaults to 2.5, as
            in Madry et al.: enough to cross the budget and to turn back once.

    Returns:
        `(steps,)` float32.

    Example:

    >>> import keras_advxai as kax
    >>> kax.attacks.step_sizes("linear", steps=4, step_size=0.5).tolist()
    [0.5, 0.375, 0.25, 0.125]
    >>> kax.attacks.step_sizes("constant", steps=10)[0].item()
    0.25
    """
    # Divided by `steps` and not by `steps - 1`: a last step of length 0 would cost a pass and a gradient for nothing.
    factors = _SCHEDULES[schedule](np.arange(steps) / steps)
    # The same path whatever the schedule and the number of steps, so that more steps are finer and not longer.
    first = path / factors.sum() if step_size is None else step_size
    # In NumPy, while the graph is traced: the sizes are one constant in it.
    sizes: np.ndarray = (first * factors).astype("float32")
    return sizes
