"""The gradient itself, as a map of the image."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.explainers.registry import register
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.scores import SCORES


@register
class Saliency(Explainer):
    """Saliency: how strongly the score of the class reacts to each pixel.

    The attributions are the signed gradient `d score / d x` in image space, `(batch, height, width, channels)`; the
    heatmap is the largest of their absolute values over the channels. It shows where a small change has an effect, not
    what the score is made of; for that, see `IntegratedGradients`.

    Args:
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to
            `"logit"`.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((1, 2, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[4.0, 0.0], [-1.0, 0.0]])),
    ... ])
    >>> x = np.zeros((1, 1, 2, 1), "float32")
    >>> kax.explainers.Saliency().attributions(net, x, targets=0).ravel().tolist()
    [4.0, -1.0]
    >>> kax.explainers.Saliency()(net, x, targets=0).ravel().tolist()
    [1.0, 0.25]

    References:
        Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks: Visualising image classification
        models and saliency maps", ICLR workshops 2014.
    """

    def heatmap(self, attributions: Tensor) -> Tensor:
        """The largest absolute value over the channels; see `Explainer.heatmap`."""
        return tf.reduce_max(tf.abs(attributions), axis=-1, keepdims=True)

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The gradient of the score, shaped as the images; see `Explainer.attribute`."""
        # A score that does not depend on the image has a gradient, and it is 0: the heatmap is blank, not an error.
        return forward.gradient(SCORES[self.score], targets, or_zero=True)
