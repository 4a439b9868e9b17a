"""TRADES: how far predictions move around the images, as an attack and as a term of the loss."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Norm, Tensor
from keras_advxai.attacks import Attack, GradientSteps, Objective, bounds_ball_bounds, steepest
from keras_advxai.attacks.schedules import check_step_size, step_sizes
from keras_advxai.models import Forward, ImageClassifier, heads
from keras_advxai.models.inputs import check_whole_number
from keras_advxai.ops import random

START = 0.001
"""How far from the images the steps begin, in units of the bounds' width: there the divergence has no gradient."""


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of the probabilities of two batches of logits, `(batch,)`.

    `sum_k p_k (log p_k - log q_k)`, with `p` the softmax of `logits` and `q` that of `others`.

    Args:
        logits: `(batch, classes)`.
        others: `(batch, classes)`.
    """
    logs = tf.nn.log_softmax(logits)
    return tf.reduce_sum(tf.exp(logs) * (logs - tf.nn.log_softmax(others)), axis=-1)


def logits_of(classifier: ImageClassifier, outputs: Any) -> Tensor:
    """The logits of what the model has returned in a training step, `(batch, classes)` float32, as in `Forward`.

    Args:
        classifier: The classifier.
        outputs: What its model returned, with all its outputs.
    """
    said = classifier.kind.from_logits(classifier.from_logits)
    found, head = heads.read_logits(classifier.output_of(outputs), said, classifier.reduce, classifier.head)
    values = tf.cast(found, tf.float32)
    units = values[:, None] if values.shape.rank == 1 else values
    return classifier.kind.outputs(units, head, classifier.from_logits)[0]


@keras.saving.register_keras_serializable(package="keras_advxai")
class DivergencePGD(Attack):
    """Projected gradient descent on the divergence of the predictions from those of the images, as TRADES takes it.

    It asks for no label. The steps begin at normal noise of 0.001 around the images, and the last iterate is kept.

    Args:
        norm: `"linf"` or `"l2"`. Defaults to `"linf"`.
        steps: How many steps there are. Defaults to 10.
        step_size: The size of a step, as a fraction of epsilon. Defaults to 0.007/0.031, that of Zhang et al. for
            CIFAR-10.
        seed: Seed of the noise, which depends on it and on the image. Defaults to 0.

    Example:

    Two logits, 2x and 0: probabilities move further where they are less certain.

    >>> import keras, numpy as np
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([
    ...     keras.layers.Input((1, 1, 1)),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[2, 0]])),
    ... ])
    >>> x = np.full((1, 1, 1, 1), 0.5, "float32")
    >>> float(kax.training.DivergencePGD()(net, x, epsilon=0.25).item())
    0.25

    References:
        Zhang et al., "Theoretically principled trade-off between robustness and accuracy", ICML 2019 (TRADES).
    """

    uses_gradients = True
    iterative = True

    def __init__(
        self, *, norm: Norm = "linf", steps: int = 10, step_size: float | None = 0.007 / 0.031, seed: int = 0
    ) -> None:
        super().__init__(norm=norm)
        self.steps = check_whole_number("steps", steps, 1)
        self.step_size = check_step_size(step_size)
        self.seed = check_whole_number("seed", seed, -(2**31))

    def perturb(self, model: ImageClassifier, x: Tensor, y: Tensor, epsilon: Tensor, forward: Forward) -> Tensor:
        """The last iterate; see `Attack.perturb`."""
        steps = GradientSteps(
            objective=Objective(_moved, _gradient, _never),
            direction=steepest(self.norm),
            project=bounds_ball_bounds(self.norm),
            sizes=step_sizes("constant", self.steps, self.step_size),
            start=lambda images, budget, number: images + START * model.width * self._noise(images, number),
            from_clean_pass=False,
            keep="last",
        )
        return steps.run(model, forward, tf.stop_gradient(forward.logits), epsilon)

    def _noise(self, images: Tensor, number: int | Tensor) -> Tensor:
        drawn = random.normal(random.image_keys(images, self.seed), number, tf.shape(images)[1:])
        return tf.ensure_shape(drawn, images.shape)


def _moved(forward: Forward, clean: Tensor) -> Tensor:
    return divergence(clean, forward.logits)


def _gradient(forward: Forward, clean: Tensor) -> Tensor:
    return forward.gradient(_moved, clean)


def _never(forward: Forward, clean: Tensor) -> Tensor:
    return tf.zeros(tf.shape(clean)[:1], tf.bool)
