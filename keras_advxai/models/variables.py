"""The variables of a model."""

from __future__ import annotations

import hashlib

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.models.draws import is_seed


def weights_hash(model: keras.Model) -> str:
    """A SHA-256 hash over the values of all variables of a model, in their order.

    Args:
        model: The model.
    """
    found = hashlib.sha256()
    for item in model.variables:
        if is_seed(item):  # which a training moves on, and evaluations do not read
            continue
        array = np.ascontiguousarray(tf.convert_to_tensor(item.value).numpy())
        found.update(f"{array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


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
