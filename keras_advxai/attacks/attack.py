"""The base of every attack: adapts the model, checks the data, keeps the budget."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import Configuration
from keras_advxai._typing import Aim, Norm, Tensor
from keras_advxai.models import Forward, ImageClassifier, as_classifier
from keras_advxai.models.compiled import steady
from keras_advxai.models.inputs import check_epsilons, check_labels, describe, traced_labels
from keras_advxai.ops import norms


class Attack(Configuration):
    """Perturbs images within a budget, so that a classifier changes its mind.

    An attack is an immutable configuration: hyperparameters in the constructor, the model in the call.
    Calling it is final, and does what every attack needs: it adapts the model, checks shapes, bounds and
    labels, compiles the attack once for each model and image shape, and projects whatever `perturb`
    returned onto the budget and the bounds. A subclass writes `perturb`.

    Args:
        norm: In which norm the budget is measured: `"linf"`, the largest change of any pixel, or `"l2"`, the
            Euclidean length of the change. Defaults to `"linf"`.

    Example:

    An attack of one's own, which may be passed wherever an attack is taken:

    >>> import keras, numpy as np, tensorflow as tf
    >>> import keras_advxai as kax
    >>> class Brighten(kax.attacks.Attack):
    ...     def perturb(self, model, x, y, radius, forward):
    ...         return x + radius
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> float(Brighten()(net, x, epsilon=0.25).max())
    0.75
    """

    _in_graphs = False
    """Whether it runs in graphs only, so that a pass that was made eagerly does not serve it."""

    def __init__(self, *, norm: Norm = "linf") -> None:
        self.norm = norms.check_norm(norm)

    @property
    def targeted(self) -> bool:
        """Whether the labels are the classes to reach instead of those to leave."""
        return False

    @property
    def aim(self) -> Aim:
        """What it is after: the `"label"`, the `"explanation"`, or nothing, as the `"noise"` that is the control."""
        return "label"

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise for what cannot be attacked. It is called before anything is computed.

        Args:
            model: The classifier.
            images: The images in image space, `(batch, height, width, channels)`.

        Raises:
            ValueError: A hyperparameter does not fit the model or the images.
        """

    @abc.abstractmethod
    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, radius: Tensor, forward: Forward) -> Tensor:
        """Perturbed images for one attack strength. It runs while a graph is traced.

        Args:
            model: The classifier, for further passes: `model.forward(images)`.
            x: The images, `(batch, height, width, channels)` float32, in image space.
            y: Class indices, `(batch,)` int32: to leave, or to reach if the attack is targeted.
            radius: The budget, a scalar in the images' own units: epsilon times the width of the bounds.
            forward: The pass over `x`. Its gradients are remembered, so that one serves all strengths.

        Returns:
            Images, shaped as `x`. They need not keep the budget or the bounds; the caller sees to that.
        """

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        model: keras.Model | ImageClassifier,
        x: Tensor,
        y: Tensor | None = None,
        epsilon: float | Sequence[float] | Tensor = 8 / 255,
        *,
        forward: Forward | None = None,
    ) -> Tensor:
        """Adversarial images.

        Args:
            model: A `keras.Model` that takes images in [0, 1], or an `ImageClassifier`.
            x: Images in image space, `(batch, height, width, channels)`.
            y: The true class of each image, `(batch,)` or one-hot; for a targeted attack the class to reach, without
                a default. Which class is the true one is not known here, so targets that are true classes are not told
                from others: an image that the model already takes for its target is there, and nothing about its
                change means anything. `kax.evaluate(..., attack_targets=...)` tells them apart. Defaults to the model's
                own prediction.
            epsilon: The budget as a fraction of the bounds' width: 8/255 means eight grey levels whatever the
                bounds. With `norm="l2"`, the length of the change in the unit image scale. Several
                strengths may be given at once. Defaults to 8/255.
            forward: A pass over `x` already made by `model.forward(x)`; saves the first pass of an attack.

        Returns:
            Images as `x` (NumPy for NumPy, tensor for tensor), float32, within the bounds and the budget.
            For several strengths `(strengths, batch, height, width, channels)`.

        Raises:
            ValueError: Images, labels or epsilon are not what the model takes; nothing was computed then.
        """
        checked = None if tf.is_symbolic_tensor(epsilon) else check_epsilons(epsilon, self.norm)
        strengths = epsilon
        if checked is not None and tf.executing_eagerly():
            strengths = tf.constant(checked if np.ndim(epsilon) else checked[0], tf.float32)
        return self._run("attack", self._perturb, model, x, y, strengths, forward=forward)

    @tf.autograph.experimental.do_not_convert
    def _run(
        self,
        what: str,
        function: Callable[..., Tensor],
        model: keras.Model | ImageClassifier,
        x: Tensor,
        y: Tensor | None,
        *args: Tensor,
        forward: Forward | None,
    ) -> Tensor:
        """`function(classifier, inputs, labels, *args, forward=forward)` of checked data, compiled under `what`."""
        classifier = as_classifier(model)
        if self.targeted and y is None:
            raise ValueError("A targeted attack needs the classes to reach: pass them as `y`. Received: y=None")
        if not tf.executing_eagerly():
            labels = None if y is None else traced_labels(y, classifier.images_of(x))
            return function(classifier, x, labels, *args, forward=forward)
        with steady(classifier.model):
            inputs = classifier.checked(x)
            self.check(classifier, classifier.images_of(inputs))
            labels = y
            if y is not None:
                labels = check_labels(y, len(classifier.images_of(inputs)), classifier.classes, classifier.binary)
                labels = tf.convert_to_tensor(labels)
            if forward is not None and not self._in_graphs:
                result = function(classifier, inputs, labels, *args, forward=forward)
            else:
                result = classifier.compiled((self, what), function, inputs, labels, *args)
        return result if tf.is_tensor(classifier.images_of(x)) else result.numpy()

    def _perturb(
        self,
        model: ImageClassifier,
        x: Any,
        y: Tensor | None,
        epsilon: Tensor,
        forward: Forward | None = None,
    ) -> Tensor:
        forward = model.forward(x) if forward is None else forward
        y = forward.predictions if y is None else y

        def at(strength: Tensor) -> Tensor:
            radius = tf.cast(strength, tf.float32) * model.width
            return self._returned(model, forward, self.perturb(model, forward.images, y, radius, forward), radius)

        epsilon = tf.convert_to_tensor(epsilon, tf.float32)
        if epsilon.shape.rank == 0:
            return at(epsilon)
        return tf.map_fn(at, epsilon, parallel_iterations=1)

    def _returned(self, model: ImageClassifier, forward: Forward, found: Tensor, radius: Tensor) -> Tensor:
        """The images that are returned for those that were found."""
        return self._within(model, forward.images, found, radius)

    def _within(self, model: ImageClassifier, x: Tensor, found: Tensor, radius: Tensor) -> Tensor:
        """The images nearest to what was found that keep the budget and the bounds."""
        if not hasattr(found, "shape") or not x.shape.is_compatible_with(found.shape):
            raise ValueError(
                f"{type(self).__name__}.perturb must return images shaped as `x`, {tuple(x.shape)}. "
                f"Received: {describe(found)}"
            )
        delta = norms.project(tf.cast(found, tf.float32) - x, radius, self.norm)
        return tf.clip_by_value(x + delta, *model.bounds)
