"""What the settings of an adversarial training may be."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast, get_args

from keras_advxai._choice import check_one_of
from keras_advxai.models.inputs import check_number

TrainingLoss: TypeAlias = Literal["madry", "trades"]
"""What is minimised; see `AdversarialTraining`."""


def check_share(share: float) -> float:
    """Return `share` if it is a share of something.

    Raises:
        ValueError: It is not above 0 and up to 1.
    """
    number = check_number("share", share, 0)
    if not 0 < number <= 1:
        raise ValueError(f"Argument `share` must be a number above 0 and up to 1. Received: share={share!r}")
    return number


def check_loss(loss: str) -> TrainingLoss:
    """Return `loss` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    check_one_of("loss", loss, get_args(TrainingLoss))
    return cast(TrainingLoss, loss)
