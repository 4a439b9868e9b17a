"""DeepFool: repeated steps to the nearest boundary of the linearised model."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import ops

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.gradient_attack import GradientAttack
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack, least_lead
from keras_advxai.attacks.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number
from keras_advxai.ops import losses, norms
from keras_advxai.ops.selection import select


@register
class DeepFool(MinimumNormAttack, GradientAttack):
    """DeepFool: steps to the nearest decision boundary of the linearised model, until one is crossed.

    Of the classes `k` with the largest logits other than the label `y`, the nearest is the one with the smallest
    `(z_y - z_k) / ||w_k||`, with `w_k` the gradient of `z_k - z_y` and its dual norm below: the Euclidean one for
    `norm="l2"`, the sum of absolute values for `"linf"`. The step goes there along the steepest direction and
    `overshoot` further. Pixels at a bound are left out where they would leave it, so on a linear model with two
    classes the distance is the smallest that the bounds allow. Only images that are still classified correctly go
    on.

    Args:
        norm: `"l2"` or `"linf"`. Defaults to `"l2"`.
        steps: The largest number of steps. Defaults to 50.
        candidates: How many classes are compared at each step, those with the largest logits; each costs a pass and
            its gradient. Defaults to 10.
        overshoot: How much further than to the boundary each step goes, as a fraction of it. Defaults to 0.02.
        samples: For a model that is random when it runs, over how many of its draws the mean of each slope is taken;
            see `PGD`. The lead that a step is to close, and whether an image is misclassified, are those of one draw.
            Defaults to 1.

    Raises:
        ValueError: `steps`, `candidates` or `samples` is below 1, or `overshoot` is negative.

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
    >>> kax.attacks.DeepFool().distances(net, x, [0]).round(2).tolist()
    [0.5]

    References:
        Moosavi-Dezfooli, Fawzi and Frossard, "DeepFool: a simple and accurate method to fool deep neural networks",
        CVPR 2016.
    """

    def __init__(
        self,
        *,
        norm: Norm = "l2",
        steps: int = 50,
        candidates: int = 10,
        overshoot: float = 0.02,
        samples: int = 1,
    ) -> None:
        super().__init__(norm=norm, samples=samples)
        self.steps = check_whole_number("steps", steps, 1)
        self.candidates = check_whole_number("candidates", candidates, 1)
        self.overshoot = check_number("overshoot", overshoot, 0)

    def objective(self, forward: Forward, y: Tensor) -> Tensor:
        """The margin of one class over another, `(batch,)`.

        Args:
            forward: A pass.
            y: Pairs of class indices, `(batch, 2)`: the true class, and the target class.
        """
        return losses.pick(forward.logits, y[:, 1]) - losses.pick(forward.logits, y[:, 0])

    def minimize(self, model: ImageClassifier, inputs: Any, y: Tensor, forward: Forward) -> Tensor:
        """Steps until a boundary is crossed; see `MinimumNormAttack.minimize`."""
        x = model.images_of(inputs)

        def advance(step: Tensor, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            here = model.forward(model.with_images(batches.take(inputs, rows), batches.take(points, rows)))
            active = tf.logical_not(self.reaches(here.logits, batches.take(y, rows)))
            # The others leave before any gradient is taken: ten candidates cost ten passes and gradients.
            rows, logits = tf.boolean_mask(rows, active), tf.boolean_mask(here.logits, active)
            at = model.with_images(batches.take(inputs, rows), batches.take(points, rows))
            # Just behind the boundary: onto it, the model taken for linear has two classes that lead.
            moved = model.images_of(at) + (1 + self.overshoot) * self._step(model, at, batches.take(y, rows), logits)
            return step + 1, rows, batches.put(points, rows, tf.clip_by_value(moved, *model.bounds))

        _, _, points = tf.while_loop(
            lambda step, rows, _: (step < self.steps) & (tf.size(rows) > 0),
            advance,
            (tf.constant(0), tf.range(tf.shape(x)[0]), x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), x.shape),
            parallel_iterations=1,
        )
        return points

    def _step(self, model: ImageClassifier, inputs: Any, y: Tensor, logits: Tensor) -> Tensor:
        """The step to the nearest boundary of the linearised model, shaped as the images."""
        x = model.images_of(inputs)
        # A model with two classes has one candidate, whatever was asked for.
        count = min(self.candidates, logits.shape[-1] - 1)
        label = tf.one_hot(y, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
        # On the boundary itself nothing leads, and with an overshoot of 0 each step would end there. Twice what counts
        # as reached, because the model is not as linear as it is taken for.
        enough = 2 * least_lead(logits)
        ranked = tf.math.top_k(tf.where(label, -float("inf"), logits), count).indices

        def compare(number: Tensor, least: Tensor, way: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            pairs = tf.stack([tf.cast(y, tf.int32), tf.gather(ranked, number, axis=1)], axis=-1)
            slope = self._free(model, x, self.gradient(model.forward(inputs), pairs))
            gap = losses.pick(logits, pairs[:, 0]) - losses.pick(logits, pairs[:, 1])
            steepness = self._dual(slope)
            # A class whose logit does not depend on the image here, as behind a dead ReLU, is nowhere near.
            distance = tf.where(steepness > 0, (gap + enough) / steepness, float("inf"))
            # The nearest by distance and not by lead: a class far behind may rise so steeply that its boundary is near.
            direction = norms.steepest(slope, self.norm)
            nearer = distance < least
            size = tf.reshape(tf.where(nearer, distance, 0.0), [-1] + [1] * (x.shape.rank - 1))
            return number + 1, tf.where(nearer, distance, least), select(nearer, size * direction, way)

        # A loop, since ten gradients side by side would make ten copies of the model in the graph and in memory.
        _, _, way = tf.while_loop(
            lambda number, *_: (number < count) & (tf.size(y) > 0),
            compare,
            (tf.constant(0), tf.fill(tf.shape(y), float("inf")), tf.zeros_like(x)),
            parallel_iterations=1,
        )
        return way

    def _free(self, model: ImageClassifier, x: Tensor, gradient: Tensor) -> Tensor:
        """The gradient, with zeros for the pixels that cannot follow it because they are at a bound."""
        lower, upper = model.bounds
        # They would take their part of the step and lose it to clipping: on a white background, most of it.
        stuck = tf.where(gradient > 0, x >= upper, x <= lower)
        return tf.where(stuck, 0.0, gradient)

    def _dual(self, gradient: Tensor) -> Tensor:
        """How steep a linear function with this gradient is in the norm of the attack, `(batch,)`."""
        if self.norm == "linf":
            # A step of epsilon in every pixel raises a linear function by epsilon times this sum.
            return ops.sum(tf.abs(gradient), axis=tuple(range(1, gradient.shape.rank)))
        return tf.reshape(norms.vector_norm(gradient, "l2"), [-1])
