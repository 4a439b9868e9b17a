"""The momentum iterative fast gradient sign method."""

from __future__ import annotations

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Bounds, Norm, Tensor
from keras_advxai.attacks.iterative_attack import IterativeAttack
from keras_advxai.attacks.registry import register
from keras_advxai.models.inputs import check_number
from keras_advxai.ops import norms


@register
class MIFGSM(IterativeAttack):
    """Momentum iterative FGSM: steps along a direction that gathers the gradients of all steps before.

    `g_(i+1) = decay * g_i + gradient / mean(|gradient|)`, then `x_(i+1) = project(x_i + size * epsilon *
    steepest(g_(i+1)))`, from the image itself. The gathered direction is less the model's own, so what is found
    deceives other models more often.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised; see `GradientAttack`. Defaults to `"log_odds"`, which has the directions of cross-entropy.
        targeted: Whether the labels are classes to reach. Defaults to `False`.
        steps: How many steps there are. Defaults to 10.
        step_size: The length of each step, as a fraction of epsilon. Defaults to `None`: one part in `steps`.
        decay: How much of the gathered direction is kept at each step, from 0. Defaults to 1.
        keep: Which iterate is the result: `"first_hit"`, `"best"` or `"last"`; see `PGD`. With `"last"` and
            `loss="cross_entropy"` it equals cleverhans' `momentum_iterative_method` on the same logits. Defaults to
            `"first_hit"`.

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
    >>> kax.attacks.MIFGSM(steps=4)(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]

    References:
        Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018.
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
        decay: float = 1.0,
        keep: str = "first_hit",
    ) -> None:
        super().__init__(norm=norm, loss=loss, targeted=targeted, steps=steps, step_size=step_size, keep=keep)
        self.decay = check_number("decay", decay, 0)

    def memory(self, x: Tensor) -> Tensor:
        """The gathered gradients, which begin at zero."""
        return tf.zeros_like(x)

    def direction(self, gradient: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The steepest direction of the gathered gradients, and these with the new one among them."""
        scaled = ops.divide_no_nan(gradient, norms.length(gradient, "linf"))
        size = ops.mean(ops.abs(scaled), axis=tuple(range(1, gradient.shape.rank)), keepdims=True)
        gathered = self.decay * memory + ops.divide_no_nan(scaled, size)
        return norms.steepest(gathered, self.norm), gathered

    def within(self, x: Tensor, found: Tensor, radius: Tensor, bounds: Bounds) -> Tensor:
        """Images within the bounds and the budget: on the ball first, then on the bounds."""
        return tf.clip_by_value(x + norms.project(found - x, radius, self.norm), *bounds)
