"""Calls what computes with NumPy, the explainers of other packages, while a graph runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._registry import hashable
from keras_advxai._typing import Tensor
from keras_advxai.contrib.network import SETTINGS
from keras_advxai.models import ImageClassifier, compiled


def run(
    classifier: ImageClassifier,
    key: Hashable,
    build: Callable[[], Callable[..., np.ndarray]],
    inputs: Any,
    *others: Tensor,
) -> Tensor:
    """`build()(inputs, *others)`, called with arrays when the graph runs.

    Args:
        classifier: The classifier.
        key: What the function depends on beside the classifier and the shape of the images.
        build: Makes the function, once. The function must not refer to the model.
        inputs: The model's inputs, nested tensors.
        *others: Further tensors, such as the targets.

    Returns:
        What the function returns, float32, without a shape.
    """
    # The function holds a stand-in, and what tf-keras-vis or alibi have built around it. It is made once for all that a
    # stand-in depends on: one model may be in two classifiers, with other bounds or another preprocessing.
    settings = tuple(hashable(getattr(classifier, name)) for name in SETTINGS)
    shape = tuple(classifier.images_of(inputs).shape[1:])
    function = compiled.remember(classifier.model, ("engine", key, settings, shape), build)
    # numpy_function takes a flat list of tensors, and a model may take a dictionary of inputs.
    structure, count = keras.tree.map_structure(lambda part: 0, inputs), len(others)

    def call(*arrays: np.ndarray) -> np.ndarray:
        given = keras.tree.pack_sequence_as(structure, list(arrays[count:]))
        return np.asarray(function(given, *arrays[:count]), np.float32)

    return tf.numpy_function(call, [*others, *keras.tree.flatten(inputs)], tf.float32)


def rows(inputs: Any, chosen: slice) -> Any:
    """Some rows of all of a model's inputs. A number for the whole batch, such as a temperature, stays as it is."""
    return keras.tree.map_structure(lambda part: part[chosen] if np.ndim(part) else part, inputs)
