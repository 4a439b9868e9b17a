"""A kind of model, and what is to be expected of it, computed by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from kinds import network


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """A kind of model that attacks, explanations and evaluations have to work on.

    Attributes:
        build: Makes the model.
        x: What the model takes: images in [0, 1], or a list or dictionary with them.
        y: Labels.
        images: Index or key of the images in `x`, where `x` is a list or dictionary.
        settings: What has to be said to `ImageClassifier`.
        layer: The layer that is explained by default; `None` if there is none.
        explain: What has to be said to `GradCAM`.
        refusal: What `GradCAM()` says where there is no default layer, a regular expression.
        by_hand: One pass of `(model, x)` without the package.
        channels_first: Whether images are `(batch, channels, height, width)`.
        tolerance: How far a heatmap may be from the one computed by hand.
        straying: How many of the pixels of an adversarial image may differ from those found by hand: where a
            gradient is nearly zero, its sign may be either.
    """

    build: Callable[[], keras.Model]
    layer: str | None = "last"
    _: dataclasses.KW_ONLY
    x: Any = dataclasses.field(default_factory=lambda: network.IMAGES)
    y: np.ndarray = dataclasses.field(default_factory=lambda: network.LABELS)
    images: int | str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    explain: dict[str, Any] = dataclasses.field(default_factory=dict)
    refusal: str = ""
    by_hand: Callable[[keras.Model, Any], network.Pass] = network.by_hand
    channels_first: bool = False
    tolerance: float = 1e-5
    straying: float = 0.01


class Case:
    """A model of a kind, with the classifier around it.

    Args:
        kind: The kind.

    Attributes:
        kind: The kind.
        model: The model.
        classifier: The classifier.
        arrays: All arrays, which nobody may change.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.model = kind.build()
        self.classifier = kax.ImageClassifier(self.model, **kind.settings)
        self.arrays = [*keras.tree.flatten(kind.x), kind.y]

    @property
    def explainer(self) -> kax.explainers.GradCAM:
        """Grad-CAM with what has to be said about the model."""
        return kax.explainers.GradCAM(**self.kind.explain)

    @property
    def images(self) -> np.ndarray:
        """The images alone."""
        return self.kind.x if self.kind.images is None else self.kind.x[self.kind.images]

    def with_images(self, images: Any) -> Any:
        """What the model takes, with other images."""
        kind = self.kind
        if kind.images is None:
            return images
        if isinstance(kind.x, dict):
            return {**kind.x, kind.images: images}
        return [images if index == kind.images else part for index, part in enumerate(kind.x)]

    @property
    def map_shape(self) -> tuple[int, ...]:
        """The shape of the heatmaps."""
        batch, *sides = self.images.shape
        return (batch, *(sides[1:] if self.kind.channels_first else sides[:-1]), 1)

    def scores(self) -> np.ndarray:
        """The scores of the classes, by hand."""
        return np.asarray(self.kind.by_hand(self.model, self.kind.x).scores)

    def heatmaps(self, targets: np.ndarray | None = None) -> np.ndarray:
        """Grad-CAM by hand, for each image's own prediction unless classes are given; blank maps are zero."""
        images = tf.constant(self.images)
        with tf.GradientTape() as tape:
            tape.watch(images)
            found = self.kind.by_hand(self.model, self.with_images(images))
            targets = np.argmax(found.scores, axis=-1) if targets is None else targets
            score = tf.gather(found.scores, targets, batch_dims=1)
        gradient = found.as_map(tape.gradient(score, found.activation))
        positions = tuple(range(1, len(gradient.shape) - 1))
        weights = tf.reduce_mean(gradient, axis=positions, keepdims=True)
        maps = tf.nn.relu(tf.reduce_sum(found.as_map(found.activation) * weights, axis=-1, keepdims=True))
        maps = resized(maps, self.map_shape[1:-1])
        return tf.math.divide_no_nan(maps, tf.reduce_max(maps, axis=(*positions, -1), keepdims=True)).numpy()

    def adversarial(self, epsilon: float) -> np.ndarray:
        """FGSM by hand."""
        images = tf.constant(self.images)
        with tf.GradientTape() as tape:
            tape.watch(images)
            found = self.kind.by_hand(self.model, self.with_images(images))
            loss = keras.losses.sparse_categorical_crossentropy(self.kind.y, found.scores, from_logits=True)
        return np.clip(self.images + epsilon * np.sign(tape.gradient(loss, images)), 0, 1)


def resized(maps: Any, size: tuple[int, ...]) -> Any:
    """Maps resized linearly: of signals `(batch, steps, 1)`, of images, or of videos, frame by frame."""
    if len(size) == 1:
        return tf.image.resize(maps[:, :, None], (*size, 1))[:, :, 0]
    if len(size) == 2:
        return tf.image.resize(maps, size)
    frames = tf.image.resize(tf.reshape(maps, (-1, *maps.shape[2:])), size[1:])
    return tf.reshape(frames, (-1, *size, 1))
