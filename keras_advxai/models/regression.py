"""Models that predict numbers, and how to tell that a model was trained to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import heads
from keras_advxai.models.labels import check_values
from keras_advxai.models.task import Task

_ROUNDING = 1e-6
_LOSSES = {
    *("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"),
    *("Huber", "LogCosh", "Poisson"),
    *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
    *("huber", "log_cosh", "poisson"),
}
"""The losses of regressions, by the names of Keras' classes and functions."""
_MOST_WRAPPED = 8
"""A loss that wraps a loss is looked into so often."""


class Way(NamedTuple):
    """What an attack on a regression is about: values to leave, and in which direction where it is still there.

    Args:
        reference: The values, `(batch, outputs)`.
        sign: `(batch, outputs)`, 1 or -1 for the output that is raised or lowered there, 0 for others.
    """

    reference: Tensor
    sign: Tensor


class Regression(Task):
    """One or more numbers for each image; nothing is right or wrong.

    Labels and predictions are the numbers, `(batch, outputs)` float32. An attack raises the squared change of the
    output from that of the clean image. At the image itself its gradient is zero, so there an attack follows
    the gradient of the output that is furthest from 0; it does so twice, up and down, and keeps what changes the output
    more. Explained is the value of one output, by default the same.
    """

    name: ClassVar[str] = "regression"
    says: ClassVar[str] = "is a regression"
    scores: ClassVar[tuple[str, ...]] = ("logit",)

    def from_logits(self, given: bool | None) -> bool | None:
        """The output is what it is: an activation at the end is a part of the model."""
        return True

    def outputs(self, logits: Tensor, head: str, from_logits: bool | None) -> heads.Outputs:
        """The values as logits and scores; there are no probabilities."""
        return heads.Outputs(logits, logits, tf.fill(tf.shape(logits), float("nan")))

    def predictions(self, logits: Tensor) -> Tensor:
        """The values, `(batch, outputs)` float32."""
        return logits

    def decisions(self, predictions: Tensor, finite: Tensor) -> Tensor:
        """The values, finite or not."""
        return predictions

    def strongest(self, logits: Tensor, predictions: Tensor) -> Tensor:
        """The output that is furthest from 0, `(batch,)` int32."""
        return tf.argmax(tf.abs(logits), axis=-1, output_type=tf.int32)

    def check_labels(self, y: Any, count: int, classes: int, binary: bool, where: str) -> np.ndarray:
        """Values, `(batch, outputs)` float32; see `inputs.check_values`."""
        return check_values(y, count, classes, where)

    def check_attack(self, attack: Any) -> None:
        """Raise for a targeted attack, and for losses of classes."""
        if attack.targeted:
            raise ValueError(
                f"A regression has no classes to reach: pass targeted=False. Received: {attack!r}, on a model with "
                "task='regression'"
            )
        if getattr(attack, "loss", "log_odds") != "log_odds":
            raise ValueError(
                "On a regression an attack raises the squared change of the output: leave `loss` out. "
                f"Received: loss={attack.loss!r}"
            )

    def reference(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """What an attack is to lead away from: the clean output, and not what is labelled."""
        return predictions

    def ways(self, y: Tensor) -> tuple[Any, ...]:
        """Up and down, at the image itself along the output that is furthest from 0."""
        up = tf.one_hot(self.strongest(y, y), y.shape[-1])
        return Way(y, up), Way(y, -up)

    def loss(self, name: str, logits: Tensor, y: Any) -> Tensor:
        """The squared change from the reference, `(batch,)`, with a gradient that is not zero at the image itself."""
        change = tf.stop_gradient(logits - y.reference)
        # Up to rounding: which way the output was rounded in another batch must not decide which way is tried.
        still = tf.reduce_all(tf.abs(change) <= _ROUNDING * (1 + tf.abs(y.reference)), axis=-1, keepdims=True)
        slope = tf.reduce_sum(tf.where(still, y.sign, change) * logits, axis=-1)
        return tf.reduce_sum(change**2, axis=-1) + slope - tf.stop_gradient(slope)

    def is_active(self, predictions: Tensor, y: Any, targeted: bool) -> Tensor:
        """Whether an attack has more to do, `(batch,)` bool: always, as far as its budget goes."""
        return tf.ones(tf.shape(predictions)[:1], tf.bool)

    def odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The negative value of one output of each image, `(batch,)`, as the score that falls."""
        return -tf.gather(logits, classes, axis=1, batch_dims=1)

    def saturated(self, logits: Tensor, labels: Tensor) -> Tensor | None:
        """Nothing saturates."""
        return None

    def probability(self, probabilities: Tensor, classes: Tensor) -> Tensor | None:
        """There are no probabilities."""
        return None

    def one_class(self, labels: Tensor, strongest: Tensor) -> Tensor:
        """The output that is explained."""
        return strongest

    def is_attackable(self, labels: Any, predictions: Any, targets: Any) -> Any:
        """No image is attacked towards a class."""
        return tf.zeros(tf.shape(predictions)[:1], tf.bool)

    def values(self, labels: Tensor) -> Tensor | None:
        """The numbers, `(batch, outputs)` float32."""
        return tf.cast(labels, tf.float32)


REGRESSION = Regression()


def regression_loss(model: Any, output: str | int | None = None) -> str | None:
    """The name of the loss that a model was compiled with, if it is that of a regression.

    Args:
        model: The model, compiled or not.
        output: Of several outputs, the name or index of the one that is meant. Defaults to `None`.

    Example:

    >>> import keras
    >>> from keras_advxai.models.regression import regression_loss
    >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> regression_loss(model)
    'mean_squared_error'
    """
    loss = getattr(model, "loss", None)
    names = list(getattr(model, "output_names", None) or ())
    if isinstance(loss, Mapping):
        if isinstance(output, int) and -len(names) <= output < len(names):
            output = names[output]  # and not the first of the losses, which may be that of another output
        loss = loss.get(output) if isinstance(output, str) else next(iter(loss.values()), None)
    elif isinstance(loss, (list, tuple)):
        index = names.index(output) if output in names else 0 if output is None else output
        loss = loss[index] if isinstance(index, int) and -len(loss) <= index < len(loss) else None
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:  # of the user's own, which is not registered
            return None
    return next((name for name in _names(loss) if name in _LOSSES), None)


def _names(loss: Any) -> Iterator[str]:
    """The names that a loss goes by: its own, those of its classes, and those of the function that it wraps."""
    # A class of a user's own may be one of Keras' with something added, and a `functools.partial` a function of Keras'
    # with a parameter chosen; Keras' own classes hold their function as `fn`.
    for _ in range(_MOST_WRAPPED):
        if loss is None:
            return
        yield from (getattr(loss, "__name__", ""), *(kind.__name__ for kind in type(loss).__mro__))
        wrapped = (getattr(loss, name, None) for name in ("fn", "func", "__wrapped__"))
        loss = next((item for item in wrapped if callable(item)), None)
