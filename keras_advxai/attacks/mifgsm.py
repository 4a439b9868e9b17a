"""The momentum iterative fast gradient sign method."""

from __future__ import annotations

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import EVERY_TASK
from keras_advxai.attacks.directions import momentum
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.gradient_steps import GradientSteps
from keras_advxai.attacks.keep import check_keep, kept
from keras_advxai.attacks.objective import misclassification
from keras_advxai.attacks.projections import ball_then_bounds
from keras_advxai.attacks.registry import register
from keras_advxai.attacks.schedules import check_step_size, step_sizes
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number


@register
class MIFGSM(GradientAttack):
    """Momentum iterative FGSM: steps along a direction that gathers the gradients of all steps before.

    `g_(i+1) = decay * g_i + gradient / mean(|gradient|)`, then `x_(i+1) = project(x_i + size * epsilon *
    steepest(g_(i+1)))`, from the image itself. The gathered direction is less the model's own, so what is found
    transfers to other models more often.

    Args:
        norm: See `PGD`. Defaults to `"linf"`.
        loss: See `PGD`. Defaults to `"log_odds"`, which has the directions of cross-entropy.
        targeted: See `PGD`. Defaults to `False`.
        steps: See `PGD`. Defaults to 10.
        step_size: The size of each step, as a fraction of epsilon. Defaults to `None`: one part in `steps`.
        decay: How much of the accumulated direction is kept at each step, from 0. Defaults to 1.
        keep: See `PGD`. With `"last"` and `loss="cross_entropy"` it equals cleverhans' `momentum_iterative_method` on
            the same logits. Defaults to `None`.
        samples: See `PGD`. Defaults to 1.

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

    iterative = True
    tasks = EVERY_TASK

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        loss: str = "log_odds",
        targeted: bool = False,
        steps: int = 10,
        step_size: float | None = None,
        decay: float = 1.0,
        keep: str | None = None,
        samples: int = 1,
    ) -> None:
        super().__init__(norm=norm, loss=loss, targeted=targeted, samples=samples)
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = check_step_size(step_size)
        self.decay = check_number("decay", decay, 0)
        self.keep = check_keep(keep)

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The iterate that is kept; see `Attack.perturb`."""
        steps = GradientSteps(
            objective=misclassification(self),
            direction=momentum(self.norm, self.decay),
            # In the order of cleverhans' `momentum_iterative_method`, which differs from that of its PGD.
            project=ball_then_bounds(self.norm),
            # As in the paper: all steps together reach epsilon and no further.
            sizes=step_sizes("constant", self.steps, self.step_size, path=1.0),
            keep=kept(self.keep, self.whole_budget),
        )
        return steps.run(model, forward, y, epsilon)
