"""What attacks that follow the gradient of a loss have in common."""

from __future__ import annotations

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.models import Forward
from keras_advxai.models.blocking import describe_gradient_block
from keras_advxai.models.inputs import check_flag
from keras_advxai.ops import losses, norms


class GradientAttack(Attack):
    """An attack along the gradient of a loss on the logits. A subclass writes `perturb`.

    Steps are taken by `GradientSteps`, which has an example. It uses gradients and fills its budget; see `Attack`.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: `"log_odds"`, the logarithm of the odds against the label; `"cross_entropy"`, which has the same
            direction, but whose gradient underflows to zero on confident models, which then appear robust;
            `"margin"`, that of the best other class over the label; or `"dlr"`, it as a fraction of that of the first
            class over the third, for three classes or more. Defaults to `"log_odds"`.
        targeted: Whether the labels are target classes instead of classes to leave. Defaults to `False`.
    """

    uses_gradients = True
    fills_budget = True

    def __init__(self, *, norm: Norm = "linf", loss: str = "log_odds", targeted: bool = False) -> None:
        super().__init__(norm=norm)
        self.loss = losses.check_loss(loss)
        self._targeted = check_flag("targeted", targeted)

    @property
    def targeted(self) -> bool:
        """Whether the labels are target classes instead of true classes."""
        return self._targeted

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """What the attack raises, `(batch,)`: the label's loss or, if it is targeted, what leads to the label.

        Towards a label, log-odds, cross-entropy and the margin are the negative of their loss.
        """
        if self.targeted:
            return losses.TARGETED_LOSSES[self.loss](forward.logits, losses.runner_up(forward.logits, y), y)
        return losses.LOSSES[self.loss](forward.logits, y)

    def gradient(self, forward: Forward, y: Tensor) -> Tensor:
        """The gradient of the objective to the images of a pass, zero where it is NaN or infinite.

        Raises:
            ValueError: There is none, because something in the model cannot be differentiated. The message names the
                first layer through which no gradient flows.
        """
        try:
            # One black pixel behind a root has an infinite gradient, and the norm of all others would be infinite, too:
            # they would not move, or the image become NaN.
            return norms.finite(forward.gradient(self.objective, y))
        except ValueError as error:
            # Looked for only now, because it takes a gradient for each layer.
            blocked = describe_gradient_block(forward, y)
            if blocked is None:
                raise
            raise ValueError(
                f"{error} {blocked} Or attack it without gradients, by a black-box attack such as Square."
            ) from error
