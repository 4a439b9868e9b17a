"""The variables of a model."""

from __future__ import annotations

import keras
import tensorflow as tf


def non_finite_variables(model: keras.Model) -> tuple[str, ...]:
    """The paths of the variables that hold NaN or infinity.

    Args:
        model: The model.

    Example:

    >>> import keras
    >>> from keras_advxai.models.variables import non_finite_variables
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="dense")], name="net")
    >>> _ = model.layers[0].bias.assign([float("nan")])
    >>> [path.rpartition("/")[2] for path in non_finite_variables(model)]
    ['bias']
    """
    floating = (
        item for item in model.variables if tf.as_dtype(keras.backend.standardize_dtype(item.dtype)).is_floating
    )
    return tuple(item.path for item in floating if not bool(tf.reduce_all(tf.math.is_finite(item.value))))
