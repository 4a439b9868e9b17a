"""Grad-CAM++."""

from __future__ import annotations

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.registry import register


@register
class GradCAMPlusPlus(ClassActivationMap):
    """Grad-CAM++: channels are weighted by positive gradients, so that several objects of a class are all found.

    `relu(sum over channels of w_k * activation_k)` with `w_k = sum over positions of alpha_k * relu(gradient_k)` and
    `alpha_k = gradient_k^2 / (2 gradient_k^2 + gradient_k^3 * sum over positions of activation_k)`, for the
    exponential of the score, whose own derivative divides out when the map is divided by its maximum. `alpha_k` is
    computed as `1 / (2 + gradient_k * sum)`, which does not underflow. (tf-keras-vis and the authors' code divide each
    channel's `alpha_k` by its sum as well, which the paper's formula does not.)

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
    >>> maps = kax.explainers.GradCAMPlusPlus()(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Chattopadhay et al., "Grad-CAM++: Generalized gradient-based visual explanations for deep convolutional
        networks", WACV 2018.
    """

    def weights(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Positive gradients, weighted by position and summed; see `ClassActivationMap.weights`."""
        positions = range(1, gradient.shape.rank - 1)
        total = tf.reduce_sum(activation, axis=positions, keepdims=True)
        # The formula's quotient, divided by gradient^2, which underflows in float32 for gradients below 1e-19, such as
        # those of a probability of nearly 1. Where `2 + gradient * total` is 0, the position gets no weight.
        alpha = tf.math.divide_no_nan(1.0, 2 + gradient * total)
        return tf.reduce_sum(alpha * tf.nn.relu(gradient), axis=positions, keepdims=True)
