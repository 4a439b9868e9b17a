"""What a model is asked for: one class of several. All that depends on it is said by its `Task`."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Score, Tensor
from keras_advxai.models import heads
from keras_advxai.models.labels import check_labels
from keras_advxai.ops import losses


class Task:
    """What the outputs of a model mean, what is right, and what an attack raises: here, one class for each image.

    It has no state: attacks, explainers and quantities ask `ImageClassifier.kind`, and none of them asks which it is.

    Attributes:
        name: Its name, as in the provenance of a report.
        says: What such a model does, for messages.
        scores: The scores of explainers that mean something.
    """

    name: ClassVar[str] = "classification"
    says: ClassVar[str] = "predicts one class for each image"
    scores: ClassVar[tuple[str, ...]] = get_args(Score)

    def from_logits(self, given: bool | None) -> bool | None:
        """What is known of the output, where the user has said `given`."""
        return given

    def outputs(self, logits: Tensor, head: str, from_logits: bool | None) -> heads.Outputs:
        """Logits, scores and probabilities, `(batch, classes)`, from the values before the head, `(batch, units)`."""
        return heads.outputs(logits, head, from_logits)

    def rescaled(self, logits: Tensor, head: str, units: int) -> Tensor:
        """The probabilities of logits that were multiplied by a number, `(batch, classes)`."""
        return tf.sigmoid(logits) if head == "sigmoid" and units > 1 else tf.nn.softmax(logits)

    def predictions(self, logits: Tensor) -> Tensor:
        """What the model says, in the form of labels: the most probable class, `(batch,)` int32."""
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def decisions(self, predictions: Tensor, finite: Tensor) -> Tensor:
        """What counts as predicted: -1, which is no class, where the output is not finite."""
        return tf.where(finite, predictions, -1)

    def strongest(self, logits: Tensor, predictions: Tensor) -> Tensor:
        """The class that is explained unless another is named, `(batch,)` int32."""
        return predictions

    def check_labels(self, y: Any, count: int, classes: int, binary: bool, where: str) -> np.ndarray:
        """Labels as attacks and evaluations take them; see `inputs.check_labels`."""
        return check_labels(y, count, classes, binary, where)

    def is_own(self, targets: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether the class to reach is a label of the image already, `(images,)` bool."""
        own: np.ndarray = targets == labels
        return own

    def check_attack(self, attack: Any) -> None:
        """Raise if an attack has an option that means nothing here."""

    def reference(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """What an attack on labels is to lead away from: the labels."""
        return labels

    def ways(self, y: Tensor) -> tuple[Any, ...]:
        """What an attack is about in each of the ways that it has to try: the labels, in one way."""
        return (y,)

    def loss(self, name: str, logits: Tensor, y: Any) -> Tensor:
        """What an attack raises to lead away from labels, `(batch,)`."""
        return losses.LOSSES[name](logits, y)

    def targeted_loss(self, name: str, logits: Tensor, targets: Tensor) -> Tensor:
        """What an attack raises to lead to target classes, `(batch,)`."""
        return losses.TARGETED_LOSSES[name](logits, losses.runner_up(logits, targets), targets)

    def is_active(self, predictions: Tensor, y: Any, targeted: bool) -> Tensor:
        """Whether an attack has more to do, `(batch,)` bool: until another class, or the target class, is predicted."""
        # By the prediction and not by the loss: of many classes, the log-odds may be above 0 while the label still
        # leads.
        same = tf.equal(predictions, tf.cast(y, tf.int32))
        return tf.logical_not(same) if targeted else same

    def odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The log-odds against one class of each image, `(batch,)`."""
        return losses.log_odds(logits, classes)

    def saturated(self, logits: Tensor, labels: Tensor) -> Tensor | None:
        """Whether cross-entropy has a gradient of exactly zero in float32, `(batch,)` bool; `None` if it has none."""
        # The gradient is the difference of the two: the label's part of it is lost from a gap of 17 on, the rest from
        # 87.
        return tf.reduce_all(tf.nn.softmax(logits) == tf.one_hot(labels, logits.shape[-1]), axis=-1)

    def probability(self, probabilities: Tensor, classes: Tensor) -> Tensor | None:
        """The probability of one class of each image, `(batch,)`; `None` where there are no probabilities."""
        return losses.pick(probabilities, classes)

    def without(self, values: Tensor, labels: Tensor) -> Tensor:
        """Values of all classes, `(batch, classes)`, with minus infinity for the labels of the image."""
        return losses.without(values, labels)

    def is_other(self, labels: Any, targets: Any) -> Any:
        """Whether the class to reach is no label of the image, `(batch,)` bool."""
        return targets != labels

    def is_attackable(self, labels: Any, predictions: Any, targets: Any) -> Any:
        """Whether an image counts for a targeted attack: it is classified as labelled, and the target is no label."""
        return (predictions == labels) & self.is_other(labels, targets)

    def one_class(self, labels: Tensor, strongest: Tensor) -> Tensor:
        """The class that stands for the labels of an image, `(batch,)` int32."""
        return labels

    def label_sets(self, labels: Tensor) -> Tensor | None:
        """Labels or predictions as sets, `(batch, classes)` bool; `None` where they are no sets."""
        return None

    def values(self, labels: Tensor) -> Tensor | None:
        """Labels or predictions as numbers, `(batch, classes)` float32; `None` where they are no numbers."""
        return None


CLASSIFICATION = Task()
