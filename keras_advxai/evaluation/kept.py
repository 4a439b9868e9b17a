"""The first images of an evaluation, which are looked at again."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier


@dataclasses.dataclass(frozen=True)
class Kept:
    """The first images of a batch, with what belongs to them.

    Args:
        inputs: The images, or the model's inputs with them.
        labels: Their classes, `(batch,)`; `None` where there are none.
        targets: Classes to reach, `(batch,)`, where they are given one by one.
    """

    inputs: Any
    labels: np.ndarray | None
    targets: np.ndarray | None

    @classmethod
    def first(cls, count: int, inputs: Any, labels: np.ndarray | None, targets: np.ndarray | None) -> Kept:
        """At most so many images of a batch."""
        parts = (None if part is None else part[:count] for part in (labels, targets))
        return cls(keras.tree.map_structure(lambda part: part[:count], inputs), *parts)

    def tensors(self, classifier: ImageClassifier) -> tuple[Any, Tensor | None, Tensor | None]:
        """Inputs with float32 images, labels and targets, as tensors."""
        inputs = keras.tree.map_structure(tf.convert_to_tensor, self.inputs)
        inputs = classifier.with_images(inputs, tf.cast(classifier.images_of(inputs), tf.float32))
        labels, targets = (None if item is None else tf.convert_to_tensor(item) for item in (self.labels, self.targets))
        return inputs, labels, targets
