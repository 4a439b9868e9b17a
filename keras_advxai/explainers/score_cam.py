"""Score-weighted class activation mapping."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.explainers.layer_explainer import LayerExplainer, ReshapeTransform
from keras_advxai.explainers.registry import register
from keras_advxai.explainers.sizes import images_that_fit
from keras_advxai.models import Forward, ImageClassifier
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops.heatmaps import resize_corners

_GUESSED = 256
"""How many channels a layer is reckoned to have, before it is known."""


@register
class ScoreCAM(LayerExplainer):
    """Score-CAM: a layer's activations, each channel weighted by the score of the image seen through it.

    `relu(sum over channels of activation_k * score(x * mask_k))`, where `mask_k` is channel k at the image's size, with
    its smallest value at 0 and its largest at 1. It needs no gradient, and takes one pass for each channel that is not
    zero everywhere. The weights are those of the authors' code and of tf-keras-vis: the probability of the class, by a
    softmax over the classes. There is none over the channels, and the score of a black image is not subtracted.

    A mask multiplies the images in image space, so what it hides becomes the value 0: black where the bounds begin at
    0, and the middle of (-1, 1). Masked images run through the model in batches of a bounded size.

    Args:
        layer: The name of a layer with a spatial output, its path (`"backbone/conv1"`), or the layer itself, which
            is saved by its name. Defaults to the one that the model pools or flattens last; `keras_advxai.list_layers`
            lists all.
        score: What a masked image is judged by: `"probability"`; or `"logit"` or `"centered_logit"`, whose weights may
            be negative; see `Explainer`. Defaults to `"probability"`.
        relu: Whether evidence against the class is cut off. Without it, attributions are signed and heatmaps
            in [-1, 1]. Defaults to `True`.
        reshape_transform: For a `layer` that does not return a feature map, what converts its output to one: `"tokens"`
            for a vision transformer's `(batch, tokens, channels)` (class tokens first, then patches row by row, in the
            proportions of the image), or a function to `(batch, height, width, channels)`. (To save a function with the
            explainer, register it with `keras.saving.register_keras_serializable`.) Defaults to `None`.
        max_channels: Only so many channels of each image, those that vary most over it (Faster Score-CAM). Defaults to
            `None`, for all.
        internal_batch_size: How many masked images go through the model at once. It changes memory and time, not the
            result. Defaults to `None`: about as many as a CPU is quickest with, 33 of 224x224x3, and 1024 small ones.

    Raises:
        TypeError: `layer` or `reshape_transform` is something else.
        ValueError: `reshape_transform` comes without a `layer`, or an argument is out of range.

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
    >>> maps = kax.explainers.ScoreCAM()(net, x, targets=1)
    >>> bool(np.allclose(maps, x))
    True

    References:
        Wang et al., "Score-CAM: Score-weighted visual explanations for convolutional neural networks", CVPR workshops
        2020.
    """

    _unnamed = ("internal_batch_size",)

    def __init__(
        self,
        *,
        layer: str | keras.Operation | None = None,
        score: Score = "probability",
        relu: bool = True,
        reshape_transform: ReshapeTransform = None,
        max_channels: int | None = None,
        internal_batch_size: int | None = None,
    ) -> None:
        super().__init__(layer=layer, score=score, relu=relu, reshape_transform=reshape_transform)
        self.max_channels = max_channels
        if max_channels is not None:
            self.max_channels = check_whole_number("max_channels", max_channels, 1)
        self.internal_batch_size = internal_batch_size
        if internal_batch_size is not None:
            self.internal_batch_size = check_whole_number("internal_batch_size", internal_batch_size, 1)

    @property
    def passes(self) -> int:
        """Passes for one image, reckoned with 256 channels without `max_channels`; see `Explainer.passes`."""
        return self.max_channels or _GUESSED

    def images_at_once(self, model: ImageClassifier, images: Tensor) -> int | Tensor:
        """As many as masked images; see `Explainer.images_at_once`."""
        return self.internal_batch_size or images_that_fit(images)

    def check(self, model: ImageClassifier, images: Tensor) -> None:
        """Raise for a layer whose maps cannot mask the images; see `Explainer.check`."""
        shape = tuple(images.shape[1:])
        (layer,) = self.layers(model, shape)
        found = model.topology(shape)
        if found.grid is not None:
            raise ValueError(
                f"{self!r} masks images, and cannot mask what has no dimension for the channels. "
                f"kax.explainers.GradCAM() explains this model. Received: images of shape {tuple(images.shape)}"
            )
        if self.reshape_transform is not None:
            return
        seen = next(info.shape for info in found.layers if info.name == layer)
        self._check_rank(len(seen) + 1, len(model.map_shape(images.shape)), layer)
        channels = seen[-1]
        if self.max_channels is not None and channels is not None and self.max_channels > channels:
            raise ValueError(
                f"Argument `max_channels` must be at most {channels}, the channels of layer {layer!r}. Received: "
                f"max_channels={self.max_channels}"
            )

    def attribute(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward) -> Tensor:
        """The map at the layer's own size, `(batch, h, w, 1)`; see `Explainer.attribute`."""
        (layer,) = self.layers(model, x.shape[1:])
        lacking = model.topology(x.shape[1:]).locate(layer).lacking
        activation = tf.cast(self.as_map(forward.activation(layer), lacking, x.shape[1:-1]), tf.float32)
        self._check_rank(activation.shape.rank, len(model.map_shape(x.shape)), layer)
        # One channel after the other from here on, which is how they become masks.
        channels = tf.transpose(activation, [0, activation.shape.rank - 1, *range(1, activation.shape.rank - 1)])
        if self.max_channels is not None:
            spread = tf.math.reduce_std(channels, axis=range(2, channels.shape.rank))
            _, most = tf.math.top_k(spread, self.max_channels, sorted=False)
            channels = tf.gather(channels, most, batch_dims=1)
        weights = self._scores(model, x, targets, forward, channels)
        weights = tf.reshape(weights, tf.concat([tf.shape(weights), [1] * (channels.shape.rank - 2)], axis=0))
        maps = tf.reduce_sum(channels * weights, axis=1)[..., None]
        return tf.nn.relu(maps) if self.relu else maps

    def _scores(self, model: ImageClassifier, x: Tensor, targets: Tensor, forward: Forward, channels: Tensor) -> Tensor:
        """The score of each image seen through each of its channels, `(batch, channels)`; 0 for channels of zeros."""
        at_once = self.images_at_once(model, x)
        # A channel that is zero everywhere adds nothing to the map, whatever it is weighted with.
        pairs = tf.where(tf.reduce_any(channels != 0, axis=range(2, channels.shape.rank)))
        pairs = tf.cast(pairs, tf.int32)
        size = tf.shape(model.to_channels_last(x))[1:-1]
        axis = model.topology(x.shape[1:]).channel

        def score(inputs: Any, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
            masks = resize_corners(masks[..., None], size)
            around = range(1, masks.shape.rank)
            least = tf.reduce_min(masks, axis=around, keepdims=True)
            # A constant channel has no part that is brighter than another: all of the image is hidden.
            masks = tf.math.divide_no_nan(masks - least, tf.reduce_max(masks, axis=around, keepdims=True) - least)
            masked = tf.ensure_shape(images * tf.expand_dims(masks[..., 0], axis), images.shape)
            return model.forward(model.with_images(inputs, masked)).score(labels, self.score)

        # A function of its own, as along the paths of Integrated Gradients: kernels in the body of a loop are slower.
        compiled = tf.function(score, autograph=False, experimental_attributes={"_noinline": True})

        def add(start: Tensor, found: tf.TensorArray) -> tuple[Tensor, tf.TensorArray]:
            some = pairs[start : start + at_once]
            place = some[:, 0]

            def rows(item: Any) -> Tensor:
                item = tf.convert_to_tensor(item)
                return tf.gather(item, place) if item.shape.rank else item

            others = keras.tree.map_structure(rows, forward.inputs)
            scores = compiled(others, rows(x), tf.gather_nd(channels, some), rows(targets))
            return start + at_once, found.write(start // at_once, scores)

        count = tf.shape(pairs)[0]
        batches = (count + at_once - 1) // at_once
        found = tf.TensorArray(tf.float32, size=batches, infer_shape=False, element_shape=[None])
        _, found = tf.while_loop(lambda start, _: start < count, add, (tf.constant(0), found), parallel_iterations=1)
        return tf.scatter_nd(pairs, found.concat(), tf.shape(channels)[:2])

    def _check_rank(self, rank: int, wanted: int, layer: str) -> None:
        if rank != wanted:
            raise ValueError(
                f"{self!r} makes masks of maps with the images' dimensions, {wanted - 2} of them beside batch and "
                f"channels. Layer {layer!r} has {rank - 2}. kax.explainers.GradCAM() explains it."
            )
