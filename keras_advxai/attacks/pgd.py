"""Projected gradient descent."""

from __future__ import annotations

from keras_advxai.attacks.iterative_attack import IterativeAttack
from keras_advxai.attacks.registry import register


@register
class PGD(IterativeAttack):
    """Projected gradient descent: many steps along the steepest direction, back into the budget after each.

    `x_(i+1) = project(x_i + size_i * epsilon * steepest(gradient at x_i))`, with the directions of FGSM. The
    projection is on the bounds, the ball of the norm around the image, and the bounds again. Step, starts and what is
    kept are those of each image alone: a result depends neither on the batch nor on the place in it.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        loss: What is raised: `"log_odds"`, `"cross_entropy"`, `"margin"` or `"dlr"`; see `GradientAttack`. Defaults to
            `"log_odds"`.
        targeted: Whether the labels are classes to reach. Defaults to `False`.
        steps: How many steps there are, each of which takes a pass forward and backward. Defaults to 10.
        step_size: The length of the first step, as a fraction of epsilon. Defaults to `None`: the steps add up to
            2.5 epsilon, as in Madry et al.
        schedule: How the steps shorten from the first to the last: `"constant"`, not at all; `"linear"`, evenly
            towards 0; or `"cosine"`, along half a cosine. Defaults to `"constant"`.
        restarts: How many attempts are made. All but the first begin anywhere in the budget. Defaults to 1.
        start: Where the first attempt begins: `"zero"`, at the image itself, or `"uniform"`, at a point drawn evenly
            from the ball of the norm and clipped to the bounds. Defaults to `"zero"`, which serves L2 better.
        keep: Which iterate is the result. `"first_hit"`: the first one that the model misclassifies (or takes for the
            target), or the last if there is none. Such images take no further steps, so the attack is the faster the
            weaker the model is, and what is misclassified already is not attacked. `"best"`: of those that succeed, or
            else of all, the one with the highest objective. `"last"`: the last, for one attempt only. Defaults to
            `"first_hit"`.
        seed: Seed of the random starts, which depend on it and on the image. Defaults to 0.

    Raises:
        ValueError: A name is unknown, a number out of range, `keep="last"` is used with restarts, or, in the call,
            the model tells fewer than three classes apart for `loss="dlr"`.

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
