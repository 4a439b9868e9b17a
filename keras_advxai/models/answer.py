"""What a model says of one image that is made: two functions are told apart by it, whatever they are made of."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._answer import Answer
from keras_advxai.models.forward import Traceable
from keras_advxai.models.recording import all_operations
from keras_advxai.models.selection import is_structure
from keras_advxai.models.signature import network_specs

_MOST = 32
"""Of how many classes the logits are kept, spread over all of them."""
_HALF = ("float16", "bfloat16")
_ROUNDING, _ROUNDING_OF_HALF = 1e-3, 0.05


def answer(classifier: Traceable, shape: tuple[int, ...]) -> Answer | None:
    """The logits of an image of noise, with `preprocess` and `reduce`; `None` where the model cannot be asked alone.

    A hash of weights and configurations does not see what a function computes: code of a `call`, of a `preprocess` or
    a `reduce`, or an attribute that no configuration has. Its values do. It costs two passes of one image.

    Args:
        classifier: The classifier.
        shape: The shape of an image, `(height, width, channels)`.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> from keras_advxai.models.answer import answer
    >>> net = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    >>> one, other = (kax.ImageClassifier(net, bounds=(0, 1), preprocess=f) for f in (lambda x: x, lambda x: 1 - x))
    >>> answer(one, (4, 4, 1)).is_that_of(answer(one, (4, 4, 1))), answer(one, (4, 4, 1)).is_that_of(
    ...     answer(other, (4, 4, 1)))
    (True, False)
    """
    try:
        if classifier.topology(shape).random:  # whose draws hang on where its seeds are
            return None
        lower, upper = classifier.bounds
        image = lower + (upper - lower) * np.random.default_rng(0).random((1, *shape))
        images = tf.constant(image, tf.float32)
        inputs = classifier.with_images(_others(classifier.model), images)
        values = [classifier.forward(inputs).logits.numpy()[0].astype("float64") for _ in range(2)]
    except Exception:  # words among the inputs, another batch than one, a shape that nobody knows yet
        return None
    found = values[0]
    if not np.array_equal(*values) or not np.isfinite(found).all():
        return None  # a random model has another answer each time
    kept = np.unique(np.linspace(0, len(found) - 1, min(len(found), _MOST)).astype(int))
    half = any(getattr(item, "compute_dtype", None) in _HALF for item in all_operations(classifier.model))
    return Answer(tuple(found[kept].tolist()), _ROUNDING_OF_HALF if half else _ROUNDING, tuple(shape))


def _others(model: keras.Model) -> Any:
    """Zeros for all that the model takes."""
    specs = network_specs(model)
    if not is_structure(specs):
        return None

    def zeros(spec: Any) -> tf.Tensor:
        return tf.zeros([1, *(side or 1 for side in spec.shape[1:])], spec.dtype)

    return keras.tree.map_structure(zeros, specs)
