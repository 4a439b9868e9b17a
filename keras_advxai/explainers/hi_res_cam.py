"""HiResCAM."""

from __future__ import annotations

from keras_advxai._typing import Tensor
from keras_advxai.explainers.class_activation_map import ClassActivationMap
from keras_advxai.explainers.registry import register


@register
class HiResCAM(ClassActivationMap):
    """HiResCAM: each activation times its own gradient, so that nothing is shown that the model did not use.

    `relu(sum over channels of activation_k * d score / d activation_k)`, position by position. Where the layer is
    followed by a mean over positions and one linear layer, it equals Grad-CAM.

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
    >>> maps = kax.explainers.HiResCAM()(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
        networks", 2020.
    """

    def weights(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """The gradient as it is; see `ClassActivationMap.weights`."""
        return gradient
