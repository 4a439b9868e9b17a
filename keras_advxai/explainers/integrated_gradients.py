"""Integrated Gradients."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.explainers.averaging import mean_over
from keras_advxai.explainers.baselines import Baseline, baselines, check_baseline, check_fits
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.path import attributions_along
from keras_advxai.explainers.quadrature import check_method, quadrature
from keras_advxai.explainers.registry import register
from keras_advxai.explainers.sizes import images_that_fit
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag, check_whole_number
from keras_advxai.models.scores import SCORES

_DRAWS = 4


@register
class IntegratedGradients(Explainer):
    """Integrated Gradients: what each pixel contributes to the score, compared with a baseline.

    `(x - baseline) * integral from 0 to 1 of d score / d x at baseline + t * (x - baseline)`. The attributions have a
    sign and the images' shape, and add up to `score(x) - score(baseline)`, but for the error of the sum that stands
    for the integral, which `completeness_gap` measures. The heatmap is the sum of their absolute values over the
    channels.

    The points on the path run through the model in batches of a bounded size, so that the memory grows neither
    with the number of steps nor with the number of images.

    Args:
        steps: At how many points of the path the gradient is taken. Defaults to 32.
        baseline: The reference image, in image space: `"black"`, `"white"` or `"gray"`, the
            lower bound, the upper bound and their middle; `"mean"`, each image's own mean colour; `"blur"`, each image
            under a wide Gaussian; `"noise"`, uniform noise between the bounds, with the attributions averaged over
            `draws` of it; an array of the shape of one image; or a function from images to baselines, made of
            differentiable TensorFlow or Keras operations, whose result is clipped to the bounds (a named function: each
            new lambda is compiled anew, and cannot be saved safely). Defaults to `"black"`.
        method: How the integral is approximated: `"gausslegendre"`, or one of the Riemann sums `"left"`, `"right"`,
            `"middle"` and `"trapezoid"`. Defaults to `"gausslegendre"`.
        internal_batch_size: How many points go through the model at once. It changes memory and time, not the
            result. Defaults to `None`: about as many as a CPU is quickest with, 33 images of 224x224x3, 1024 small
            ones and a single one from 913x913x3 on.
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. The
            attributions add up to the change of this score. Defaults to `"logit"`.
        draws: How many noise baselines are drawn, each of which costs `steps` passes. Only for `baseline="noise"`.
            Defaults to 4.
        seed: Seed of the noise. Defaults to 0.

    Raises:
        TypeError: `baseline` is something else.
        ValueError: An argument is out of range, or a name unknown.

    Example:

    A model with the single logit `2 * a - b`, explained at (0.5, 1):

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((1, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[2.0, 0.0], [-1.0, 0.0]])),
    ... ])
    >>> x = np.array([0.5, 1.0], "float32").reshape(1, 1, 2, 1)
    >>> explainer = kax.explainers.IntegratedGradients()
    >>> explainer.attributions(net, x, targets=0).ravel().round(4).tolist()
    [1.0, -1.0]
    >>> explainer(net, x, targets=0).ravel().round(4).tolist()
    [1.0, 1.0]
    >>> bool(explainer.completeness_gap(net, x, targets=0) < 1e-5)
    True

    References:
        Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017. Baselines: Sturmfels, Lundberg
        and Lee, "Visualizing the impact of feature attribution baselines", Distill 2020.
    """

    _unnamed = ("seed", "internal_batch_size")

    def __init__(
        self,
        *,
        steps: int = 32,
        baseline: Baseline = "black",
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        score: Score = "logit",
        draws: int = _DRAWS,
        seed: int = 0,
    ) -> None:
        super().__init__(score=score)
        self.steps = check_whole_number("steps", steps, 1)
        self.baseline = check_baseline(baseline)
        self.method = check_method(method, self.steps)
        self.internal_batch_size = internal_batch_size
        if internal_batch_size is not None:
            self.internal_batch_size = check_whole_number("internal_batch_size", internal_batch_size, 1)
        self.draws = check_whole_number("draws", draws, 1)
        if self.draws != _DRAWS and not self._is_noise:
            raise ValueError(
                "Argument `draws` belongs to baseline='noise'; other baselines are not drawn. "
                f"Received: draws={draws} with baseline={baseline!r}"
            )
        self.seed = check_whole_number("seed", seed, 0)

    @property
    def passes(self) -> int:
        """Passes forward and backward for one image; see `Explainer.passes`."""
        return self.steps * self._draws

    @property
    def _is_noise(self) -> bool:
        return isinstance(self.baseline, str) and self.baseline == "noise"

    @property
    def _draws(self) -> int:
        return self.draws if self._is_noise else 1

    def images_at_once(self, model: ImageClassifier, images: Tensor) -> int | Tensor:
        """As many as points on the paths; see `Explainer.images_at_once`."""
        return self.internal_batch_size or images_that_fit(images)

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise if the baseline does not fit the images; see `Explainer.check`."""
        check_fits(self.baseline, model, images)

    def completeness_gap(
        self,
        model: keras.Model | ImageClassifier,
        x: Tensor,
        targets: int | Tensor | None = None,
        *,
        relative: bool = False,
    ) -> Tensor:
        """How far the attributions are from adding up to what they explain, for each image.

        `|sum of attributions - (score(x) - score(baseline))|`. More steps make it smaller, though not always.

        Args:
            model: As for calling the explainer.
            x: As for calling the explainer.
            targets: As for calling the explainer.
            relative: Whether to divide it by `|score(x) - score(baseline)|`. Defaults to `False`.

        Returns:
            The gaps, `(batch,)` float32, in units of the score, or as a fraction of its change: 0 where there is
            neither, as in a model whose score does not depend on the image.

        Raises:
            TypeError: `relative` is not `True` or `False`.
        """
        check_flag("relative", relative)

        def gap(classifier: ImageClassifier, inputs: Any, labels: Tensor | None, forward: Forward | None = None) -> Any:
            forward = classifier.forward(inputs) if forward is None else forward
            labels = forward.strongest if labels is None else labels
            gaps, change = self.completeness(classifier, forward.images, labels, forward)
            # Where neither changes, as in a model whose score does not depend on the image, 0 / 0 would be NaN.
            return tf.where(gaps == 0, 0.0, gaps / tf.abs(change)) if relative else gaps

        if not tf.executing_eagerly():
            return self._traced(model, x, targets, None, gap)
        return self._run(model, x, targets, None, gap, f"completeness gap, relative={relative}")[0]

    @tf.autograph.experimental.do_not_convert
    def completeness(
        self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward
    ) -> tuple[Tensor, Tensor]:
        """The completeness gap and the change of the score, both `(batch,)`; see `Explainer.completeness`."""
        found = forward.remember(self, targets, lambda: self.attribute(model, x, targets, forward))
        total = tf.reduce_sum(found, axis=range(1, found.shape.rank))
        change = forward.score(targets, self.score) - self._baseline_score(model, x, targets, forward)
        return tf.abs(total - change), change

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The signed attributions, shaped as the images; see `Explainer.attribute`."""
        nodes, weights = quadrature(self.method, self.steps)
        at_once = self.images_at_once(model, x)

        def draw(index: Tensor) -> Tensor:
            baseline = self._baselines(model, x, index)
            return attributions_along(
                model, forward.inputs, x, baseline, targets, SCORES[self.score], nodes, weights, at_once
            )

        return mean_over(self._draws, draw)

    def _baselines(self, model: ImageClassifier, x: Tensor, draw: Tensor) -> Tensor:
        # SmoothGrad draws from (seed, 0), (seed, 1), ...: around this explainer, both noises would be made of one draw.
        return baselines(self.baseline, model, x, tf.stack([self.seed, -1 - draw]))

    def _baseline_score(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The score of the targets at the baseline, `(batch,)`, the mean over the draws."""

        def draw(index: Tensor) -> Tensor:
            baseline = tf.broadcast_to(self._baselines(model, x, index), tf.shape(x))
            return model.forward(model.with_images(forward.inputs, baseline)).score(targets, self.score)

        return mean_over(self._draws, draw)
