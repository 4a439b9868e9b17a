"""Corrupted images in a graph."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.corruptions import Corruption
from keras_advxai.models import ImageClassifier


def corrupted_images(
    corruption: Corruption, model: ImageClassifier, images: Tensor, severity: Tensor, seed: int
) -> Tensor:
    """The images under a corruption, in the layout in which they are given. NumPy computes them when the graph runs.

    Args:
        corruption: The corruption.
        model: The classifier, which knows bounds and layout.
        images: In image space, float32, as the model takes them.
        severity: A scalar, int32.
        seed: Seed of what is random.
    """
    bounds = model.bounds

    def compute(given: np.ndarray, level: np.ndarray) -> np.ndarray:
        return corruption(given, int(level), bounds=bounds, seed=seed)

    topology, shape = model.topology(images.shape[1:]), tf.shape(images)
    given = model.to_channels_last(images)
    found = tf.ensure_shape(tf.numpy_function(compute, [given, severity], tf.float32, stateful=False), given.shape)
    found = keras.ops.moveaxis(found, -1, topology.channel)
    return tf.ensure_shape(tf.reshape(found, shape), images.shape)  # of a model that takes its images as vectors


def check_corruptions(corruptions: Iterable[Corruption], model: ImageClassifier, images: Tensor) -> None:
    """Raise for images that a corruption is not for, before anything is computed.

    Args:
        corruptions: The corruptions.
        model: The classifier.
        images: The images as the model takes them.

    Raises:
        ValueError: They have other channels, or are none.
    """
    for corruption in corruptions:
        corruption.check(tuple(model.to_channels_last(images[:1]).shape))
