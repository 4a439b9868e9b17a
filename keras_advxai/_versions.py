"""What differs between the versions of TensorFlow and Keras that are allowed, each with the version and the reason.

Other files ask nobody for a version: what they need in every version is a function here.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor


def variable_summed_on_read(**arguments: Any) -> keras.Variable:
    """A variable of which each replica of a distribution strategy has its own, summed when somebody reads it.

    Keras takes `synchronization` from version 3.10 on. Before, each assignment sums what the replicas assign, and as
    `assign_add` assigns the sum so far and what comes to it, the sum so far would count once for every replica.

    Args:
        **arguments: What `keras.Variable` takes, but for `aggregation` and `synchronization`.

    Returns:
        The variable.
    """
    arguments["aggregation"] = "sum"
    if "synchronization" in inspect.signature(keras.Variable.__init__).parameters:
        return keras.Variable(**arguments, synchronization="on_read")

    def on_read(create: Any, **options: Any) -> Any:
        return create(**{**options, "synchronization": tf.VariableSynchronization.ON_READ})

    with tf.variable_creator_scope(on_read):
        return keras.Variable(**arguments)


def clip(x: Tensor, lower: float, upper: float) -> Tensor:
    """`x` within `[lower, upper]`, NaN where it is NaN, with the gradient of `tf.clip_by_value`.

    `keras.ops.clip` compiled by XLA for a CPU makes a bound of NaN in TensorFlow 2.18 and keeps it in 2.21. A NaN
    compares as false with everything, in all of them.

    Args:
        x: Any tensor of floats.
        lower: The smallest value.
        upper: The largest value.

    Returns:
        A tensor of the same shape and dtype.
    """
    x = tf.where(x < lower, tf.cast(lower, x.dtype), x)
    return tf.where(x > upper, tf.cast(upper, x.dtype), x)
