"""The fast gradient sign method."""

from __future__ import annotations

from keras_advxai._typing import Tensor
from keras_advxai.attacks.attack import EVERY_TASK
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.ops import norms


@register
class FGSM(GradientAttack):
    """Fast gradient sign method: one step of the whole budget along the steepest direction of the loss.

    With `norm="linf"`, `x + epsilon * sign(gradient)`; with `norm="l2"`,
    `x + epsilon * gradient / ||gradient||`; then clipped to the bounds. One gradient serves any number of
    epsilons.

    Args:
        norm: `"linf"`, in which epsilon bounds the change of every pixel, or `"l2"`, in which it is the norm of
            the whole change in the unit image scale. Defaults to `"linf"`.
        loss: `"log_odds"`, `"cross_entropy"`, `"margin"` or `"dlr"`; see `GradientAttack`. With cross-entropy it equals
            cleverhans' `fast_gradient_method` on the same logits. Defaults to `"log_odds"`.
        targeted: Whether the labels are target classes. Defaults to `False`.
        samples: For a model that is random when it runs, over how many of its draws the mean of each gradient is taken;
            see `GradientAttack`. Defaults to 1.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0]] * 4)),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> kax.attacks.FGSM()(net, x, [0], epsilon=0.25).ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]

    References:
        Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015.
    """

    tasks = EVERY_TASK

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """One step along the steepest direction; see `Attack.perturb`."""
        # Neither clipped nor projected, which `Attack` does to whatever it gets. The pass takes the gradient outside of
        # the loop over epsilons, as it depends on none.
        return x + epsilon * norms.steepest(self.gradient(forward, y), self.norm)
