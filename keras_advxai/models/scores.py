"""The scores that an explanation is of, as objectives of a pass."""

from __future__ import annotations

from keras_advxai._typing import Score, Tensor
from keras_advxai.models.forward import Forward, Objective


def logit_score(forward: Forward, targets: Tensor) -> Tensor:
    """The objective of an explanation before the softmax."""
    return forward.score(targets, "logit")


def probability_score(forward: Forward, targets: Tensor) -> Tensor:
    """The objective of an explanation after the softmax."""
    return forward.score(targets, "probability")


def centered_logit_score(forward: Forward, targets: Tensor) -> Tensor:
    """The objective of an explanation before the softmax, without what all logits have in common."""
    return forward.score(targets, "centered_logit")


SCORES: dict[Score, Objective] = {
    "logit": logit_score,
    "probability": probability_score,
    "centered_logit": centered_logit_score,
}
"""The objective of each score."""
