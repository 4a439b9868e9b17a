"""The base of the explainers that weight a layer's activations."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeAlias

import keras
import tensorflow as tf

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.models import Forward, ImageClassifier, LayerReference, as_classifier
from keras_advxai.models.inputs import check_flag
from keras_advxai.models.scores import SCORES
from keras_advxai.ops.tokens import token_map

ReshapeTransform: TypeAlias = Literal["tokens"] | Callable[[Tensor], Tensor] | None


class ClassActivationMap(Explainer):
    """A weighted sum of a layer's activations over its channels. A subclass writes `weights`.

    The heatmap costs one pass and the few layers after the explained one.

    Args:
        layer: The name of a layer with a spatial output, its path (`"backbone/conv1"`), or the layer itself, which
            is saved by its name. Defaults to the one that the model pools or flattens last; `keras_advxai.list_layers`
            lists all.
        score: What is differentiated: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to
            `"logit"`.
        relu: Whether evidence against the class is cut off. Without it, attributions are signed and heatmaps
            in [-1, 1]. Defaults to `True`.
        reshape_transform: For a `layer` that does not return a feature map, what converts its output to one: `"tokens"`
            for a vision transformer's `(batch, tokens, channels)`, laid out as a square without the class token, or a
            function to `(batch, height, width, channels)`. (To save a function with the explainer, register it with
            `keras.saving.register_keras_serializable`.) Defaults to `None`.

    Raises:
        TypeError: `layer` or `reshape_transform` is something else.
        ValueError: `reshape_transform` comes without a `layer`, or under an unknown name.

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

    def __init__(
        self,
        *,
        layer: str | keras.Operation | None = None,
        score: Score = "logit",
        relu: bool = True,
        reshape_transform: ReshapeTransform = None,
    ) -> None:
        super().__init__(score=score)
        # Two layers of nested models may have one name, so a layer that is passed itself is looked for by identity.
        if isinstance(layer, keras.Operation):
            layer = LayerReference(layer)
        if layer is not None and not isinstance(layer, str):
            raise TypeError(
                f"Argument `layer` must be the name or path of a layer, or the layer. Received: layer={layer!r}"
            )
        if reshape_transform is not None and not (
            callable(reshape_transform) or is_one_of(reshape_transform, ("tokens",))
        ):
            raise TypeError(
                "Argument `reshape_transform` must be 'tokens' or a function of what the layer returns. "
                f"Received: reshape_transform={reshape_transform!r}"
            )
        if reshape_transform is not None and layer is None:
            raise ValueError(
                "Argument `reshape_transform` has no effect without a layer. Name it as `layer`. Received: layer=None"
            )
        self.layer = layer
        self.relu = check_flag("relu", relu)
        self.reshape_transform = reshape_transform

    @classmethod
    def every_layer(
        cls, model: keras.Model | ImageClassifier, kind: Literal["conv", "all"] = "conv", **settings: Any
    ) -> list[Self]:
        """One explainer for every layer of a model, in execution order.

        An evaluation of all of them takes one forward and one backward pass for the gradients, not one for each
        layer.

        Args:
            model: The model.
            kind: `"conv"` for the convolutions, `"all"` for every layer with a spatial output of its own. Defaults to
                `"conv"`. With a `reshape_transform`, every layer that returns tokens.
            **settings: What else the explainers are built with, such as `score="probability"`.

        Raises:
            ValueError: `kind` is something else, or the model has no such layer.

        Example:

        >>> import keras
        >>> import keras_advxai as kax
        >>> net = keras.Sequential([
        ...     keras.layers.Input((16, 16, 1)),
        ...     keras.layers.Conv2D(2, 3, name="conv1"),
        ...     keras.layers.MaxPooling2D(name="pool"),
        ...     keras.layers.Conv2D(2, 3, name="conv2"),
        ...     keras.layers.Flatten(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> [explainer.layer for explainer in kax.explainers.GradCAM.every_layer(net)]
        ['conv1', 'conv2']
        """
        if not is_one_of(kind, ("conv", "all")):
            raise ValueError(f"Argument `kind` must be 'conv' or 'all'. Received: kind={kind!r}")
        found = as_classifier(model).topology()
        names = [info.name for info in found.layers.of_kind(kind)]
        if settings.get("reshape_transform") is not None:
            names = list(found.tokens)
        if not names:
            raise ValueError(
                f"The model has no {'convolution' if kind == 'conv' else 'layer'} with a spatial output between its "
                f"images and its classes. Received: kind={kind!r}"
            )
        return [cls(layer=name, **settings) for name in names]

    @property
    def signed(self) -> bool:
        """Whether heatmaps show evidence against the class, as negative values."""
        return not self.relu

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

    def layers(self, model: ImageClassifier, shape: Shape = None) -> tuple[str, ...]:
        """The path of the explained layer; see `Explainer.layers`."""
        return (model.layer_path(self.layer, shape, spatial=self.reshape_transform is None),)

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
        activation = tf.cast(self._as_map(forward.activation(layer), lacking), tf.float32)
        # A transform moves values and mixes none, so the gradient is laid out as the activation is.
        gradient = forward.gradient(SCORES[self.score], targets, wrt=layer)
        gradient = tf.cast(self._as_map(gradient, lacking), tf.float32)
        maps = tf.reduce_sum(activation * self.weights(activation, gradient), axis=-1, keepdims=True)
        return tf.nn.relu(maps) if self.relu else maps

    def _as_map(self, output: Tensor, lacking: Sequence[int]) -> Tensor:
        if self.reshape_transform is None:
            return output
        # A function is given what the layer returns, and not the frame that was put in for a map that has none.
        output = tf.squeeze(output, lacking) if lacking else output
        transform = token_map if self.reshape_transform == "tokens" else self.reshape_transform
        return transform(output)
