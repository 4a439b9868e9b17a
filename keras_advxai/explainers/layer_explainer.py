"""The base of the explainers that look at a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeAlias

import keras
import tensorflow as tf

from keras_advxai._choice import is_one_of
from keras_advxai._typing import Score, Shape, Tensor
from keras_advxai.explainers.explainer import Explainer
from keras_advxai.models import ImageClassifier, LayerReference, as_classifier
from keras_advxai.models.inputs import check_flag
from keras_advxai.ops.tokens import token_map

ReshapeTransform: TypeAlias = Literal["tokens"] | Callable[[Tensor], Tensor] | None


class LayerExplainer(Explainer):
    """Makes a map of what a layer returned. It says which layer, and how its output is seen as a map.

    Args:
        layer: The name of a layer with a spatial output, its path (`"backbone/conv1"`), or the layer itself, which
            is saved by its name. Defaults to the one that the model pools or flattens last; `keras_advxai.list_layers`
            lists all.
        score: What is explained: `"logit"`, `"probability"` or `"centered_logit"`; see `Explainer`. Defaults to
            `"logit"`.
        relu: Whether evidence against the class is cut off. Without it, attributions are signed and heatmaps
            in [-1, 1]. Defaults to `True`.
        reshape_transform: For a `layer` that does not return a feature map, what converts its output to one: `"tokens"`
            for a vision transformer's `(batch, tokens, channels)` (class tokens first, then patches row by row, in the
            proportions of the image), or a function to `(batch, height, width, channels)`. (To save a function with the
            explainer, register it with `keras.saving.register_keras_serializable`.) Defaults to `None`.

    Raises:
        TypeError: `layer` or `reshape_transform` is something else.
        ValueError: `reshape_transform` comes without a `layer`, or under an unknown name.

    Example:

    A map of your own that needs no gradient, the mean of a layer's channels:

    >>> import keras, numpy as np, tensorflow as tf
    >>> import keras_advxai as kax
    >>> class MeanActivation(kax.explainers.LayerExplainer):
    ...     def attribute(self, model, x, targets, forward):
    ...         (layer,) = self.layers(model, x.shape[1:])
    ...         return tf.reduce_mean(forward.activation(layer), axis=-1, keepdims=True)
    >>> net = keras.Sequential([
    ...     keras.layers.Input((4, 4, 1)),
    ...     keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="conv"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(2),
    ... ])
    >>> x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1) / 15
    >>> bool(np.allclose(MeanActivation(layer="conv")(net, x), x))
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

        An evaluation of all of them takes one forward pass, and those that look at gradients one backward pass, not one
        for each layer.

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

    def layers(self, model: ImageClassifier, shape: Shape = None) -> tuple[str, ...]:
        """The path of the explained layer; see `Explainer.layers`."""
        return (model.layer_path(self.layer, shape, spatial=self.reshape_transform is None),)

    def as_map(self, output: Tensor, lacking: Sequence[int], size: Sequence[int | None]) -> Tensor:
        """What the layer returned, or the gradient to it, as a map `(batch, *positions, channels)`.

        Args:
            output: What was returned.
            lacking: Which of the images' dimensions the layer has no positions for.
            size: The images' positions, `(height, width)`.
        """
        if self.reshape_transform is None:
            return output
        # A function is given what the layer returns, and not the frame that was put in for a map that has none.
        output = tf.squeeze(output, lacking) if lacking else output
        return token_map(output, size) if self.reshape_transform == "tokens" else self.reshape_transform(output)
