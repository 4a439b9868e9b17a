"""The base of every attack: adapts the model, checks the data, keeps the budget."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import Configuration
from keras_advxai._typing import Aim, Norm, Tensor
from keras_advxai._warnings import each_once, warn
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.notices import NonFinitePixelWarning
from keras_advxai.attacks.projections import ball_then_bounds
from keras_advxai.models import Forward, ImageClassifier, as_classifier
from keras_advxai.models.autograph import do_not_convert
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.inputs import check_epsilons, describe
from keras_advxai.models.labels import check_labels, traced_labels
from keras_advxai.models.task import CLASSIFICATION
from keras_advxai.ops import norms
from keras_advxai.ops.selection import select

EVERY_TASK = ("classification", "multi_label", "regression")
"""The kinds of models that attacks on the sum of all losses serve, and noise."""


class Attack(Configuration):
    """Perturbs images within a budget, so that a classifier misclassifies them.

    An attack is an immutable configuration: hyperparameters in the constructor, the model in the call.
    Calling it is final, and does what every attack needs: it adapts the model, checks shapes, bounds and
    labels, compiles the attack once for each model and image shape, and projects whatever `perturb`
    returned onto the budget and the bounds. A subclass writes `perturb`.

    The class declares its kind by the attributes below, which evaluations read when they choose controls and check
    whether an attack did what it should. The defaults are those of an attack without gradients; a subclass
    overrides what differs, and one for which it depends on hyperparameters sets it in its constructor.
    `whole_budget` alone is not declared but read.

    Attributes:
        aim: What it targets: the `"label"`, the `"explanation"`, or nothing, as the `"noise"` that is the control.
            Defaults to `"label"`.
        uses_gradients: Whether it follows the model's gradients, so that it fails where these are masked.
            Defaults to `False`.
        iterative: Whether it follows them in more than one step, so that more steps make it stronger and a larger
            epsilon never makes it weaker. Defaults to `False`.
        fills_budget: Whether images on which it fails are perturbed by the whole of epsilon, so that a smaller
            perturbation means a gradient that vanished, or steps that are too short. Defaults to `False`.
        tasks: Which kinds of models it attacks, others being refused: `"classification"`, `"multi_label"`,
            `"regression"`. Defaults to classification alone.
        whole_budget: Whether it is to use the whole budget on all images instead of stopping early, which
            `with_whole_budget` asks of it. Defaults to `False`.

    Args:
        norm: The norm in which the budget is measured: `"linf"`, the largest change of any pixel, or `"l2"`, the
            Euclidean norm of the perturbation. Defaults to `"linf"`.

    Example:

    An attack of your own, which may be passed wherever an attack is taken:

    >>> import keras, numpy as np, tensorflow as tf
    >>> import keras_advxai as kax
    >>> class Brighten(kax.attacks.Attack):
    ...     def perturb(self, model, x, y, epsilon, forward):
    ...         return x + epsilon
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> float(Brighten()(net, x, epsilon=0.25).max())
    0.75
    >>> Brighten.uses_gradients
    False
    """

    aim: Aim = "label"
    uses_gradients: bool = False
    iterative: bool = False
    fills_budget: bool = False
    tasks: tuple[str, ...] = ("classification",)
    whole_budget: bool = False

    _in_graphs = False
    """Whether it runs in graphs only, so that a pass that was made eagerly does not serve it."""

    def __init__(self, *, norm: Norm = "linf") -> None:
        self.norm = norms.check_norm(norm)

    @property
    def targeted(self) -> bool:
        """Whether the labels are target classes instead of true classes."""
        return False

    def with_whole_budget(self) -> Self:
        """The same attack as it runs where explanations are compared: with `whole_budget=True`.

        How far explanations drift at an epsilon, images tell that were changed by this epsilon. So evaluations with
        explainers run this one, under the name of the attack as it was given. Steps are all taken and the best
        iterate is kept, also of images that are misclassified before the attack begins: it succeeds where it would by
        stopping early, at the least. An attack of your own that stops early asks `self.whole_budget` in its `perturb`.
        What is not to change, such as a search for the nearest misclassified image, overrides this method.

        Example:

        >>> import keras_advxai as kax
        >>> attack = kax.attacks.PGD()
        >>> attack.with_whole_budget().whole_budget, attack.with_whole_budget().name == attack.name
        (True, True)
        """
        # A copy and no hyperparameter: the same attack, whose name and configuration stay, is asked for something else.
        other = copy.copy(self)
        object.__setattr__(other, "whole_budget", True)
        return other

    def _key(self) -> tuple[Any, ...]:
        return (*super()._key(), self.whole_budget)  # what was compiled of one serves not the other

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise for what cannot be attacked. It is called before anything is computed.

        Args:
            model: The classifier.
            images: The images in image space, `(batch, height, width, channels)`.

        Raises:
            ValueError: A hyperparameter does not fit the model or the images.
        """

    def check_task(self, model: ImageClassifier) -> None:
        """Raise if the model is of a kind that it does not attack, or an option means nothing there.

        Args:
            model: The classifier.

        Raises:
            ValueError: It is; the message says what to use.
        """
        if model.kind.name not in self.tasks:
            raise ValueError(
                f"The attack {self!r} is for models that predict one class for each image, and the model "
                f"{model.model.name!r} {model.kind.says}. Use FGSM, PGD, BIM or MIFGSM."
            )
        model.kind.check_attack(self)

    @abc.abstractmethod
    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """Perturbed images for one epsilon. It runs while a graph is traced.

        Args:
            model: The classifier, for further passes: `model.forward(images)`.
            x: The images, `(batch, height, width, channels)` float32, in image space.
            y: Class indices, `(batch,)` int32: true classes, or target classes if the attack is targeted.
            epsilon: The budget, a scalar in the images' own units: that of the call, times the width of the bounds.
                With bounds of (0, 255), 8/255 arrives here as 8.
            forward: The pass over `x`. Its gradients are remembered, so that one serves all epsilons.

        Returns:
            Images, shaped as `x`. They need not be within the budget or the bounds; the caller projects them.
        """

    @do_not_convert
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
            y: The true class of each image, `(batch,)` or one-hot; of a model of several labels, rows of 0 and 1; of a
                regression, the values that the output is to leave. For a targeted attack the target class, without a
                default. The true class is not known here: an image that the model already classifies as its target
                counts as a success, and its perturbation means nothing. `kax.evaluate(..., attack_targets=...)` leaves
                such images out of success rates. Defaults to the model's own prediction.
            epsilon: The budget as a fraction of the bounds' width: 8/255 means eight grey levels whatever the bounds.
                With `norm="l2"`, the norm of the perturbation in the unit image scale. Several epsilons may be given at
                once. Defaults to 8/255.
            forward: A pass over `x` already made by `model.forward(x)`; saves the first pass of an attack.

        Returns:
            Images as `x` (NumPy for NumPy, tensor for tensor), float32, within the bounds and the budget.
            For several epsilons `(epsilons, batch, height, width, channels)`.

        Raises:
            ValueError: Images, labels or epsilon are not what the model takes; nothing was computed then.

        Warns:
            NonFinitePixelWarning: `perturb`, of an attack of a user's own, made pixels NaN; they are left as they were.
        """
        checked = None if tf.is_symbolic_tensor(epsilon) else check_epsilons(epsilon, self.norm)
        budget = epsilon
        if checked is not None and tf.executing_eagerly():
            # As a tensor, so that another epsilon needs no further trace.
            budget = tf.constant(checked if np.ndim(epsilon) else checked[0], tf.float32)
        found = self._run("attack", self._perturb, model, x, y, budget, forward=forward)
        return self._valid(found, as_classifier(model).images_of(x)) if tf.executing_eagerly() else found

    @do_not_convert
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
        # A plain model is taken for one of images in [0, 1], as everywhere in the package.
        classifier = as_classifier(model)
        if self.targeted and y is None:
            # The default, the model's own prediction, would be reached before the attack began.
            raise ValueError("A targeted attack needs the target classes: pass them as `y`. Received: y=None")
        if not tf.executing_eagerly():
            classifier, forward = self._decided(classifier, classifier.images_of(x), y, forward)
            # Inside of somebody's graph, as in an evaluation's step: there are no values to check, and it is compiled
            # along with what is around it.
            several = not self.targeted and classifier.kind is not CLASSIFICATION
            labels = y if y is None or several else traced_labels(y, classifier.images_of(x))
            return function(classifier, x, labels, *args, forward=forward)
        # What a model is made of is looked up many times from here on, and does not change in the meantime.
        with each_once(), cached_structure(classifier.model):
            inputs = classifier.checked(x)
            classifier, forward = self._decided(classifier, classifier.images_of(inputs), y, forward)
            # In front of the trace, where an error would come wrapped in TensorFlow's, long after the call.
            self.check(classifier, classifier.images_of(inputs))
            labels = y
            if y is not None:
                count, shape = len(classifier.images_of(inputs)), classifier.images_of(inputs).shape[1:]
                if self.targeted:
                    labels = check_labels(y, count, classifier.classes, classifier.binary)
                else:
                    labels = classifier.check_labels(y, count, shape=shape)
                labels = tf.convert_to_tensor(labels)
            # A pass that was made eagerly has no graph to trace into, so the attack runs eagerly on it.
            if forward is not None and not self._in_graphs:
                result = function(classifier, inputs, labels, *args, forward=forward)
            else:
                # By the attack as a value: equal ones share a trace, so `FGSM()` in a loop compiles once.
                result = classifier.compiled((self, what), function, inputs, labels, *args)
        return result if tf.is_tensor(classifier.images_of(x)) else result.numpy()

    def _decided(
        self, classifier: ImageClassifier, images: Tensor, y: Any, forward: Forward | None
    ) -> tuple[ImageClassifier, Forward | None]:
        """The classifier, and the pass that was made by it, where the labels tell whether it predicts several."""
        decided = classifier.decided(y, images.shape[1:])
        self.check_task(decided)
        if forward is not None and forward.classifier.kind is not decided.kind:
            forward = forward.with_classifier(decided)
        return decided, forward

    def _perturb(
        self,
        model: ImageClassifier,
        x: Any,
        y: Tensor | None,
        epsilon: Tensor,
        forward: Forward | None = None,
    ) -> Tensor:
        # One pass is shared by all that look at the clean images: other attacks, explainers and the evaluation itself.
        forward = model.forward(x) if forward is None else forward
        # With the labels unknown, what the model says counts as true: then every image is attacked.
        y = forward.predictions if y is None else y

        # In the graph of the pass, also from inside of a loop over epsilons, so that they share its gradients.
        ways: Any = forward.remember("ways", y, lambda: model.kind.ways(y)) if self.uses_gradients else (y,)

        def at(fraction: Tensor) -> Tensor:
            own = tf.cast(fraction, tf.float32) * model.width
            found = [
                self._returned(model, forward, self.perturb(model, forward.images, way, own, forward), own)
                for way in ways
            ]
            return found[0] if len(found) == 1 else self._furthest(model, forward, ways, found)

        epsilon = tf.convert_to_tensor(epsilon, tf.float32)
        if epsilon.shape.rank == 0:
            return at(epsilon)
        # One after the other in a loop, so that neither the graph nor the memory grows with the number of epsilons.
        return tf.map_fn(at, epsilon, parallel_iterations=1)

    def _valid(self, found: Tensor, images: Tensor) -> Tensor:
        """What was found, with the image's own pixels where it is NaN, and a warning of that."""
        wrong = ~np.isfinite(np.asarray(found))
        if not wrong.any():
            return found
        # Ours never do it. NaN has no place in the budget, and its prediction would count as a success.
        changed = wrong.any(
            axis=(0, *range(2, wrong.ndim)) if wrong.ndim > np.ndim(images) else (*range(1, wrong.ndim),)
        )
        warn(
            f"{type(self).__name__}.perturb made pixels of {changed.sum()} of {changed.size} images NaN (image "
            f"{np.flatnonzero(changed)[0]} the first). They are left as they were.",
            NonFinitePixelWarning,
            stacklevel=4,  # the line that called the attack
        )
        others = tf.broadcast_to(tf.cast(images, tf.float32), np.shape(found))  # once for each epsilon
        kept = batches.valid(tf.convert_to_tensor(found), others)
        return kept if tf.is_tensor(found) else kept.numpy()

    def _returned(self, model: ImageClassifier, forward: Forward, found: Tensor, epsilon: Tensor) -> Tensor:
        """The images that are returned for those that were found."""
        return self._within(model, forward.images, found, epsilon)

    def _furthest(self, model: ImageClassifier, forward: Forward, ways: Sequence[Any], found: list[Tensor]) -> Tensor:
        """Of the images that were found in several ways, those that raise the loss most."""
        best, most = found[0], None
        for way, images in zip(ways, found, strict=True):
            here = model.forward(model.with_images(forward.inputs, images))
            value = model.kind.loss("", here.logits, way)
            higher = tf.ones_like(value, tf.bool) if most is None else value > most
            best, most = select(higher, images, best), value if most is None else tf.maximum(value, most)
        return best

    def _within(self, model: ImageClassifier, x: Tensor, found: Tensor, epsilon: Tensor) -> Tensor:
        """The images nearest to what was found that keep the budget and the bounds."""
        # A forgotten `return` gives None; two images for one would be broadcast without a word.
        if not hasattr(found, "shape") or not x.shape.is_compatible_with(found.shape):
            raise ValueError(
                f"{type(self).__name__}.perturb must return images shaped as `x`, {tuple(x.shape)}. "
                f"Received: {describe(found)}"
            )
        # Also what was found by attacks that keep the budget by themselves: one of a user's may not, and ours round.
        return ball_then_bounds(self.norm)(x, tf.cast(found, tf.float32), epsilon, model.bounds)
