"""The decoupled direction and norm attack."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.ops import norms
from keras_advxai.ops.selection import select

_ATTEMPTS = 3
_SHORTER = 0.25
"""By what the first length is multiplied for each further attempt, on the images that the one before has lost."""


@register
class DDN(MinimumNormAttack, GradientAttack):
    """Decoupled direction and norm: steps along the gradient on a sphere that shrinks and grows.

    Each step goes along `gradient / ||gradient||` of a loss, with a step size that falls from 1 to 0.01 on a
    cosine. The perturbation is then scaled to the radius of a sphere around the image, which shrinks by the factor
    `1 - gamma` where the last image was misclassified, else grows by `1 + gamma`. The nearest misclassified image of
    all steps is kept; where there is none, because the steps went past it, the attack starts again with a sphere of a
    quarter of the radius, and with one of a sixteenth. All norms are in the unit image scale, as an epsilon of
    `norm="l2"`.

    Args:
        steps: How many steps there are; each costs a pass and its gradient. Defaults to 100.
        init_norm: The radius of the first sphere. Defaults to 1.
        gamma: The part by which the radius changes at each step, below 1. Defaults to 0.05.
        loss: What is raised: `"log_odds"`, `"cross_entropy"`, `"margin"` or `"dlr"`; see `GradientAttack`. Where
            several other classes have about the same logit, `"log_odds"` moves between their boundaries, and what it
            finds is further away (15 % on a linear model where `"margin"` is within 0.1 %); `"margin"` moves towards
            one. Defaults to `"log_odds"`.
        targeted: Whether the labels are target classes. Defaults to `False`.
        samples: See `PGD`. Defaults to 1.

    Raises:
        ValueError: `steps` is below 1, `init_norm` not above 0, or `gamma` not between 0 and 1.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((2, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2),
    ... ])
    >>> net.set_weights([np.array([[1, 0]] * 4), np.array([-1, 0])])
    >>> x = np.full((1, 2, 2, 1), 0.5, "float32")  # leads by 1, with weights of length 2
    >>> kax.attacks.DDN().distances(net, x, [0]).round(2).tolist()
    [0.5]

    References:
        Rony et al., "Decoupling direction and norm for efficient gradient-based L2 adversarial attacks and defenses",
        CVPR 2019.
    """

    # The order of the bases matters: `perturb` is that of the search, loss and gradient are those of the second one.

    def __init__(
        self,
        *,
        steps: int = 100,
        init_norm: float = 1.0,
        gamma: float = 0.05,
        loss: str = "log_odds",
        targeted: bool = False,
        samples: int = 1,
    ) -> None:
        super().__init__(norm="l2", loss=loss, targeted=targeted, samples=samples)
        self.steps = check_whole_number("steps", steps, 1)
        self.init_norm = _positive("init_norm", init_norm)
        self.gamma = _positive("gamma", gamma)
        if self.gamma >= 1:
            raise ValueError(f"Argument `gamma` must be below 1. Received: gamma={gamma!r}")

    def minimize(self, model: ImageClassifier, inputs: Any, y: Tensor, forward: Forward) -> Tensor:
        """The nearest misclassified image of all steps; see `MinimumNormAttack.minimize`."""
        x = model.images_of(inputs)

        def attempt(number: Tensor, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            # Only images for which nothing was found begin again, so most models pay for one attempt.
            own_inputs, own_y = batches.take((inputs, y), rows)
            length = self.init_norm * _SHORTER ** tf.cast(number, tf.float32)
            least, found = self._descend(model, own_inputs, own_y, length)
            lost = tf.logical_not(tf.math.is_finite(least))
            return number + 1, tf.boolean_mask(rows, lost), batches.put(points, rows, found)

        rows = tf.range(tf.shape(x)[0])
        _, _, points = tf.while_loop(
            lambda number, rows, _: (number < _ATTEMPTS) & (tf.size(rows) > 0),
            attempt,
            (tf.constant(0), rows, x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), x.shape),
            parallel_iterations=1,
        )
        return points

    def _descend(self, model: ImageClassifier, inputs: Any, y: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """The distance of the nearest misclassified image of one attempt, infinite if there is none, and an image."""
        x = model.images_of(inputs)

        def each(values: Tensor) -> Tensor:
            return tf.reshape(values, [-1] + [1] * (x.shape.rank - 1))

        def nearer(here: Forward, least: Tensor, found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Whether each image of a pass is what is looked for, and the nearest that is, with its distance."""
            reached = self.reaches(here.logits, y)
            distance = tf.reshape(norms.vector_norm(here.images - x, "l2"), [-1])
            # Measured and not taken from the sphere: the bounds may have made the change shorter.
            better = reached & (distance < least)
            return reached, tf.where(better, distance, least), select(better, here.images, found)

        def advance(
            step: Tensor, points: Tensor, radius: Tensor, least: Tensor, found: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
            here = model.forward(model.with_images(inputs, points))
            # Looked at before it is moved, so that one pass says whether this image counts and where to go from it.
            reached, least, found = nearer(here, least, found)
            direction = norms.steepest(self.gradient(here, y), "l2")
            # Steps of the width of the bounds, not of epsilon: there is none.
            moved = points - x + model.width * self._size(step) * direction
            # By the image that was looked at, and not the next one, whose pass is yet to come.
            radius *= tf.where(reached, 1 - self.gamma, 1 + self.gamma)
            points = tf.clip_by_value(x + each(radius) * norms.steepest(moved, "l2"), *model.bounds)
            return step + 1, points, radius, least, found

        nothing = tf.zeros(tf.shape(x)[:1])
        state = (tf.constant(0), x, nothing + length * model.width, nothing + float("inf"), x)
        _, points, _, least, found = tf.while_loop(
            lambda step, *_: step < self.steps, advance, state, parallel_iterations=1
        )
        # Where none was misclassified, the last one is the nearest to that: the search along the line goes on behind.
        return least, select(tf.math.is_finite(least), found, points)

    def _size(self, step: Tensor) -> Tensor:
        """The step size, from 1 to nearly 0.01 on a cosine."""
        # Long steps look for the boundary, and short ones settle on it.
        along = tf.cast(step, tf.float32) / self.steps
        return 0.01 + 0.99 * (1 + tf.cos(math.pi * along)) / 2


def _positive(name: str, value: float) -> float:
    checked = check_number(name, value, 0)
    if checked == 0:
        raise ValueError(f"Argument `{name}` must be above 0. Received: {name}={value!r}")
    return checked
