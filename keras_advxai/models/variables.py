"""The variables of a model."""

from __future__ import annotations

import hashlib

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.models.draws import is_seed

_SUMMED = ("float16", "bfloat16", "float32", "float64")


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
    floating = [
        item for item in model.variables if tf.as_dtype(keras.backend.standardize_dtype(item.dtype)).is_floating
    ]
    # A sum of squares is finite only if all of its terms are. So one operation for each variable, and one number each
    # from the device, all of a type at once; whose sum is not finite, or was not taken, is looked at.
    sound: set[int] = set()
    for dtype in _SUMMED:
        same = [item for item in floating if keras.backend.standardize_dtype(item.dtype) == dtype]
        if same:
            finite = np.isfinite(tf.stack([tf.nn.l2_loss(item.value) for item in same]).numpy())
            sound |= {id(item) for item, is_finite in zip(same, finite, strict=True) if is_finite}
    return tuple(
        item.path
        for item in floating
        if id(item) not in sound and not bool(tf.reduce_all(tf.math.is_finite(item.value)))
    )
