"""Attacks that look for the nearest misclassified image, whatever its distance."""

from __future__ import annotations

import abc
import functools
from typing import Any, Self

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.attack import Attack
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.ops import losses, norms

_HALVINGS = 12
_BEHIND = 1 / 128
"""How far beyond an image that is not misclassified the search continues, relative to the way; then twice as far."""
_LEAD = 1e-5
_MASKED = 1e4
"""A class that is so far behind the best one is out of the running, as one that is masked by -1e9 or minus infinity."""


class MinimumNormAttack(Attack):
    """An attack without a budget: it looks for the nearest image that the model misclassifies.

    A subclass writes `minimize`. What it found is then brought as near to the image as the straight line between both
    allows, so a coarse search is enough there; `distances` says how near that is. With a budget, images whose
    distance is within it are returned as they were found, and the others as far on their way as it allows. All
    epsilons share one search. Images that are misclassified from the beginning are returned as they are, at distance
    0.

    It is iterative; one that follows gradients says so by `uses_gradients`, see `Attack`, or is a `GradientAttack` too.

    Args:
        norm: In which norm the distance is measured, `"linf"` or `"l2"`. Defaults to `"linf"`.
    """

    iterative = True

    @abc.abstractmethod
    def minimize(self, model: ImageClassifier, inputs: Any, y: Tensor, forward: Forward) -> Tensor:
        """Misclassified images as near as can be found. It runs while a graph is traced.

        Args:
            model: The classifier.
            inputs: The images that are to be attacked, `(batch, height, width, channels)` float32 in image space; for a
                model with several inputs all of them. The model classifies all of these images correctly. There may
                be none.
            y: Class indices, `(batch,)`: true classes, or target classes if the attack is targeted.
            forward: The pass over all images of the batch, those that are not attacked among them.

        Returns:
            Images, shaped as those in `inputs`, and within the bounds; where nothing was found, the image itself, or
            any that is not misclassified.
        """

    def distances(
        self,
        model: keras.Model | ImageClassifier,
        x: Tensor,
        y: Tensor | None = None,
        *,
        forward: Forward | None = None,
    ) -> Tensor:
        """The distance of each image to the nearest misclassified one that was found.

        Args:
            model: A `keras.Model` that takes images in [0, 1], or an `ImageClassifier`.
            x: Images in image space, `(batch, height, width, channels)`.
            y: The true class of each image, or the target class; see `Attack.__call__`. Defaults to the model's own
                prediction.
            forward: A pass over `x` already made by `model.forward(x)`.

        Returns:
            Distances, `(batch,)` float32, in units of epsilon: the images within an epsilon are those that the attack
            changes to misclassified ones at it. 0 where the clean image is misclassified, infinite
            where nothing was found.

        Raises:
            ValueError: Images or labels are not what the model takes; nothing was computed then.

        Example:

        >>> import keras, numpy as np
        >>> import keras_advxai as kax
        >>> net = keras.Sequential([
        ...     keras.layers.Input((2, 2, 1)),
        ...     keras.layers.Flatten(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> net.set_weights([np.array([[1, 0]] * 4), np.array([-1, 0])])
        >>> x = np.full((1, 2, 2, 1), 0.5, "float32")  # leads by 1, with a weight of 1 for each pixel
        >>> kax.attacks.DeepFool(norm="linf").distances(net, x, [0]).round(2).tolist()
        [0.25]
        """
        return self._run("distances", self._distances, model, x, y, forward=forward)

    def with_whole_budget(self) -> Self:
        """The attack itself, whose images are the nearest whatever the budget; see `Attack.with_whole_budget`."""
        return self

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """What was found, at any distance; see `Attack.perturb`. The caller projects it onto the budget."""
        # Whatever epsilon is: a search for each would find the same, ten times.
        images, _ = self._nearest(model, y, forward)
        return images

    def _distances(self, model: ImageClassifier, x: Any, y: Tensor | None, forward: Forward | None = None) -> Tensor:
        forward = model.forward(x) if forward is None else forward
        _, distances = self._nearest(model, forward.predictions if y is None else y, forward)
        return distances

    def _nearest(self, model: ImageClassifier, y: Tensor, forward: Forward) -> tuple[Tensor, Tensor]:
        """The nearest misclassified images, and their distances, searched for once for each pass."""
        return forward.remember((self, "nearest"), y, functools.partial(self._search, model, y, forward))

    def _search(self, model: ImageClassifier, y: Tensor, forward: Forward) -> tuple[Tensor, Tensor]:
        # What is misclassified already is at distance 0, whatever a search would find.
        rows = batches.where(batches.active(forward, y, self.targeted))
        inputs = batches.take(model.with_images(forward.inputs, forward.images), rows)
        x, labels = model.images_of(inputs), batches.take(y, rows)
        found = tf.ensure_shape(self.minimize(model, inputs, labels, forward), x.shape)
        # A search ends somewhere behind the boundary; without this, coarse and fine ones would not compare.
        found, reached = self._drawn_back(model, inputs, labels, found)
        found_norms = tf.reshape(norms.vector_norm(found - x, self.norm), [-1]) / model.width
        # Infinite and not the longest distance tried, so that medians count those images as out of reach.
        distances = tf.where(reached, found_norms, float("inf"))
        nothing = tf.zeros(tf.shape(forward.images)[:1])
        return batches.put(forward.images, rows, found), batches.put(nothing, rows, distances)

    def _drawn_back(self, model: ImageClassifier, inputs: Any, y: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest misclassified images on straight lines, by halving, and whether there are any.

        What is found must be misclassified. If it is not, because it stopped a rounding error before the boundary, the
        search continues beyond it.
        """
        x = model.images_of(inputs)

        def on_line(step: Tensor) -> Tensor:
            part = tf.reshape(step, [-1] + [1] * (x.shape.rank - 1))
            # Behind what was found, the line may leave the bounds.
            return tf.clip_by_value(x + part * (found - x), *model.bounds)

        def halve(count: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            # The first look is at what was found, at 1. While nothing is reached, further behind; then halfway, which
            # leaves 1/4096 of the way after twelve times.
            behind = tf.where(near < 1, 1.0, 1 + 2 * (near - 1) + _BEHIND)
            middle = tf.where(tf.math.is_finite(far), (near + far) / 2, behind)
            forward = model.forward(model.with_images(inputs, on_line(middle)))
            reached = self.reaches(forward.logits, y)
            return count + 1, tf.where(reached, near, middle), tf.where(reached, middle, far)

        nothing = tf.zeros(tf.shape(x)[:1])
        # Where no image is left there are no passes over empty batches either.
        some = tf.size(nothing) > 0
        _, _, far = tf.while_loop(
            lambda count, *_: some & (count <= _HALVINGS),
            halve,
            (tf.constant(0), nothing, nothing + float("inf")),
            parallel_iterations=1,
        )
        reached = tf.math.is_finite(far)
        return on_line(tf.where(reached, far, 0.0)), reached

    def reaches(self, logits: Tensor, y: Tensor) -> Tensor:
        """Whether logits are those of an image that the attack looks for, `(batch,)` bool.

        Args:
            logits: `(batch, classes)`.
            y: Class indices, `(batch,)`: true classes, or target classes if the attack is targeted.
        """
        lead = losses.margin(logits, y)
        led = (-lead if self.targeted else lead) > least_lead(logits)
        # Logits that have no softmax, such as NaN, are those of no class: misclassified, and not the target.
        undefined = tf.logical_not(tf.math.is_finite(tf.reduce_logsumexp(logits, axis=-1)))
        return (led & ~undefined) if self.targeted else (led | undefined)


def least_lead(logits: Tensor) -> Tensor:
    """By how much another class must lead, so that a pass in another batch sees it, too: a part of the largest logit.

    Args:
        logits: `(batch, classes)`.

    Returns:
        Leads, `(batch,)`. The logits of classes that are masked do not count: of infinity, no lead would be enough.
    """
    best = tf.reduce_max(logits, axis=-1, keepdims=True)
    return _LEAD * tf.reduce_max(tf.where(logits >= best - _MASKED, tf.abs(logits), 0.0), axis=-1)
