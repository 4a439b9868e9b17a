"""The basic iterative method."""

from __future__ import annotations

from keras_advxai._typing import Norm
from keras_advxai.attacks.pgd import PGD
from keras_advxai.attacks.registry import register


@register
class BIM(PGD):
    """Basic iterative method: `PGD` from the image itself, in equal steps that add up to epsilon.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised; see `PGD`. Defaults to `"log_odds"`.
        targeted: Whether the labels are classes to reach. Defaults to `False`.
        steps: How many steps there are. Defaults to 10.
        step_size: The length of each step, as a fraction of epsilon. Defaults to `None`: one part in `steps`.
        keep: Which iterate is the result: `"first_hit"`, `"best"` or `"last"`; see `PGD`. Defaults to `"first_hit"`.

    Raises:
        ValueError: A name is unknown, or a number out of range.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> kax.attacks.BIM(steps=4)(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]

    References:
        Kurakin, Goodfellow and Bengio, "Adversarial examples in the physical world", ICLR workshops 2017.
    """

    _path = 1.0

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        loss: str = "log_odds",
        targeted: bool = False,
        steps: int = 10,
        step_size: float | None = None,
        keep: str = "first_hit",
    ) -> None:
        super().__init__(
            norm=norm, loss=loss, targeted=targeted, steps=steps, step_size=step_size, start="zero", keep=keep
        )
