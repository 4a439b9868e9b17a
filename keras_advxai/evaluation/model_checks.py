"""Checks of the model: whether what is attacked is the model that the user has."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai.evaluation.finding import Finding
from keras_advxai.models import ImageClassifier
from keras_advxai.models.recording import record

_RANDOM = 1e-5
_TOLERANCE = 0.02


def model_findings(classifier: ImageClassifier, inputs: Any, predictions: np.ndarray) -> list[Finding]:
    """What the model's own call, beside what the evaluation saw, gives cause to say. The model is run twice.

    Args:
        classifier: The classifier.
        inputs: Some images, or the model's inputs with them.
        predictions: The classes that the evaluation found for them, `(batch,)`.
    """
    first, changed = _outputs(classifier, inputs)
    second, _ = _outputs(classifier, inputs)
    found = []
    spread = float(np.max(np.abs(first - second), initial=0)) / max(float(np.max(np.abs(first), initial=0)), 1e-30)
    if spread > _RANDOM or (changed and spread > 0):
        found.append(
            Finding(
                "The model gives another output when it is run again on the same images: something in it is random. "
                "Attacks and explanations saw one draw; a model that is random needs the mean over many.",
                id="random-model",
                severity="warning",
            )
        )
    elif changed:
        found.append(
            Finding(
                f"Running the model changes its state ({changed[0]}), though it is not trained. The evaluation left "
                "the state as it was.",
                id="stateful-model",
                severity="warning",
            )
        )
    else:
        differ = int(
            np.sum(_classes(first, classifier.head(tuple(classifier.images_of(inputs).shape[1:]))) != predictions)
        )
        if differ > max(1, _TOLERANCE * len(predictions)):
            found.append(
                Finding(
                    f"The model's own call predicts another class than the evaluation saw for {differ} of "
                    f"{len(predictions)} images. Look at `output`, `from_logits` and `preprocess`.",
                    id="other-predictions",
                    severity="error",
                )
            )
    return found


def _outputs(classifier: ImageClassifier, inputs: Any) -> tuple[np.ndarray, list[str]]:
    """The model's output, `(batch, units)`, and the variables that running it would change."""
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    images = tf.cast(classifier.images_of(inputs), tf.float32)
    with record(classifier.model), keras.StatelessScope() as scope:  # `record` leaves losses as they were
        outputs = classifier.model(classifier.network_inputs(inputs, images), training=False)
    variables = {id(variable): variable for variable in classifier.model.variables}
    changed = [
        getattr(variables.get(key), "path", "a variable")
        for key, value in scope.state_mapping.items()
        if key not in variables or not np.array_equal(value, variables[key])
    ]
    output = np.asarray(classifier.output_of(outputs), np.float32)
    return output.reshape(len(output), -1), changed


def _classes(output: np.ndarray, head: str) -> np.ndarray:
    if output.shape[1] > 1:
        return output.argmax(axis=1)
    return (output[:, 0] > (0 if head == "linear" else 0.5)).astype(int)
