"""What an iterative attack maximises, and when it has succeeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.models import Forward


class Objective(NamedTuple):
    """Three functions of a pass and of what the objective is about, `(batch, ...)`, such as the labels.

    Args:
        value: What is maximised, `(batch,)`; it ranks the iterates where the best one is kept.
        gradient: The gradient to follow, shaped as the images of the pass. It need not be that of `value`:
            `ExplanationPGD` follows that of a surrogate, because the heatmap of a ReLU network has none to follow.
        succeeds: On which images the attack has succeeded, `(batch,)` bool.

    Example:

    An objective of your own, here the brightness, which is reached where the mean is above 0.6:

    >>> import tensorflow as tf
    >>> import keras_advxai as kax
    >>> def brightness(forward, y):
    ...     return tf.reduce_mean(forward.images, axis=[1, 2, 3])
    >>> objective = kax.attacks.Objective(
    ...     value=brightness,
    ...     gradient=lambda forward, y: tf.ones_like(forward.images),
    ...     succeeds=lambda forward, y: brightness(forward, y) > 0.6,
    ... )
    """

    value: Callable[[Forward, Any], Tensor]
    gradient: Callable[[Forward, Any], Tensor]
    succeeds: Callable[[Forward, Any], Tensor]


def misclassification(attack: GradientAttack) -> Objective:
    """The objective of an attack on labels: its loss, until the model predicts a wrong class or the target class.

    Args:
        attack: Whose `objective`, `gradient` and `targeted` are meant.

    Example:

    >>> import keras_advxai as kax
    >>> objective = kax.attacks.misclassification(kax.attacks.PGD(loss="margin"))
    """

    # By the prediction alone, whatever the loss: two attacks with other losses agree on who is misclassified.
    def succeeds(forward: Forward, y: Tensor) -> Tensor:
        return tf.logical_not(rows.active(forward, y, attack.targeted))

    # The attack's own `gradient`, and not that of its `objective`, because it says which layer blocks it, and because
    # the pass remembers it: FGSM and PGD on one clean pass share what costs most.
    return Objective(attack.objective, attack.gradient, succeeds)
