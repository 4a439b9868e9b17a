"""How long the steps of an iterative attack are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, cast

import numpy as np

from keras_advxai._registry import nearest

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
    if schedule not in _SCHEDULES:
        raise ValueError(
            f"Argument `schedule` must be one of {', '.join(_SCHEDULES)}.{nearest(str(schedule), _SCHEDULES)} "
            f"Received: schedule={schedule!r}"
        )
    return cast(Schedule, schedule)


def step_sizes(schedule: str, steps: int, step_size: float | None, path: float) -> np.ndarray:
    """The length of every step, as a fraction of the budget.

    With `done = i / steps` for step `i` from 0, the first step's length is multiplied by 1 (`"constant"`),
    `1 - done` (`"linear"`) or `(1 + cos(pi * done)) / 2` (`"cosine"`).

    Args:
        schedule: `"constant"`, `"linear"` or `"cosine"`.
        steps: How many steps there are.
        step_size: The first step's length, as a fraction of the budget; `None` for steps that add up to `path`.
        path: The length of all steps together, as a multiple of the budget, if `step_size` is `None`.

    Returns:
        `(steps,)` float32.

    Example:

    >>> from keras_advxai.attacks import schedules
    >>> schedules.step_sizes("linear", steps=4, step_size=0.5, path=2.5).tolist()
    [0.5, 0.375, 0.25, 0.125]
    >>> schedules.step_sizes("constant", steps=10, step_size=None, path=2.5)[0].item()
    0.25
    """
    factors = _SCHEDULES[schedule](np.arange(steps) / steps)
    first = path / factors.sum() if step_size is None else step_size
    sizes: np.ndarray = (first * factors).astype("float32")
    return sizes
