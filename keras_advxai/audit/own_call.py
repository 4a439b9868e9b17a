"""What a model itself returns, not compiled, and what it changes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_advxai.models import ImageClassifier
from keras_advxai.models.draws import is_seed
from keras_advxai.models.heads import reduced
from keras_advxai.models.own_preprocessing import OWN
from keras_advxai.models.recording import record
from keras_advxai.models.regression import REGRESSION
from keras_advxai.models.task import CLASSIFICATION

Seeds: TypeAlias = dict[int, Any]
"""The states of seed generators by the ids of their variables."""

_RANDOM = 1e-5
_SPREAD = 0.8
"""Outputs within [0, 1] that are so far apart are not logits."""


class OwnCall:
    """The model's own call on some batches, twice on the first.

    Args:
        classifier: The classifier.
        batches: What the model takes, batch by batch.

    Attributes:
        changed: The names of the variables that running the model changes.
        is_random: Whether the second run returned something else than the first.
        is_comparable: Whether the output says the same classes as an evaluation sees.
    """

    def __init__(self, classifier: ImageClassifier, batches: Sequence[Any]) -> None:
        self._classifier, self._batches = classifier, batches
        shape = tuple(classifier.images_of(batches[0]).shape[1:])
        self._head = classifier.head(shape)
        # A user's `reduce` is a function of the logits there, which the model's own call does not return.
        self.is_comparable = classifier.reduce is None or self._head not in ("softmax", "sigmoid")
        # Not compiled and not by a `Forward`: it is to be independent of all that the evaluation saw the model through.
        self._first, self.changed, seeds = _outputs(classifier, batches[0])
        # As `predict` goes on: from the seeds that the first run left, and not with its draw once more.
        second, _, _ = _outputs(classifier, batches[0], seeds)
        spread = float(np.max(np.abs(self._first - second), initial=0))
        spread /= max(float(np.max(np.abs(self._first), initial=0)), 1e-30)  # all outputs may be 0
        # Rounding may differ a little from run to run; where the model keeps a state, any difference comes of that.
        self.is_random = spread > _RANDOM or (bool(self.changed) and spread > 0)

    def predictions(self) -> tuple[np.ndarray, np.ndarray]:
        """What the output says, in the form of labels, and the output, `(images, units)`; runs the other batches.

        Where the output is not finite, the class is -1, which is none.
        """
        others = [_outputs(self._classifier, batch)[0] for batch in self._batches[1:]]
        output = np.asarray(reduced(np.concatenate([self._first, *others]), self._classifier.reduce))
        output = output.reshape(len(output), -1)
        return self._said(output), output

    def _said(self, output: np.ndarray) -> np.ndarray:
        """What an output says, in the form of labels."""
        kind, finite = self._classifier.kind, np.isfinite(output).all(axis=1)
        if kind is REGRESSION:
            return output
        if kind is CLASSIFICATION and output.shape[1] > 1:  # below, one unit for two classes
            return np.where(finite, output.argmax(axis=1), -1)  # as in an evaluation, NaN is no class
        # Units of a head that was said to be linear, and whose outputs are plainly probabilities.
        looks_probable = output.min() >= 0 and output.max() <= 1 and output.max() - output.min() > _SPREAD
        boundary = 0 if self._head == "linear" and not looks_probable else 0.5
        said = np.where(finite[:, None], output > boundary, -1)
        return said[:, 0] if kind is CLASSIFICATION else said


def _outputs(
    classifier: ImageClassifier, inputs: Any, seeds: Seeds | None = None
) -> tuple[np.ndarray, list[str], Seeds]:
    """The model's output, `(batch, units)`, the variables that running it would change, and the seeds after it."""
    images = classifier.images_of(inputs)
    with record(classifier.model), _Noting(seeds) as scope:  # `record` leaves losses as they were
        outputs = classifier.model(_network_inputs(classifier, inputs, images), training=False)
    variables = {id(variable): variable for variable in classifier.model.variables}  # a scope knows them by that
    changed = [
        getattr(variables.get(key), "path", "a variable")
        for key, value in scope.state_mapping.items()
        # Seeds make a model random and give it no state that a result would hang on.
        if key not in scope.seeds and (key not in variables or not np.array_equal(value, variables[key]))
    ]
    output = np.asarray(classifier.output_of(outputs), np.float32)
    return output, changed, scope.seeds


def _network_inputs(classifier: ImageClassifier, inputs: Any, images: Any) -> Any:
    if classifier.preprocess != OWN:
        return classifier.network_inputs(inputs, images)
    # By the method that `predict` calls, in which a subclass may do more than the preprocessor does.
    return classifier.with_images(inputs, classifier.model.preprocess_samples(images))


class _Noting(keras.StatelessScope):
    """A scope that begins with some seeds, and knows those that were left at the end."""

    def __init__(self, seeds: Seeds | None) -> None:
        super().__init__()
        self.seeds: Seeds = dict(seeds or {})
        self.state_mapping.update(self.seeds)

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        super().add_update(update)
        if is_seed(update[0]):
            self.seeds[id(update[0])] = update[1]
