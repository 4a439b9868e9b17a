"""What an evaluation is of: enough to know that one which was stopped goes on as it began."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.data import Batches
from keras_advxai.evaluation.origin import versions
from keras_advxai.journal.differences import ANSWER
from keras_advxai.measurements.quantity import QUANTITIES
from keras_advxai.models import ImageClassifier
from keras_advxai.models.answer import answer
from keras_advxai.models.recording import all_operations
from keras_advxai.settings.evaluation_settings import EvaluationSettings

_SIDE = 32  # of an image, where the model leaves it open

_NO_MATTER = {"seed", "build_config"}
"""What Keras draws anew for each layer that is given none, and evaluations do not read."""


def identity(classifier: ImageClassifier, settings: EvaluationSettings, batches: Batches) -> dict[str, Any]:
    """The model, the settings, the data as far as they are known before they are read, and the versions.

    Args:
        classifier: What is evaluated.
        settings: How.
        batches: On what. What the data are, the journal's parts say, each up to its end.

    Returns:
        Plain values: `weights`, the hash of each in their order; `model`, that of its structure; `settings`, `data`,
        `quantities`, `versions`, and `answer`, what the model says of an image that is made. Names of layers are no
        part of it: Keras gives them by counting, and a model that is built a second time in a notebook has others, and
        is the same.
    """
    return {
        "weights": _weights(classifier.model),
        "model": _structure(classifier.model),
        "settings": settings.to_dict(),
        "data": {"images": batches.known_images, "batches": batches.batch_count, **_place(batches)},
        "quantities": list(QUANTITIES),  # a user's own may be among them
        "versions": versions(),
        ANSWER: _answer(classifier, batches),
    }


def _answer(classifier: ImageClassifier, batches: Batches) -> dict[str, Any] | None:
    """Of an image of the data's shape where it is known before they are read, else of that which the model takes."""
    if batches.are_arrays:
        shape = np.shape(classifier.images_of(next(batches.all_arrays())[0]))[1:]
    else:
        shape = tuple(side or _SIDE for side in classifier.image_shape or ())
    found = answer(classifier, shape) if shape else None
    return None if found is None else found.to_dict()


def _place(batches: Batches) -> dict[str, Any]:
    """Which of several shards the data are; nothing where they are all of them."""
    return {} if batches.shard is None else {"shard": batches.shard.index, "shards": batches.shard.count}


def _weights(model: keras.Model) -> dict[str, str]:
    """The hash of each variable, in their order."""
    found = {}
    for index, variable in enumerate(model.weights):
        array = tf.convert_to_tensor(variable.value).numpy()
        digest = hashlib.sha256(str(array.dtype).encode() + array.tobytes()).hexdigest()
        found[f"{index}: {variable.name} {array.shape}"] = digest
    return found


def _structure(model: keras.Model) -> str:
    """A hash of the model's layers with their configurations, and of how they are connected."""
    operations = all_operations(model)
    places = {item.name: f"#{index}" for index, item in reversed(list(enumerate(operations)))}
    described = [
        [type(item).__module__, type(item).__qualname__, _plain(_configuration(item), places)] for item in operations
    ]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _configuration(operation: keras.Operation) -> Any:
    try:
        return operation.get_config()
    except Exception:  # a user's own layer may have none, or one that fails
        return None


def _plain(value: Any, places: dict[str, str]) -> Any:
    """A value as JSON has it; functions and objects by their names, since an address is another each time.

    Args:
        value: The value.
        places: What stands for the names of layers.
    """
    if isinstance(value, dict):
        return {str(key): _plain(item, places) for key, item in value.items() if key not in _NO_MATTER}
    if isinstance(value, (list, tuple)):
        return [_plain(item, places) for item in value]
    if isinstance(value, str):
        return places.get(value, value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).tolist()
    return getattr(value, "__qualname__", type(value).__qualname__)
