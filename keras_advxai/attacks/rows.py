"""Some images of a batch: which still stand against an attack, taking them out and putting them back."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import Forward


def standing(forward: Forward, y: Tensor, targeted: bool) -> Tensor:
    """Whether an attack has not had its way yet, `(batch,)` bool.

    Args:
        forward: A pass over the images as they are by now.
        y: The classes to leave, or to reach if the attack is targeted, `(batch,)`.
        targeted: Whether it is.
    """
    same = tf.equal(forward.predictions, tf.cast(y, tf.int32))
    return tf.logical_not(same) if targeted else same


def where(chosen: Tensor) -> Tensor:
    """The indices of the rows that are chosen, `(chosen,)` int32."""
    return tf.cast(tf.where(chosen)[:, 0], tf.int32)


def take(values: Any, rows: Tensor) -> Any:
    """Some rows of every tensor in a nested structure."""
    return keras.tree.map_structure(lambda value: tf.gather(value, rows), values)


def put(values: Any, rows: Tensor, new: Any) -> Any:
    """Every tensor in a nested structure with some rows exchanged."""

    def one(value: Tensor, other: Tensor) -> Tensor:
        return tf.ensure_shape(tf.tensor_scatter_nd_update(value, rows[:, None], other), value.shape)

    return keras.tree.map_structure(one, values, new)


def select(chosen: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The rows of one tensor where they are chosen, those of another elsewhere.

    Args:
        chosen: `(batch,)` bool.
        first: `(batch, ...)`.
        second: `(batch, ...)`.
    """
    return tf.where(tf.reshape(chosen, [-1] + [1] * (first.shape.rank - 1)), first, second)
