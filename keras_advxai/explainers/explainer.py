"""The base of every explainer: targets, resizing, normalisation, blank maps."""

from __future__ import annotations

import abc
import functools
from typing import Any, Self, get_args

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._choice import check_one_of
from keras_advxai._registry import Configuration
from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai._warnings import each_once
from keras_advxai.explainers.notices import warn_of_blank, warn_of_nan, warn_of_output
from keras_advxai.explainers.parts import check_count, rows, with_finite
from keras_advxai.models import Forward, ImageClassifier, as_classifier
from keras_advxai.models.arrays import as_array
from keras_advxai.models.compiled import cached_structure
from keras_advxai.models.labels import check_labels, traced_labels
from keras_advxai.ops import heatmaps


class Explainer(Configuration):
    """Shows which regions of an image are evidence for a class.

    An explainer is an immutable configuration: hyperparameters in the constructor, the model in the call.
    Calling it is final, and does what every explainer needs: it settles the targets, compiles the
    explanation once for each model and image shape, sums over channels, resizes the map to the image and
    divides it by its largest value. A subclass writes `attribute`.

    Args:
        score: What is differentiated: `"logit"`, the value `z_c` of the class before the softmax; `"probability"`, the
            value after it; or `"centered_logit"`, `z_c - mean over all classes of z`, which does not count what is
            evidence for every class alike, as a softmax does not, and does not saturate as a probability does. Of one
            sigmoid unit, the score is the log-odds `z`, and `-z` of class 0, whether it is centred or not. Defaults to
            `"logit"`.

    Example:

    An explainer of your own, which may be passed wherever an explainer is taken:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> class Brightness(kax.explainers.Explainer):
    ...     def attribute(self, model, x, targets, forward):
    ...         return forward.images
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> float(Brightness()(net, x).max())
    1.0
    """

    def __init__(self, *, score: Score = "logit") -> None:
        check_one_of("score", score, get_args(Score), hint=False)
        self.score = score

    @property
    def signed(self) -> bool:
        """Whether heatmaps show evidence against the class, as negative values."""
        return False

    def is_cheap(self, model: ImageClassifier, shape: Shape = None) -> bool:
        """Whether another target on a pass already made costs no more than the model's head.

        Args:
            model: The classifier.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.
        """
        return False

    @abc.abstractmethod
    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The raw attributions. It runs while a graph is traced.

        Args:
            model: The classifier, for further passes: `model.forward(images)`.
            x: The images, `(batch, height, width, channels)` float32, in image space.
            targets: The class to explain for each image, `(batch,)` int32.
            forward: The pass over `x`, with its activations and gradients.

        Returns:
            Attributions, shaped as the images, or `(batch, h, w, channels)` at any size.
        """

    def with_score(self, score: Score) -> Self:
        """The same explainer of another score.

        Args:
            score: `"logit"`, `"probability"` or `"centered_logit"`.

        Raises:
            ValueError: The explainer does not take a score.
        """
        config = self.get_config()
        if "score" not in config:
            raise ValueError(f"An explainer whose score can be chosen is needed. Received: {self!r}")
        return type(self)(**{**config, "score": score})

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow through its heatmaps to the images, as an attack on the explanation needs."""
        return True

    def way_out(self, model: ImageClassifier, shape: Shape = None) -> str:
        """A sentence on what to do where its heatmaps of a model are blank; empty for nothing that is known."""
        return ""

    @property
    def passes(self) -> int:
        """How many forward and backward passes one image takes besides the pass that is given already.

        An explainer that makes passes of its own is compiled also where it is given a pass that was made eagerly, so
        say here that it does.
        """
        return 0

    def images_at_once(self, model: ImageClassifier, images: Tensor) -> int | Tensor | None:
        """How many images are explained at a time, so that the memory does not grow with their number.

        Args:
            model: The classifier.
            images: The images in image space.

        Returns:
            The number, a tensor where a side is open while a graph is traced; `None` for all, as in one pass.
        """
        return None

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise for images that cannot be explained. It is called before anything is computed.

        Args:
            model: The classifier.
            images: The images in image space, `(batch, height, width, channels)`.

        Raises:
            ValueError: A hyperparameter does not fit the model or the images.
        """

    def check_task(self, model: ImageClassifier) -> None:
        """Raise a `ValueError` for a score that means nothing of the model, such as the probability of a regression."""
        if self.score not in model.kind.scores:
            raise ValueError(
                f"Argument `score` must be {' or '.join(map(repr, model.kind.scores))} for {model.model.name!r}, which "
                f"{model.kind.says}. Received: {self!r}"
            )

    def completeness(
        self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward
    ) -> tuple[Tensor, Tensor] | None:
        """The completeness gap of the attributions. It runs while a graph is traced.

        Args:
            model: As for `attribute`.
            x: As for `attribute`.
            targets: As for `attribute`.
            forward: As for `attribute`.

        Returns:
            The gap and the change of the score that it is a part of, both `(batch,)`; `None` for an explainer that
            promises no sum.
        """
        return None

    def steps_taken(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor | None:
        """How many gradients each image took. It runs while a graph is traced.

        Args:
            model: As for `attribute`.
            x: As for `attribute`.
            targets: As for `attribute`.
            forward: As for `attribute`.

        Returns:
            The numbers, `(batch,)` int32; `None` for an explainer that does not decide it image by image.
        """
        return None

    def layers(self, model: ImageClassifier, shape: Shape = None) -> tuple[str, ...]:
        """Paths of the layers that are looked at, found before anything is computed.

        Args:
            model: The classifier.
            shape: `(height, width, channels)` of the images, for a model that leaves them open.

        Raises:
            ValueError: The model has no such layer.
        """
        return ()

    def heatmap(self, attributions: Tensor) -> Tensor:
        """One map for each image from the attributions of its channels: the sum of their absolute values."""
        # Signed maps have one channel: of several, the absolute values would lose the sign that is asked for.
        if attributions.shape[-1] == 1 and self.signed:
            return attributions
        return tf.reduce_sum(tf.abs(attributions), axis=-1, keepdims=True)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        model: keras.Model | ImageClassifier,
        x: Tensor,
        targets: int | Tensor | None = None,
        *,
        forward: Forward | None = None,
    ) -> Tensor:
        """Heatmaps.

        Args:
            model: A `keras.Model` that takes images in [0, 1], or an `ImageClassifier`.
            x: Images in image space, `(batch, height, width, channels)`.
            targets: The class to explain: one for all images, one for each, or `None` for the class that the
                model predicts for each. Defaults to `None`.
            forward: A pass over `x` already made by `model.forward(x)`.

        Returns:
            Heatmaps, `(batch, height, width, 1)` float32 at the image's size, divided by each one's maximum, so
            in [0, 1] (signed explainers: in [-1, 1]). A map without any evidence stays zero everywhere. For signals
            `(batch, steps, 1)`, for videos `(batch, frames, height, width, 1)`; the channels are last, also where
            the model takes them first.

        Raises:
            ValueError: Images, targets or layer are not what the model has; nothing was computed then.

        Warns:
            NonFiniteOutputWarning: The model's output is NaN or infinite for some of the images.
            NonFiniteHeatmapWarning: Some of the maps of others are NaN.
            BlankHeatmapWarning: Some are zero everywhere.
        """
        # Inside of a user's own tf.function nothing has a value, so nothing is checked, compiled or warned of.
        if not tf.executing_eagerly():
            return self._traced(model, x, targets, forward, self._explain)
        classifier = as_classifier(model)
        found, finite = self._run(classifier, x, targets, forward, self._explain, "heatmaps")
        warn_of_nan(np.asarray(found), finite, self)
        shape = tuple(np.shape(classifier.images_of(x)))[1:]
        warn_of_blank(np.asarray(found)[finite], self, lambda: self.way_out(classifier, shape))
        return found

    @tf.autograph.experimental.do_not_convert
    def attributions(
        self,
        model: keras.Model | ImageClassifier,
        x: Tensor,
        targets: int | Tensor | None = None,
        *,
        forward: Forward | None = None,
    ) -> Tensor:
        """The raw attributions, neither resized nor normalised.

        Args:
            model: As for calling the explainer.
            x: As for calling the explainer.
            targets: As for calling the explainer.
            forward: As for calling the explainer.

        Returns:
            Attributions, `(batch, h, w, channels)` float32, at the explainer's own size.

        Warns:
            NonFiniteOutputWarning: The model's output is NaN or infinite for some of the images.
        """
        if not tf.executing_eagerly():
            return self._traced(model, x, targets, forward, self._attribute)
        return self._run(model, x, targets, forward, self._attribute, "attributions")[0]

    def _traced(self, model: Any, x: Any, targets: Any, forward: Forward | None, function: Any) -> Tensor:
        classifier = as_classifier(model)
        targets = None if targets is None else traced_labels(targets, classifier.images_of(x))
        return function(classifier, x, targets, forward)

    def _run(
        self, model: Any, x: Any, targets: Any, forward: Forward | None, function: Any, what: str
    ) -> tuple[Tensor, np.ndarray]:
        """What a function of checked data returns, and for which images the model's output is finite."""
        classifier = as_classifier(model)
        with each_once(), cached_structure(classifier.model):
            inputs = classifier.checked(x)
            images = classifier.images_of(inputs)
            # Both raise what is wrong before a long trace, and outside of it, where the stack is the user's.
            self.layers(classifier, images.shape[1:])
            self.check(classifier, images)
            self.check_task(classifier)
            if targets is not None:
                targets = as_array(targets, "`targets`")
                targets = np.broadcast_to(targets, len(images)) if targets.ndim == 0 else targets
                targets = check_labels(targets, len(images), classifier.classes, classifier.binary, "`targets`")
                targets = tf.convert_to_tensor(targets)
            # A pass that was made eagerly has its activations and its tape; what is compiled cannot use either. So it
            # serves explainers that need no more than it, and those with passes of their own are compiled anyway.
            if forward is not None and not self.passes:
                result, finite = function(classifier, inputs, targets, forward), forward.finite
            else:
                most = self.images_at_once(classifier, images) or len(images)
                run = functools.partial(with_finite, function)
                parts = [
                    classifier.compiled((self, what), run, *rows((inputs, targets), start, most))
                    for start in range(0, len(images), most)
                ]
                result, finite = (tf.concat(both, axis=0) for both in zip(*parts, strict=True))
        finite = np.asarray(finite)
        check_count(result, images, self)
        warn_of_output(finite, self)
        # Who gives arrays gets arrays.
        return result if tf.is_tensor(classifier.images_of(x)) else result.numpy(), finite

    def _attribute(
        self, model: ImageClassifier, x: Any, targets: Tensor | None, forward: Forward | None = None
    ) -> Tensor:
        forward = model.forward(x) if forward is None else forward
        targets = forward.strongest if targets is None else targets
        # Heatmap and completeness gap of one evaluation are made of the same attributions.
        found = forward.remember(self, targets, lambda: self.attribute(model, forward.images, targets, forward))
        found = tf.cast(found, tf.float32)
        # As the model takes the images, or with height and width where it takes them as vectors.
        ranks = {forward.images.shape.rank, len(model.map_shape(forward.images.shape))}
        if found.shape.rank not in ranks:
            raise ValueError(
                f"{type(self).__name__}.attribute must return attributions shaped as the images, or (batch, h, w, "
                f"channels) at any size. Received: shape={tuple(found.shape)}"
            )
        return found

    def _explain(
        self, model: ImageClassifier, x: Any, targets: Tensor | None, forward: Forward | None = None
    ) -> Tensor:
        forward = model.forward(x) if forward is None else forward
        found = self._attribute(model, x, targets, forward)
        shape = forward.images.shape
        # Attributions of pixels are laid out as the model's images; those of a layer have their channels last already.
        if found.shape.rank == shape.rank and found.shape.is_compatible_with(shape):
            found = tf.convert_to_tensor(model.to_channels_last(found))
        maps = self.heatmap(found)
        size = model.map_shape(shape)[1:-1]
        # A fully convolutional model is traced once for all sizes; the size is that of the images that come.
        if None in size:
            maps = heatmaps.resize(maps, tf.shape(model.to_channels_last(forward.images))[1:-1])
        elif tuple(maps.shape[1:-1]) != size:
            maps = heatmaps.resize(maps, size)
        return heatmaps.normalize(maps)
