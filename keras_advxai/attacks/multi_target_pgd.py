"""Projected gradient descent towards several classes, one after the other."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.directions import steepest
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.gradient_steps import GradientSteps
from keras_advxai.attacks.keep import check_keep, kept
from keras_advxai.attacks.objective import misclassification
from keras_advxai.attacks.projections import bounds_ball_bounds
from keras_advxai.attacks.registry import register
from keras_advxai.attacks.schedules import check_schedule, check_step_size, step_sizes
from keras_advxai.attacks.starts import check_start, starts
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops import losses


@register
class MultiTargetPGD(GradientAttack):
    """`PGD` towards each of the likeliest wrong classes in turn, until the image is misclassified.

    The steps maximise `z_t - z_y`, the margin of class `t` over the label. For a linear model, an attack towards every
    class is exact, where one that follows the loss may get stuck at a class that it cannot reach. Only images that the
    model still classifies correctly go on to the next class and to the next restart, unless the best iterate is kept.

    Args:
        norm: See `PGD`. Defaults to `"linf"`.
        loss: What is maximised for a class `t`: `"margin"`, that over the label; `"log_odds"` or `"cross_entropy"`,
            the negative of its loss; or `"dlr"`, the margin as a fraction of that of the first class over the third.
            Defaults to `"margin"`.
        targets: How many of the other classes are tried, those with the largest logits of the clean image first; all
            of them if the model has fewer. Defaults to 9.
        steps: How many steps are taken towards each. Defaults to 10.
        step_size: See `PGD`. Defaults to `None`: the steps add up to 2.5 epsilon.
        schedule: See `PGD`. Defaults to `"constant"`.
        restarts: How often all classes are tried, from random starts after the first time. Defaults to 1.
        start: Where the attempts of the first time begin; see `PGD`. Defaults to `"zero"`.
        keep: `"first_hit"` or `"best"`, of the iterates towards all classes; see `PGD`. Defaults to `None`: `"best"`
            where an evaluation compares explanations, and `"first_hit"` everywhere else.
        seed: See `PGD`. Defaults to 0.
        samples: See `PGD`. Defaults to 1.

    Raises:
        ValueError: A name is unknown, a number out of range, or, in the call, the model has fewer than three
            classes for `loss="dlr"`.

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

    iterative = True

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
        keep: str | None = None,
        seed: int = 0,
        samples: int = 1,
    ) -> None:
        super().__init__(norm=norm, loss=loss, samples=samples)
        self.targets = check_whole_number("targets", targets, 1)
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = check_step_size(step_size)
        self.schedule = check_schedule(schedule)
        self.restarts = check_whole_number("restarts", restarts, 1)
        self.start = check_start(start)
        self.keep = check_keep(keep)
        if self.keep == "last":  # that is one of the attempts towards the last class, and of no other
            raise ValueError("Argument `keep` must be 'first_hit' or 'best', or None. Received: keep='last'")
        self.seed = check_whole_number("seed", seed, -(2**31))

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The iterate of all attempts that is kept; see `Attack.perturb`."""
        y = tf.cast(y, tf.int32)
        classes: int = forward.logits.shape[-1]
        tried = min(self.targets, classes - 1)
        # Ranked by the clean logits, once: ranked anew at each start, a class might come twice and another never.
        others = tf.where(tf.one_hot(y, classes) > 0, -float("inf"), forward.logits)
        ranked = tf.math.top_k(others, tried).indices
        attempts = self.restarts * tried
        steps = GradientSteps(
            objective=misclassification(self),
            direction=steepest(self.norm),
            project=bounds_ball_bounds(self.norm),
            sizes=step_sizes(self.schedule, self.steps, self.step_size),
            start=starts(self.start, self.norm, self.seed, attempts=attempts, first=tried),
            attempts=attempts,
            from_clean_pass=False,  # each class has a gradient of its own at the images
            keep=kept(self.keep, self.whole_budget),
        )

        def labels(number: int | Tensor) -> Tensor:
            return tf.stack([y, tf.gather(ranked, number % tried, axis=1)], axis=1)

        return steps.run(model, forward, y, epsilon, labels)

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """What one attempt raises, `(batch,)`.

        Args:
            forward: A pass.
            y: Pairs of class indices, `(batch, 2)`: the label, and the target class.
        """
        return losses.TARGETED_LOSSES[self.loss](forward.logits, y[:, 0], y[:, 1])
