"""Integrated Gradients."""

from __future__ import annotations

from typing import Any, Literal, cast

import keras
import tensorflow as tf

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Score, Tensor
from keras_advxai.explainers.averaging import mean_over
from keras_advxai.explainers.baselines import Baseline, baselines, check_baseline, check_fits
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.nested_path import attributions_until
from keras_advxai.explainers.path import attributions_along
from keras_advxai.explainers.quadrature import FEWEST, check_method, nested, quadrature
from keras_advxai.explainers.registry import register
from keras_advxai.explainers.sizes import images_that_fit
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_flag, check_number, check_whole_number
from keras_advxai.models.scores import SCORES

_DRAWS, _METHOD, _TOLERANCE, _MAX_STEPS = 4, "gausslegendre", 0.01, 511
_MOST = 2**14 - 1
"""The largest `max_steps`, whose rules take 1.5 MB of the graph."""
_OF_AUTO = {"tolerance": _TOLERANCE, "max_steps": _MAX_STEPS}
_GUESSED = 63
"""How many steps images are reckoned to take where each has its own number, before that is known."""


@register
class IntegratedGradients(Explainer):
    """Integrated Gradients: what each pixel contributes to the score, compared with a baseline.

    `(x - baseline) * integral from 0 to 1 of d score / d x at baseline + t * (x - baseline)`. The attributions have a
    sign and the images' shape, and add up to `score(x) - score(baseline)`, but for the error of the sum that stands
    for the integral, which `completeness_gap` measures. The heatmap is the sum of their absolute values over the
    channels.

    With `steps="auto"` each image has as many points as it needs: nested rules with 7, 15, 19, 23, 31, 47, ... points,
    of which each takes over the gradients of the one before, are tried until the completeness gap is within the
    tolerance.

    The points on the path run through the model in batches of a bounded size, so that the memory grows neither
    with the number of steps nor with the number of images.

    Args:
        steps: At how many points of the path the gradient is taken; `"auto"` for as many as each image needs. Defaults
            to 32.
        baseline: The reference image, in image space: `"black"`, `"white"` or `"gray"`, the
            lower bound, the upper bound and their middle; `"mean"`, each image's own mean colour; `"blur"`, each image
            under a wide Gaussian; `"noise"`, uniform noise between the bounds, with the attributions averaged over
            `draws` of it; an array of the shape of one image; or a function from images to baselines, made of
            differentiable TensorFlow or Keras operations, whose result is clipped to the bounds (a named function: each
            new lambda is compiled anew, and cannot be saved safely). Defaults to `"black"`.
        method: How the integral is approximated: `"gausslegendre"`, or one of the Riemann sums `"left"`, `"right"`,
            `"middle"` and `"trapezoid"`. Only for a number of `steps`. Defaults to
            `"gausslegendre"`.
        internal_batch_size: How many points go through the model at once. It changes memory and time, not the
            result. Defaults to `None`: about as many as a CPU is quickest with, 33 images of 224x224x3, 1024 small
            ones and a single one from 913x913x3 on.
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. The
            attributions add up to the change of this score. Defaults to `"logit"`.
        draws: How many noise baselines are drawn, each of which costs `steps` passes. Only for `baseline="noise"`.
            Defaults to 4.
        seed: Seed of the noise. Defaults to 0.
        tolerance: With `steps="auto"`, the completeness gap at which an image is done, as a part of the change of the
            score. Defaults to 0.01.
        max_steps: With `steps="auto"`, how many points a path has at most, from 7 to 16383: the last rule is the
            largest one within it. Images whose gap is larger by then, as those whose score hardly changes, keep it.
            Defaults to 511.

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
        steps: int | Literal["auto"] = 32,
        baseline: Baseline = "black",
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        score: Score = "logit",
        draws: int = _DRAWS,
        seed: int = 0,
        tolerance: float = _TOLERANCE,
        max_steps: int = _MAX_STEPS,
    ) -> None:
        super().__init__(score=score)
        self._is_auto = is_one_of(steps, ("auto",))
        self.steps = steps if self._is_auto else check_whole_number("steps", cast(int, steps), 1)
        self.baseline = check_baseline(baseline)
        self.method = check_method(method, FEWEST if self._is_auto else cast(int, steps))
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
        self.tolerance = check_number("tolerance", tolerance, 0)
        self.max_steps = check_whole_number("max_steps", max_steps, FEWEST)
        if self.max_steps > _MOST:
            raise ValueError(f"Argument `max_steps` must be at most {_MOST}. Received: max_steps={max_steps}")
        own, others = ("auto", {"method": _METHOD}) if self._is_auto else ("a number", _OF_AUTO)
        for name, default in others.items():
            if getattr(self, name) != default:
                raise ValueError(
                    f"Argument `{name}` has no effect where `steps` is {own}. "
                    f"Received: {name}={getattr(self, name)!r} with steps={steps!r}"
                )

    def get_config(self) -> dict[str, Any]:
        """The hyperparameters, without those that have no effect; see `Configuration.get_config`."""
        left_out = () if self._is_auto else _OF_AUTO
        # So a configuration with a number of steps is what it was before there were others, in files, too.
        return {name: value for name, value in super().get_config().items() if name not in left_out}

    @property
    def passes(self) -> int:
        """Passes forward and backward for one image; see `Explainer.passes`."""
        return (_GUESSED if self._is_auto else cast(int, self.steps)) * self._draws

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

    def steps_used(
        self, model: keras.Model | ImageClassifier, x: Tensor, targets: int | Tensor | None = None
    ) -> Tensor:
        """How many gradients each image took, of all draws together, `(batch,)` int32.

        Args:
            model: As for calling the explainer.
            x: As for calling the explainer.
            targets: As for calling the explainer.

        Example:

        >>> import keras, numpy as np
        >>> import keras_advxai as kax
        >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        >>> x = np.full((3, 4, 4, 1), 0.5, "float32")  # a linear model has the same gradient all along a path
        >>> kax.explainers.IntegratedGradients(steps="auto").steps_used(net, x).tolist()
        [7, 7, 7]
        """

        def used(
            classifier: ImageClassifier, inputs: Any, labels: Tensor | None, forward: Forward | None = None
        ) -> Any:
            forward = classifier.forward(inputs) if forward is None else forward
            labels = forward.strongest if labels is None else labels
            taken = self.steps_taken(classifier, forward.images, labels, forward)
            return tf.fill(tf.shape(labels), self.passes) if taken is None else taken

        if not tf.executing_eagerly():
            return self._traced(model, x, targets, None, used)
        return self._run(model, x, targets, None, used, "steps used")[0]

    @tf.autograph.experimental.do_not_convert
    def steps_taken(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor | None:
        """The gradients that each image took, where each has its own number; see `Explainer.steps_taken`."""
        return self._until(model, x, targets, forward)[1] if self._is_auto else None

    @tf.autograph.experimental.do_not_convert
    def completeness(
        self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward
    ) -> tuple[Tensor, Tensor]:
        """The completeness gap and the change of the score, both `(batch,)`; see `Explainer.completeness`."""
        if self._is_auto:
            found, _, change = self._until(model, x, targets, forward)
            return tf.abs(tf.reduce_sum(found, axis=range(1, found.shape.rank)) - change), change
        found = forward.remember(self, targets, lambda: self.attribute(model, x, targets, forward))
        total = tf.reduce_sum(found, axis=range(1, found.shape.rank))
        change = forward.score(targets, self.score) - self._baseline_score(model, x, targets, forward)
        return tf.abs(total - change), change

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The signed attributions, shaped as the images; see `Explainer.attribute`."""
        if self._is_auto:
            return self._until(model, x, targets, forward)[0]
        nodes, weights = quadrature(self.method, cast(int, self.steps))
        at_once = self.images_at_once(model, x)

        def draw(index: Tensor) -> Tensor:
            baseline = self._baselines(model, x, index)
            return attributions_along(
                model, forward.inputs, x, baseline, targets, SCORES[self.score], nodes, weights, at_once
            )

        return mean_over(self._draws, draw)

    def _until(
        self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The attributions with `steps="auto"`, their number of steps and the change of the score, found once."""
        rules, at_once = nested(self.max_steps), self.images_at_once(model, x)

        def draw(index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            baseline = self._baselines(model, x, index)
            change = forward.score(targets, self.score) - self._score_at(model, baseline, x, targets, forward)
            found, steps = attributions_until(
                model,
                forward.inputs,
                x,
                baseline,
                targets,
                SCORES[self.score],
                rules,
                self.tolerance,
                change,
                at_once,
            )
            return found, tf.cast(steps, tf.float32), change

        def build() -> tuple[Tensor, Tensor, Tensor]:
            found, steps, change = mean_over(self._draws, draw)
            return found, tf.cast(tf.round(steps * self._draws), tf.int32), change

        return forward.remember((self, "until"), targets, build)

    def _baselines(self, model: ImageClassifier, x: Tensor, draw: Tensor) -> Tensor:
        # SmoothGrad draws from (seed, 0), (seed, 1), ...: around this explainer, both noises would be made of one draw.
        return baselines(self.baseline, model, x, tf.stack([self.seed, -1 - draw]))

    def _baseline_score(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The score of the targets at the baseline, `(batch,)`, the mean over the draws."""

        def draw(index: Tensor) -> Tensor:
            return self._score_at(model, self._baselines(model, x, index), x, targets, forward)

        return mean_over(self._draws, draw)

    def _score_at(
        self, model: ImageClassifier, baseline: Tensor, x: Tensor, targets: Tensor, forward: Forward
    ) -> Tensor:
        """The score of the targets at a baseline, `(batch,)`."""
        baseline = tf.broadcast_to(baseline, tf.shape(x))
        return model.forward(model.with_images(forward.inputs, baseline)).score(targets, self.score)
