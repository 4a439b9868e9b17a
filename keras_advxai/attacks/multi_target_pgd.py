"""Projected gradient descent towards several classes, one after the other."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.iterative_attack import IterativeAttack
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops import losses


@register
class MultiTargetPGD(IterativeAttack):
    """`PGD` towards each of the likeliest wrong classes in turn, until the model gives any wrong answer.

    The steps raise `z_t - z_y`, the lead of class `t` over the label. For a linear model, an attack towards every
    class is exact, where one that follows the loss may stop at a class that it cannot reach. Only images that the
    model still classifies correctly go on to the next class and to the next restart.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised for a class `t`: `"margin"`, its lead over the label; `"log_odds"` or `"cross_entropy"`,
            the negative of its loss; or `"dlr"`, the lead as a fraction of that of the first class over the third.
            Defaults to `"margin"`.
        targets: How many of the other classes are tried, those with the largest logits of the clean image first; all
            of them if the model has fewer. Defaults to 9.
        steps: How many steps are taken towards each. Defaults to 10.
        step_size: The length of the first step, as a fraction of epsilon. Defaults to `None`: the steps add up to
            2.5 epsilon.
        schedule: How the steps shorten: `"constant"`, `"linear"` or `"cosine"`; see `PGD`. Defaults to `"constant"`.
        restarts: How often all classes are tried, from random starts after the first time. Defaults to 1.
        start: Where the attempts of the first time begin: `"zero"` or `"uniform"`; see `PGD`. Defaults to `"zero"`.
        seed: Seed of the random starts. Defaults to 0.

    Raises:
        ValueError: A name is unknown, a number out of range, or, in the call, the model tells fewer than three
            classes apart for `loss="dlr"`.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(
    ...         3,
    ...         kernel_initializer=keras.initializers.Constant([[2, 1.5, 1]] * 4),
    ...         bias_initializer=keras.initializers.Constant([0, 0, 1]),
    ...     ),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")  # logits 4, 3, 3; class 2 is ahead where the pixels are below 0.25
    >>> attack = kax.attacks.MultiTargetPGD(targets=2, steps=5)
    >>> bool(attack(net, x, [0], epsilon=0.3).max() < 0.25)
    True

    References:
        Gowal et al., "An alternative surrogate loss for PGD-based adversarial testing", 2019.
    """

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        loss: str = "margin",
        targets: int = 9,
        steps: int = 10,
        step_size: float | None = None,
        schedule: str = "constant",
        restarts: int = 1,
        start: str = "zero",
        seed: int = 0,
    ) -> None:
        super().__init__(
            norm=norm,
            loss=loss,
            steps=steps,
            step_size=step_size,
            schedule=schedule,
            restarts=restarts,
            start=start,
            seed=seed,
        )
        self.targets = check_whole_number("targets", targets, 1)

    @property
    def begins_at_images(self) -> bool:
        """Never: each class has a gradient of its own at the images."""
        return False

    def attempts(self, forward: Forward) -> int:
        """How many attempts there are: for each restart, one for each class that is tried."""
        return self.restarts * self._tried(forward)

    def labels(self, forward: Forward, y: Tensor, number: int | Tensor) -> Tensor:
        """The label and the class to reach of every image, `(batch, 2)`."""
        y = tf.cast(y, tf.int32)
        tried = self._tried(forward)
        others = tf.where(tf.one_hot(y, forward.logits.shape[-1]) > 0, -float("inf"), forward.logits)
        ranked = tf.math.top_k(others, tried).indices
        return tf.stack([y, tf.gather(ranked, number % tried, axis=1)], axis=1)

    def begin(self, forward: Forward, x: Tensor, radius: Tensor, number: int | Tensor) -> Tensor:
        """Where one attempt begins; see `IterativeAttack.begin`."""

        def drawn() -> Tensor:
            return super(MultiTargetPGD, self).begin(forward, x, radius, number)

        if self.start == "uniform":
            return drawn()
        if self.restarts == 1:
            return x
        return tf.cond(number < self._tried(forward), lambda: tf.identity(x), drawn)

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """What one attempt raises, for labels and targets `(batch, 2)`."""
        return losses.TOWARDS[self.loss](forward.logits, y[:, 0], y[:, 1])

    def _tried(self, forward: Forward) -> int:
        return min(self.targets, forward.logits.shape[-1] - 1)
