"""Checks of the model: whether what is attacked is the model that the user has."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from keras_advxai.evaluation.finding import Finding
from keras_advxai.evaluation.kept import Kept
from keras_advxai.evaluation.samples import Samples
from keras_advxai.evaluation.table import percent_text
from keras_advxai.models import ImageClassifier
from keras_advxai.models.recording import record

_RANDOM = 1e-5
_TOLERANCE = 0.02
_SPREAD = 0.8
"""Outputs within [0, 1] that are so far apart are no logits."""


def model_findings(classifier: ImageClassifier, kept: Sequence[Kept], samples: Samples) -> list[Finding]:
    """What the model's own call, beside what the evaluation saw, gives cause to say.

    The model is run on the images once more, and twice on those of the first batch.

    Args:
        classifier: The classifier.
        kept: The first images, batch by batch.
        samples: What the evaluation found of all images.
    """
    first, changed = _outputs(classifier, kept[0])
    second, _ = _outputs(classifier, kept[0])
    spread = float(np.max(np.abs(first - second), initial=0)) / max(float(np.max(np.abs(first), initial=0)), 1e-30)
    if spread > _RANDOM or (changed and spread > 0):
        return [
            Finding(
                "The model gives another output when it is run again on the same images: something in it is random. "
                "Attacks and explanations saw one draw; a model that is random needs the mean over many.",
                id="random-model",
                severity="warning",
            )
        ]
    if changed:
        return [
            Finding(
                f"Running the model changes its state ({changed[0]}), though it is not trained. The evaluation left "
                "the state as it was.",
                id="stateful-model",
                severity="warning",
            )
        ]
    head = classifier.head(tuple(classifier.images_of(kept[0].inputs).shape[1:]))
    outputs = [first, *(_outputs(classifier, batch)[0] for batch in kept[1:])]
    output = np.concatenate(outputs)
    own = _classes(output, head)
    seen, labels = samples.predictions[: len(own)], samples.labels[: len(own)]
    differ = int(np.sum((own != seen) & ~_ties(output, seen)))
    if differ <= max(1, _TOLERANCE * len(own)):
        return []
    accuracies = percent_text(float(np.mean(own == labels))), percent_text(float(np.mean(seen == labels)))
    by_labels = "" if kept[0].labels is None else f" Its accuracy is {accuracies[0]}, and was seen as {accuracies[1]}."
    return [
        Finding(
            f"The model's own call predicts another class than the evaluation saw for {differ} of {len(own)} images."
            f"{by_labels} Look at `output`, `from_logits` and `preprocess`.",
            id="other-predictions",
            severity="error",
        )
    ]


def _outputs(classifier: ImageClassifier, batch: Kept) -> tuple[np.ndarray, list[str]]:
    """The model's output, `(batch, units)`, and the variables that running it would change."""
    inputs, _, _ = batch.tensors(classifier)
    images = classifier.images_of(inputs)
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


def _ties(output: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where the classes seen are as likely as the likeliest, but for rounding, `(images,)`."""
    if output.shape[1] == 1:
        return np.zeros(len(output), bool)
    lead = output.max(axis=1) - output[np.arange(len(output)), seen]
    ties: np.ndarray = lead <= 1e-6 * np.abs(output).max(axis=1)
    return ties


def _classes(output: np.ndarray, head: str) -> np.ndarray:
    if output.shape[1] > 1:
        return output.argmax(axis=1)
    looks_probable = output.min() >= 0 and output.max() <= 1 and output.max() - output.min() > _SPREAD
    return (output[:, 0] > (0 if head == "linear" and not looks_probable else 0.5)).astype(int)
