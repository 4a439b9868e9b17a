"""The base of the explainers that weight a layer's activations."""

from __future__ import annotations

import abc

import tensorflow as tf

from keras_advxai._typing import Shape, Tensor
from keras_advxai.explainers.layer_explainer import LayerExplainer
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.scores import SCORES


class ClassActivationMap(LayerExplainer):
    """A weighted sum of a layer's activations over its channels. A subclass writes `weights`.

    The heatmap costs one pass and the few layers after the explained one.

    The arguments and errors are those of `LayerExplainer`.

    Example:

    A map of your own, XGrad-CAM, which is found at any layer as Grad-CAM is:

    >>> import keras, numpy as np, tensorflow as tf
    >>> import keras_advxai as kax
    >>> class XGradCAM(kax.explainers.ClassActivationMap):
    ...     def weights(self, activation, gradient):
    ...         total = tf.reduce_sum(activation, axis=[1, 2], keepdims=True)
    ...         return tf.reduce_sum(tf.math.divide_no_nan(gradient * activation, total), axis=[1, 2], keepdims=True)
    >>> net = keras.Sequential([
    ...     keras.layers.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2),
    ... ])
    >>> x = np.random.default_rng(0).random((1, 8, 8, 1), dtype="float32")
    >>> maps, same = XGradCAM(relu=False)(net, x), kax.explainers.GradCAM(relu=False)(net, x)
    >>> bool(np.allclose(maps, same, atol=1e-5))  # before a mean over positions
    True
    """

    def is_cheap(self, model: ImageClassifier, shape: Shape = None) -> bool:
        """Whether only the head lies after the explained layer; see `Explainer.is_cheap`."""
        # In front of the default layer lies nearly the whole model, behind it a pooling and a dense layer. For a layer
        # further down, another target means another pass backward through what lies between.
        default = model.layers(shape).default
        return default is not None and self.layers(model, shape) == (default.name,)

    def way_out(self, model: ImageClassifier, shape: Shape = None) -> str:
        """Other scores, where the logit's map is blank and theirs may not be; see `Explainer.way_out`."""
        if self.score != "logit":
            return ""
        # What raises all logits alike has no part in a prediction, and may outweigh the evidence for one class.
        first, *others = model.comparing_scores(shape) or ("",)
        also = "".join(f", nor does score={score!r}" for score in others)
        return first and (
            f"The logit counts what is evidence against all classes alike: score={first!r} does not{also}."
        )

    @abc.abstractmethod
    def weights(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """What each activation is multiplied with before the channels are summed.

        Args:
            activation: The layer's output, `(batch, h, w, channels)` float32.
            gradient: The derivative of the score with respect to it, of the same shape.

        Returns:
            Weights of the same shape, or `(batch, 1, 1, channels)` where all positions have the same.
        """

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The map at the layer's own size, `(batch, h, w, 1)`; see `Explainer.attribute`."""
        (layer,) = self.layers(model, x.shape[1:])
        lacking = model.topology(x.shape[1:]).locate(layer).lacking
        # In float32 also under mixed precision: a sum over 2048 channels may overflow float16, whose largest is 65504.
        activation = tf.cast(self.as_map(forward.activation(layer), lacking, x.shape[1:-1]), tf.float32)
        # A transform moves values and mixes none, so the gradient is laid out as the activation is.
        gradient = forward.gradient(SCORES[self.score], targets, wrt=layer)
        gradient = tf.cast(self.as_map(gradient, lacking, x.shape[1:-1]), tf.float32)
        maps = tf.reduce_sum(activation * self.weights(activation, gradient), axis=-1, keepdims=True)
        return tf.nn.relu(maps) if self.relu else maps
