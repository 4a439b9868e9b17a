"""Gradient-weighted class activation mapping."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.forward import SCORES


@keras.saving.register_keras_serializable(package="keras_advxai")
class GradCAM(Explainer):
    """Grad-CAM: a layer's activations, weighted by how much the class gains from each channel.

    `relu(sum over channels of activation_k * mean over positions of d score / d activation_k)`. The heatmap
    costs one pass and the few layers behind the explained one.

    Args:
        layer: The name of a layer with a spatial output, or its path (`"backbone/conv1"`). Defaults to the one
            that the model pools or flattens last; `ImageClassifier.layers()` lists all.
        score: What is differentiated: `"logit"` or `"probability"`. Defaults to `"logit"`.
        relu: Whether evidence against the class is cut off. Without it, attributions are signed and heatmaps
            in [-1, 1]. Defaults to `True`.

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

    cheap = True

    def __init__(self, *, layer: str | None = None, score: Score = "logit", relu: bool = True) -> None:
        super().__init__(score=score)
        if layer is not None and not isinstance(layer, str):
            raise TypeError(f"Argument `layer` must be the name or path of a layer. Received: layer={layer!r}")
        self.layer = layer
        self.relu = bool(relu)

    @property
    def signed(self) -> bool:
        """Whether heatmaps tell evidence against the class (negative) from evidence for it."""
        return not self.relu

    def layers(self, model: ImageClassifier, shape: Sequence[int | None] | None = None) -> tuple[str, ...]:
        """The path of the explained layer; see `Explainer.layers`."""
        return (model.layer_path(self.layer, shape),)

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The map at the layer's own size, `(batch, h, w, 1)`; see `Explainer.attribute`."""
        (layer,) = self.layers(model, x.shape[1:])
        activation = tf.cast(forward.activation(layer), tf.float32)
        gradient = tf.cast(forward.gradient(SCORES[self.score], targets, wrt=layer), tf.float32)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        maps = tf.reduce_sum(activation * weights, axis=-1, keepdims=True)
        return tf.nn.relu(maps) if self.relu else maps
