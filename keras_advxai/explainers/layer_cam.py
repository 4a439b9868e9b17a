"""LayerCAM."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.registry import register


@register
class LayerCAM(ClassActivationMap):
    """LayerCAM: each activation times the positive part of its own gradient; sharp also at early layers.

    `relu(sum over channels of activation_k * relu(d score / d activation_k))`, position by position.

    Args:
        layer: Which layer; see `ClassActivationMap`. Defaults to the one that the model pools or flattens last.
        score: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to `"logit"`.
        relu: Whether evidence against the class is cut off. Defaults to `True`.
        reshape_transform: What makes a map of the output of `layer`, for transformers; see `ClassActivationMap`.
            Defaults to `None`.

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
    >>> maps = kax.explainers.LayerCAM()(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Jiang et al., "LayerCAM: Exploring hierarchical class activation maps for localization", IEEE Transactions on
        Image Processing 2021.
    """

    def weights(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """The positive part of the gradient; see `ClassActivationMap.weights`."""
        return tf.nn.relu(gradient)
