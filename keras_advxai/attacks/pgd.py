"""Projected gradient descent."""

from __future__ import annotations

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks.attack import EVERY_TASK
from keras_advxai.attacks.directions import steepest
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.gradient_steps import GradientSteps
from keras_advxai.attacks.keep import check_keep, kept
from keras_advxai.attacks.objective import misclassification
from keras_advxai.attacks.projections import bounds_ball_bounds
from keras_advxai.attacks.registry import register
from keras_advxai.attacks.schedules import check_schedule, check_step_size, step_sizes
from keras_advxai.attacks.starts import check_start, uniform_start
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_whole_number


@register
class PGD(GradientAttack):
    """Projected gradient descent: many steps along the steepest direction, each projected onto the budget.

    `x_(i+1) = project(x_i + size_i * epsilon * steepest(gradient at x_i))`, with the directions of FGSM. The
    projection is on the bounds, the ball of the norm around the image, and the bounds again. Steps, starts and the
    iterate that is kept depend on each image alone, not on the batch or the position in it.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised: `"log_odds"`, `"cross_entropy"`, `"margin"` or `"dlr"`; see `GradientAttack`. Defaults to
            `"log_odds"`.
        targeted: Whether the labels are target classes. Defaults to `False`.
        steps: How many steps there are, each of which takes a pass forward and backward. Defaults to 10.
        step_size: The size of the first step, as a fraction of epsilon. Defaults to `None`: the steps add up to
            2.5 epsilon, as in Madry et al.
        schedule: How the steps shorten from the first to the last: `"constant"`, not at all; `"linear"`, by the
            same amount each, towards 0; or `"cosine"`, along half a cosine. Defaults to `"constant"`.
        restarts: How many attempts are made. All but the first begin anywhere in the budget. Defaults to 1.
        start: Where the first attempt begins: `"zero"`, at the image itself, or `"uniform"`, at a point drawn
            uniformly from the ball of the norm and clipped to the bounds. Defaults to `"zero"`, which serves L2 better.
        keep: Which iterate is the result. `"first_hit"`: the first one that the model misclassifies (or takes for the
            target), or the last if there is none. Such images take no further steps, so the attack is the faster the
            weaker the model is, and what is misclassified already is not attacked; it serves accuracy, and leaves a
            part of the budget unused where explanations are compared. `"best"`: of those that succeed, or
            else of all, the one with the highest objective, on all images. `"last"`: the last, for one attempt only.
            Defaults to `None`: `"best"` where an evaluation compares explanations, and `"first_hit"` everywhere else.
        seed: Seed of the random starts, which depend on it and on the image. Defaults to 0.
        samples: For a model that is random when it runs, over how many of its draws the mean of each gradient is taken;
            see `GradientAttack`. Defaults to 1.

    Raises:
        ValueError: A name is unknown, a number out of range, `keep="last"` is used with restarts, or, in the call,
            the model has fewer than three classes for `loss="dlr"`.

    Example:

    A model whose logit of class 0 is the sum of the pixels; the attack lowers it until class 1, at 1.6, has more:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(
    ...         2,
    ...         kernel_initializer=keras.initializers.Constant([[1, 0]] * 4),
    ...         bias_initializer=keras.initializers.Constant([0, 1.6]),
    ...     ),
    ... ])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")
    >>> attack = kax.attacks.PGD(steps=8, step_size=0.125)
    >>> attack(net, x, [0], epsilon=0.5).ravel().tolist()
    [0.375, 0.375, 0.375, 0.375]

    References:
        Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018.
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
        schedule: str = "constant",
        restarts: int = 1,
        start: str = "zero",
        keep: str | None = None,
        seed: int = 0,
        samples: int = 1,
    ) -> None:
        super().__init__(norm=norm, loss=loss, targeted=targeted, samples=samples)
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = check_step_size(step_size)
        self.schedule = check_schedule(schedule)
        self.restarts = check_whole_number("restarts", restarts, 1)
        self.start = check_start(start)
        self.keep = check_keep(keep)
        self.seed = check_whole_number("seed", seed, -(2**31))
        if self.keep == "last" and self.restarts > 1:
            # Each attempt would overwrite what the one before has found, at its full price.
            raise ValueError(
                "With keep='last' the restarts before the last one have no effect. Pass keep='first_hit' or "
                f"keep='best', or restarts=1. Received: keep='last' with restarts={restarts}"
            )

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The iterate that is kept; see `Attack.perturb`."""
        steps = GradientSteps(
            objective=misclassification(self),
            direction=steepest(self.norm),
            project=bounds_ball_bounds(self.norm),
            sizes=step_sizes(self.schedule, self.steps, self.step_size),
            # Of all attempts that do not begin at the images: a second one from there would take the same steps again.
            start=uniform_start(self.norm, self.seed),
            attempts=self.restarts,
            from_clean_pass=self.start == "zero",
            keep=kept(self.keep, self.whole_budget),
        )
        return steps.run(model, forward, y, epsilon)
