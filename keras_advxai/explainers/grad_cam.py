"""Gradient-weighted class activation mapping."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.registry import register


@register
class GradCAM(ClassActivationMap):
    """Grad-CAM: a layer's activations, weighted by how much the class gains from each channel.

    `relu(sum over channels of activation_k * mean over positions of d score / d activation_k)`. The heatmap
    costs one pass and the few layers after the explained one.

    Args:
        layer: The name of a layer with a spatial output, its path (`"backbone/conv1"`), or the layer itself, which
            is saved by its name. Defaults to the one that the model pools or flattens last; `keras_advxai.layers`
            lists all.
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to
            `"logit"`.
        relu: Whether evidence against the class is cut off. Without it, attributions are signed and heatmaps
            in [-1, 1]. Defaults to `True`.
        reshape_transform: For a `layer` that does not return a map, what makes one of its output: `"tokens"` for a
            vision transformer's `(batch, tokens, channels)` (class tokens first, then patches row by row, in the
            proportions of the image), or a function to `(batch, height, width, channels)`. (To save a function with the
            explainer, register it with `keras.saving.register_keras_serializable`.) Defaults to `None`.

    Raises:
        TypeError: `layer` or `reshape_transform` is something else.
        ValueError: `reshape_transform` comes without a `layer`, or under an unknown name.

    Example:

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((4, 4, 1)),
    ...     keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="conv"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1.0, 2.0]])),
    ... ])
    >>> x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1) / 15
    >>> maps = kax.explainers.GradCAM()(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based
        localization", ICCV 2017.
    """

    def weights(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """The mean of the gradient over all positions; see `ClassActivationMap.weights`."""
        # Every axis between batch and channels: one for signals, three for videos.
        return tf.reduce_mean(gradient, axis=range(1, gradient.shape.rank - 1), keepdims=True)
