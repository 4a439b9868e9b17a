"""Models that predict several labels for each image: each label is there or not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import heads
from keras_advxai.models.labels import check_multi_hot
from keras_advxai.models.task import Task
from keras_advxai.ops import losses


class MultiLabel(Task):
    """Several labels for each image, each with a sigmoid of its own.

    Labels and predictions are rows of 0 and 1, `(batch, labels)` int32; a label is predicted where its logit is above
    0. With `s = 1` for a label that the image has and `s = -1` for one that it has not, the log-odds against what is
    labelled are `-s * z`. An attack raises their sum over the labels, and has more to do until each of them is wrong.
    Explained is one label, by default the one with the largest logit.
    """

    name: ClassVar[str] = "multi_label"
    says: ClassVar[str] = "predicts several labels for each image"
    scores: ClassVar[tuple[str, ...]] = ("logit", "probability")

    def outputs(self, logits: Tensor, head: str, from_logits: bool | None) -> heads.Outputs:
        """Logits, scores and probabilities of the labels.

        Raises:
            ValueError: The model ends in a softmax, which predicts one class.
        """
        if head == "softmax":
            raise ValueError(
                "Argument `labels` must be None or 'single' for a model that ends in a softmax, which predicts one "
                "class for each image. Received: labels='multi'"
            )
        logits = heads.binary_logits(logits, head)
        return heads.Outputs(logits, logits, tf.sigmoid(logits))

    def rescaled(self, logits: Tensor, head: str, units: int) -> Tensor:
        """The probabilities of logits that were multiplied by a number, `(batch, labels)`."""
        return tf.sigmoid(logits)

    def predictions(self, logits: Tensor) -> Tensor:
        """Which labels the model says, `(batch, labels)` int32."""
        return tf.cast(logits > 0, tf.int32)

    def decisions(self, predictions: Tensor, finite: Tensor) -> Tensor:
        """What counts as predicted: -1, neither there nor not, where the output is not finite."""
        return tf.where(finite[:, None], predictions, -1)

    def strongest(self, logits: Tensor, predictions: Tensor) -> Tensor:
        """The label with the largest logit, `(batch,)` int32."""
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    def check_labels(self, y: Any, count: int, classes: int, binary: bool, where: str) -> np.ndarray:
        """Rows of 0 and 1, `(batch, labels)` int32; see `inputs.check_multi_hot`."""
        return check_multi_hot(y, count, classes, where)

    def is_own(self, targets: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether the label to reach is among those of the image already, `(images,)` bool."""
        own: np.ndarray = labels[np.arange(len(labels)), targets] > 0
        return own

    def check_attack(self, attack: Any) -> None:
        """Raise for the loss `"dlr"`, which compares classes with one another."""
        if getattr(attack, "loss", None) == "dlr":
            raise ValueError(
                "The loss 'dlr' compares the classes of a softmax with one another, and the model predicts several "
                "labels. Pass loss='log_odds'. Received: loss='dlr'"
            )

    def loss(self, name: str, logits: Tensor, y: Any) -> Tensor:
        """The sum of the labels' binary losses, `(batch,)`; of two outcomes, the margin is the log-odds."""
        against = tf.where(tf.cast(y, tf.bool), -logits, logits)
        return tf.reduce_sum(tf.nn.softplus(against) if name == "cross_entropy" else against, axis=-1)

    def targeted_loss(self, name: str, logits: Tensor, targets: Tensor) -> Tensor:
        """The negative loss of the target label, `(batch,)`, whatever becomes of the others."""
        towards = losses.pick(logits, targets)
        return -tf.nn.softplus(-towards) if name == "cross_entropy" else towards

    def is_active(self, predictions: Tensor, y: Any, targeted: bool) -> Tensor:
        """Whether some label is right yet, or the target label not predicted, `(batch,)` bool."""
        if targeted:
            return losses.pick(predictions, y) == 0
        return tf.reduce_any(predictions == tf.cast(y, tf.int32), axis=-1)

    def odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The log-odds against one label of each image, `(batch,)`."""
        return -losses.pick(logits, classes)

    def saturated(self, logits: Tensor, labels: Tensor) -> Tensor | None:
        """Whether the gradient of cross-entropy is exactly zero for all labels, `(batch,)` bool."""
        return tf.reduce_all(tf.sigmoid(logits) == tf.cast(labels, tf.float32), axis=-1)

    def without(self, values: Tensor, labels: Tensor) -> Tensor:
        """Values of all labels, with minus infinity for those that the image has."""
        return tf.where(tf.cast(labels, tf.bool), tf.constant(-float("inf"), values.dtype), values)

    def is_other(self, labels: Any, targets: Any) -> Any:
        """Whether the image does not have the label to reach."""
        return losses.pick(labels, targets) == 0

    def is_attackable(self, labels: Any, predictions: Any, targets: Any) -> Any:
        """Whether an image neither has the label to reach nor is said to have it."""
        return self.is_other(labels, targets) & (losses.pick(predictions, targets) == 0)

    def one_class(self, labels: Tensor, strongest: Tensor) -> Tensor:
        """No label stands for all: the strongest one that is predicted."""
        return strongest

    def label_sets(self, labels: Tensor) -> Tensor | None:
        """Which labels there are, `(batch, labels)` bool."""
        return labels > 0


MULTI_LABEL = MultiLabel()
