"""The mean of another explainer's attributions over noisy copies of the image."""

from __future__ import annotations

from typing import Self

import tensorflow as tf

from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai.explainers.averaging import mean_over
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.registry import get, register
from keras_advxai.explainers.saliency import Saliency
from keras_advxai.explainers.sizes import images_that_fit
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_number, check_whole_number

_SALIENCY = Saliency()


@register
class SmoothGrad(Explainer):
    """SmoothGrad: another explainer's attributions, averaged over copies of the image with Gaussian noise.

    `mean over i of attributions(x + noise * width * n_i)` with `n_i` drawn from the normal distribution and `width`
    the width of the bounds. The noisy images may leave the bounds, as in the paper. All images of a batch get the same
    noise, so an explanation does not depend on the others in the batch. The copies run in a loop, so the memory does
    not grow with their number.

    Args:
        explainer: The explainer that is smoothed, by name or instance. Its attributions are averaged with their sign,
            and its own way makes a heatmap of the mean. Defaults to `Saliency()`.
        samples: How many noisy copies are made. Defaults to 16.
        noise: The standard deviation of the noise, as a fraction of the bounds' width. Defaults to 0.15.
        seed: Seed of the noise. Defaults to 0.

    Raises:
        TypeError: `explainer` is not an explainer.
        ValueError: `samples` is below 1, or `noise` negative.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> x = np.full((1, 4, 4, 1), 0.5, "float32")
    >>> smooth = kax.explainers.SmoothGrad(samples=4)(net, x)  # a linear model has the same gradient everywhere
    >>> bool(np.allclose(smooth, kax.explainers.Saliency()(net, x), atol=1e-6))
    True

    References:
        Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
    """

    def __init__(
        self,
        *,
        explainer: str | Explainer = _SALIENCY,
        samples: int = 16,
        noise: float = 0.15,
        seed: int = 0,
    ) -> None:
        # `get` would say that of its own argument, whose name the user has not written.
        if not isinstance(explainer, (str, dict, type, Explainer)):
            raise TypeError(
                f"Argument `explainer` must be the name of an explainer, or an explainer. Received: {explainer!r}"
            )
        self.explainer = get(explainer)
        super().__init__(score=self.explainer.score)
        self.samples = check_whole_number("samples", samples, 1)
        self.noise = check_number("noise", noise, 0)
        self.seed = check_whole_number("seed", seed, 0)

    @property
    def signed(self) -> bool:
        """Whether heatmaps show evidence against the class, as negative values."""
        return self.explainer.signed

    def with_score(self, score: Score) -> Self:
        """The same of the smoothed explainer; see `Explainer.with_score`."""
        return type(self)(**{**self.get_config(), "explainer": self.explainer.with_score(score)})

    @property
    def differentiable(self) -> bool:
        """Whether the smoothed explainer is; see `Explainer.differentiable`."""
        return self.explainer.differentiable

    @property
    def passes(self) -> int:
        """Passes forward and backward for one image; see `Explainer.passes`."""
        return self.samples * (1 + self.explainer.passes)

    def images_at_once(self, model: ImageClassifier, images: Tensor) -> int | Tensor:
        """As many as the smoothed explainer takes, and no more than fit; see `Explainer.images_at_once`."""
        own = self.explainer.images_at_once(model, images)
        # A noisy copy of each image is in a pass, and not one of 1024 where fewer are given.
        return min(len(images), int(images_that_fit(images))) if own is None else own

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Whatever the smoothed explainer checks; see `Explainer.check`."""
        self.explainer.check(model, images)

    def layers(self, model: ImageClassifier, shape: Shape = None) -> tuple[str, ...]:
        """The layers of the smoothed explainer; see `Explainer.layers`."""
        return self.explainer.layers(model, shape)

    def heatmap(self, attributions: Tensor) -> Tensor:
        """As the smoothed explainer makes it; see `Explainer.heatmap`."""
        return self.explainer.heatmap(attributions)

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The mean attributions, shaped as those of the smoothed explainer; see `Explainer.attribute`."""

        def draw(index: Tensor) -> Tensor:
            seed = tf.stack([self.seed, index])
            # It depends on the seed, the draw and the shape of one image, so an image gets the same in any batch.
            noise = tf.random.stateless_normal(tf.shape(x)[1:], seed, stddev=self.noise * model.width)
            # A pass of its own for every copy, so that an explainer by a layer finds the copy's activations.
            again = model.forward(model.with_images(forward.inputs, x + noise))
            return tf.cast(self.explainer.attribute(model, again.images, targets, again), tf.float32)

        return mean_over(self.samples, draw)
