"""Integrated Gradients by alibi."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.contrib import engine
from keras_advxai.contrib.network import Network
from keras_advxai.explainers.baselines import Baseline, baselines, check_baseline, check_fits
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.quadrature import check_method
from keras_advxai.explainers.registry import register
from keras_advxai.explainers.sizes import images_that_fit
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.heads import VALUES
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.models.scores import SCORES


@register
class AlibiIntegratedGradients(Explainer):
    """Integrated Gradients as alibi computes them, with the contract of our explainers.

    The same attributions as those of `IntegratedGradients`, more slowly: to compare with. alibi sees a model that takes
    images in image space, so that preprocessing is differentiated through, and gets few images at a time, because
    its memory grows with images times steps. In float32 two implementations of a deep network differ in the
    third digit where gradients nearly cancel; there, neither is the right one.

    It needs the extra `alibi`, `pip install 'keras-advxai[alibi]'`, on Python 3.11 or 3.12.

    Args:
        steps: At how many points of the path the gradient is taken. Defaults to 32.
        baseline: The reference image, in image space: a name, an array or a function; see
            `IntegratedGradients`. Of `"noise"` one image is drawn. Defaults to `"black"`.
        method: How the integral is approximated: `"gausslegendre"`, or one of the Riemann sums `"left"`, `"right"`,
            `"middle"` and `"trapezoid"`. Defaults to `"gausslegendre"`.
        internal_batch_size: How many points go through the model at once, and fewer of images larger than
            228x228x3. Defaults to 32.
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to
            `"logit"`.
        seed: Seed of the noise. Defaults to 0.

    Raises:
        ImportError: alibi is not installed.
        TypeError: `baseline` is something else.
        ValueError: An argument is out of range, or a name unknown.

    References:
        Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017. Klaise et al., "Alibi
        explain: Algorithms for explaining machine learning models", JMLR 2021.
    """

    def __init__(
        self,
        *,
        steps: int = 32,
        baseline: Baseline = "black",
        method: str = "gausslegendre",
        internal_batch_size: int = 32,
        score: Score = "logit",
        seed: int = 0,
    ) -> None:
        # Without the extra, it fails here and not in the middle of an evaluation.
        _integrated_gradients()
        super().__init__(score=score)
        self.steps = check_whole_number("steps", steps, 1)
        self.baseline = check_baseline(baseline)
        self.method = check_method(method, self.steps)
        self.internal_batch_size = check_whole_number("internal_batch_size", internal_batch_size, 1)
        self.seed = check_whole_number("seed", seed, 0)

    @property
    def differentiable(self) -> bool:
        """It computes with NumPy; see `Explainer.differentiable`."""
        return False

    @property
    def passes(self) -> int:
        """Passes forward and backward for one image; see `Explainer.passes`."""
        return self.steps

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise if the baseline does not fit the images; see `Explainer.check`."""
        check_fits(self.baseline, model, images)

    def completeness(
        self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward
    ) -> tuple[Tensor, Tensor]:
        """The completeness gap and the change of the score, both `(batch,)`; see `Explainer.completeness`."""
        found = forward.remember(self, targets, lambda: self.attribute(model, x, targets, forward))
        start = model.forward(model.with_images(forward.inputs, self._baselines(model, x)))
        change = forward.score(targets, self.score) - start.score(targets, self.score)
        return tf.abs(tf.reduce_sum(found, axis=range(1, found.shape.rank)) - change), change

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The signed attributions, shaped as the images; see `Explainer.attribute`."""
        # Raises while it is traced, with the layer that stops the gradient, and not in the graph that runs later.
        forward.gradient(SCORES[self.score], targets)
        baseline = self._baselines(model, x)
        found = engine.run(model, self, lambda: _Explanation(self, forward), forward.inputs, targets, baseline)
        return tf.ensure_shape(found, x.shape)

    def _baselines(self, model: ImageClassifier, x: Tensor) -> Tensor:
        return tf.broadcast_to(baselines(self.baseline, model, x, tf.constant([self.seed, 0])), tf.shape(x))


class _Explanation:
    """An explainer of alibi and the stand-in that it was made for.

    Args:
        explainer: The configuration.
        forward: A pass over images like those that will be explained. It is not kept.
    """

    def __init__(self, explainer: AlibiIntegratedGradients, forward: Forward) -> None:
        # alibi makes the points of all paths at once, before it puts them through the model in batches: at 32 steps,
        # 100 images of 224x224x3 would take 2 GB. So it gets as many images as have their points in one batch.
        # And of large images few at once: 32 points of 2000x2000x3 are 1.5 GB before the first layer.
        images = forward.images
        most = explainer.internal_batch_size
        points = most if None in images.shape[1:] else min(most, int(images_that_fit(images)))
        self._at_once = max(1, points // explainer.steps)
        self._network = Network(forward, VALUES[explainer.score])
        self._engine = _integrated_gradients()(
            self._network.model,
            method=explainer.method,
            n_steps=explainer.steps,
            internal_batch_size=points,
        )

    def __call__(self, inputs: Any, targets: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        """Attributions, shaped as the images."""
        found = []
        for start in range(0, len(targets), self._at_once):
            some = slice(start, start + self._at_once)
            with self._network.running(engine.rows(inputs, some)) as images:
                explanation = self._engine.explain(images, baselines=baseline[some], target=targets[some])
            found.append(explanation.attributions[0])
        return np.concatenate(found)


def _integrated_gradients() -> Any:
    """The class of alibi.

    Raises:
        ImportError: alibi is not installed.
    """
    try:
        # alibi 0.9.6 and the spaCy that it imports warn of their own syntax and dependencies, not of what they do.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", SyntaxWarning)
            from alibi.explainers import IntegratedGradients
    except ImportError as error:
        raise ImportError(
            "AlibiIntegratedGradients needs alibi, which runs on Python below 3.13: pip install 'keras-advxai[alibi]'. "
            "kax.explainers.IntegratedGradients() computes the same without it."
        ) from error
    return IntegratedGradients
