"""What attacks that follow the gradient of a loss have in common."""

from __future__ import annotations

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import Attack
from keras_advxai.models import Forward
from keras_advxai.ops import losses


class GradientAttack(Attack):
    """An attack along the gradient of a loss on the logits. A subclass writes `perturb`.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: `"log_odds"`, the logarithm of the odds against the label, or `"cross_entropy"`. Both have the same
            direction; the gradient of cross-entropy underflows to zero on confident models, which then pass
            for robust. Defaults to `"log_odds"`.
        targeted: Whether the labels are classes to reach instead of classes to leave. Defaults to `False`.
    """

    def __init__(self, *, norm: Norm = "linf", loss: str = "log_odds", targeted: bool = False) -> None:
        super().__init__(norm=norm)
        self.loss = losses.check_loss(loss)
        self._targeted = bool(targeted)

    @property
    def targeted(self) -> bool:
        """Whether the labels are the classes to reach instead of those to leave."""
        return self._targeted

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """What the attack raises, `(batch,)`: the label's loss, or its negative if the attack is targeted."""
        loss = losses.LOSSES[self.loss](forward.logits, y)
        return -loss if self.targeted else loss

    def gradient(self, forward: Forward, y: Tensor) -> Tensor:
        """The gradient of the objective to the images of a pass."""
        return forward.gradient(self.objective, y)
