"""Rows of a batch: those on which an attack is still active, gathered and scattered."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import Forward
from keras_advxai.ops.selection import select


def active(forward: Forward, y: Tensor, targeted: bool) -> Tensor:
    """Whether an attack has not succeeded yet, `(batch,)` bool.

    Args:
        forward: A pass over the images as they are by now.
        y: The true classes, or what else the model says; the target classes if the attack is targeted, `(batch,)`.
        targeted: Whether it is.
    """
    # An output that is not finite is no class, so it is misclassified, and no target class is reached by it.
    return forward.classifier.kind.is_active(forward.decisions, y, targeted)


def where(chosen: Tensor) -> Tensor:
    """The indices of the rows that are chosen, `(chosen,)` int32."""
    return tf.cast(tf.where(chosen)[:, 0], tf.int32)


def take(values: Any, rows: Tensor) -> Any:
    """Some rows of every tensor in a nested structure."""
    return keras.tree.map_structure(lambda value: tf.gather(value, rows), values)


def put(values: Any, rows: Tensor, new: Any) -> Any:
    """Every tensor in a nested structure with some rows exchanged."""

    def one(value: Tensor, other: Tensor) -> Tensor:
        # The state of a loop must keep its shape, of which scattering may forget what is known.
        return tf.ensure_shape(tf.tensor_scatter_nd_update(value, rows[:, None], other), value.shape)

    return keras.tree.map_structure(one, values, new)


def valid(images: Tensor, others: Tensor) -> Tensor:
    """Images, with the pixels of others where they are NaN or infinite.

    Args:
        images: What an attack returned, `(batch, height, width, channels)`.
        others: The images before it, of the same shape.
    """
    return select(tf.math.is_finite(images), images, others)
