"""What an evaluation is of: enough to know that one which was stopped goes on as it began."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np

from keras_advxai.data import Batches
from keras_advxai.evaluation.origin import versions
from keras_advxai.measurements.quantity import QUANTITIES
from keras_advxai.models import ImageClassifier
from keras_advxai.models.recording import all_operations
from keras_advxai.settings.evaluation_settings import EvaluationSettings

_NO_MATTER = {"seed", "build_config"}
"""What Keras draws anew for each layer that is given none, and evaluations do not read."""


def identity(classifier: ImageClassifier, settings: EvaluationSettings, batches: Batches) -> dict[str, Any]:
    """The model, the settings, the data as far as they are known before they are read, and the versions.

    Args:
        classifier: What is evaluated.
        settings: How.
        batches: On what. What the data are, the journal's parts say, each up to its end.

    Returns:
        Plain values: `weights`, the hash of each by its path; `model`, that of its structure; `settings`, `data`,
        `quantities` and `versions`.
    """
    return {
        "weights": _weights(classifier.model),
        "model": {"name": classifier.model.name, "structure": _structure(classifier.model)},
        "settings": settings.to_dict(),
        "data": {"images": batches.length, "batches": batches.count},
        "quantities": list(QUANTITIES),  # a user's own may be among them
        "versions": versions(),
    }


def _weights(model: keras.Model) -> dict[str, str]:
    """The hash of each variable by its path, in their order."""
    found: dict[str, str] = {}
    for variable in model.weights:
        array = keras.ops.convert_to_numpy(variable)
        digest = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
        path = variable.path
        while path in found:  # of two subclassed models in one they may be the same
            path += "'"
        found[path] = digest.hexdigest()
    return found


def _structure(model: keras.Model) -> str:
    """A hash of the model's layers with their configurations, and of how they are connected."""
    operations = [
        [type(item).__module__, type(item).__qualname__, item.name, _plain(_configuration(item))]
        for item in all_operations(model)
    ]
    return hashlib.sha256(json.dumps(operations, sort_keys=True).encode()).hexdigest()


def _configuration(operation: keras.Operation) -> Any:
    try:
        return operation.get_config()
    except Exception:  # a user's own layer may have none, or one that fails
        return None


def _plain(value: Any) -> Any:
    """A value as JSON has it; functions and objects by their names, since an address is another each time."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if key not in _NO_MATTER}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).tolist()
    return getattr(value, "__qualname__", type(value).__qualname__)
