"""What attacks that follow the gradient of a loss have in common."""

from __future__ import annotations

import functools

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.attacks.loops import not_inlined
from keras_advxai.attacks.registry import get
from keras_advxai.models import Forward
from keras_advxai.models.blocking import describe_gradient_block
from keras_advxai.models.inputs import check_flag, check_whole_number
from keras_advxai.ops import losses, norms


class GradientAttack(Attack):
    """An attack along the gradient of a loss on the logits. A subclass writes `perturb`.

    Steps are taken by `GradientSteps`, which has an example. It uses gradients and fills its budget; see `Attack`.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: `"log_odds"`, the logarithm of the odds against the label; `"cross_entropy"`, which for one class of
            several has the same direction, but whose gradient underflows to zero on confident models, which then
            appear robust (of a model of several labels it is another direction, and the stronger one against "all
            labels right");
            `"margin"`, that of the best other class over the label; or `"dlr"`, it as a fraction of that of the first
            class over the third, for three classes or more. Defaults to `"log_odds"`.
        targeted: Whether the labels are target classes instead of classes to leave. Defaults to `False`.
        samples: For a model that is random when it runs, over how many of its draws the mean of the gradient is
            taken, each a pass and its gradient: expectation over transformation. Whether an image is misclassified is
            judged under one draw, so an iterative attack should not stop there: `keep="last"`. Defaults to 1.

    References:
        Athalye et al., "Synthesizing robust adversarial examples", ICML 2018.
    """

    uses_gradients = True
    fills_budget = True

    def __init__(
        self, *, norm: Norm = "linf", loss: str = "log_odds", targeted: bool = False, samples: int = 1
    ) -> None:
        super().__init__(norm=norm)
        self.samples = check_whole_number("samples", samples, 1)
        self.loss = losses.check_loss(loss)
        self._targeted = check_flag("targeted", targeted)

    @property
    def targeted(self) -> bool:
        """Whether the labels are target classes instead of true classes."""
        return self._targeted

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """What the attack raises, `(batch,)`: the label's loss or, if it is targeted, what leads to the label.

        Towards a label, log-odds, cross-entropy and the margin are the negative of their loss. Of a model of several
        labels it is the sum of their binary losses, of a regression the squared change of the output.
        """
        kind = forward.classifier.kind
        return (kind.targeted_loss if self.targeted else kind.loss)(self.loss, forward.logits, y)

    def gradient(self, forward: Forward, y: Tensor) -> Tensor:
        """The gradient of the objective to the images of a pass, zero where it is NaN or infinite.

        With `samples`, the mean over so many draws of the model.

        Raises:
            ValueError: There is none, because something in the model cannot be differentiated. The message names the
                first layer through which no gradient flows.
        """
        try:
            gradient = forward.gradient(self.objective, y)
        except ValueError as error:
            # Looked for only now, because it takes a gradient for each layer.
            blocked = describe_gradient_block(forward, y)
            if blocked is None:
                raise
            others = " Or attack it without gradients, by a black-box attack such as Square."
            is_for = forward.classifier.kind.name in get("square").tasks
            raise ValueError(f"{error} {blocked}{others if is_for else ''}") from error
        if self.samples == 1:
            # One black pixel behind a root has an infinite gradient, and the norm of all others would be infinite, too:
            # they would not move, or the image become NaN.
            return norms.finite(gradient)
        return forward.remember((self, "samples"), y, functools.partial(self._mean, forward, y, gradient))

    def _mean(self, forward: Forward, y: Tensor, first: Tensor) -> Tensor:
        """The mean of a gradient and of those of further passes over the same images."""

        @not_inlined
        def another() -> Tensor:
            return norms.finite(forward.classifier.forward(forward.inputs).gradient(self.objective, y))

        # A loop, since passes side by side would make as many copies of the model in the graph and in memory.
        _, total = tf.while_loop(
            lambda number, _: number < self.samples,
            lambda number, total: (number + 1, total + another()),
            (tf.constant(1), norms.finite(first)),
            parallel_iterations=1,
        )
        return total / self.samples
