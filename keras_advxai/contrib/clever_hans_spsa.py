"""The SPSA of cleverhans: with an optimizer that Keras 3 can build, and random numbers that belong to the image.

cleverhans' `spsa` itself builds its optimizer, which fails under Keras 3. What it does with it,
`projected_optimization`, is called here.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from cleverhans.tf2.attacks.spsa import SPSAAdam, margin_logit_loss, projected_optimization

from keras_advxai._typing import Tensor
from keras_advxai.attacks import rows as batches
from keras_advxai.attacks.starts import uniform_in_ball
from keras_advxai.models import Forward
from keras_advxai.ops import norms, random


def attack(
    forward: Forward,
    y: Tensor,
    epsilon: Tensor,
    *,
    targeted: bool,
    nb_iter: int,
    learning_rate: float,
    delta: float,
    spsa_samples: int,
    spsa_iters: int,
    early_stop_loss_threshold: float | None,
    seed: int,
) -> Tensor:
    """What cleverhans' `projected_optimization` finds for each image by itself: it takes one at a time.

    Args:
        forward: The pass over the images.
        y: Class indices, `(batch,)` int32.
        epsilon: The budget, in the images' own units.
        targeted: Whether the labels are target classes.
        nb_iter: How many steps there are.
        learning_rate: That of Adam, as a fraction of the bounds' width.
        delta: How far from the image the points are, as a fraction of the bounds' width.
        spsa_samples: How many points are evaluated at a time.
        spsa_iters: How many times that happens for each step.
        early_stop_loss_threshold: Below which loss an image is done, or `None`.
        seed: Seed of the start and of the points.

    Returns:
        Images, shaped as those of the pass.
    """
    model, sign = forward.classifier, 1 if targeted else -1
    (lower, upper), width = model.bounds, model.width
    clean = tf.clip_by_value(forward.images, lower, upper)

    def one(row: Tensor) -> Tensor:
        image, label, inputs = batches.take((clean, y, forward.inputs), row[None])

        def loss_fn(images: Tensor, label: Tensor) -> Tensor:
            copies = tf.shape(images)[0]
            others = keras.tree.map_structure(lambda part: tf.repeat(part, copies, axis=0), inputs)
            logits = model.forward(model.with_images(others, images)).logits
            return sign * margin_logit_loss(logits, label, nb_classes=logits.shape[-1])

        # One image at a time, because that is all that cleverhans takes: its loss is the mean over a batch of points.
        optimizer = _Optimizer(image, seed, learning_rate * width, delta * width, spsa_samples, spsa_iters)
        projection = _Projection(epsilon * uniform_in_ball(image, "linf", seed, 0))
        with _quiet():
            found = projected_optimization(
                loss_fn,
                image,
                label,
                epsilon,
                nb_iter,
                optimizer,
                lower,
                upper,
                early_stop_loss_threshold,
                projection,
            )
        return found[0]

    every = tf.range(tf.shape(clean)[0])
    found = tf.map_fn(one, every, fn_output_signature=tf.TensorSpec(clean.shape[1:]), parallel_iterations=1)
    return tf.ensure_shape(found, clean.shape)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside of the block, TensorFlow does not log that cleverhans passes its loops an argument that will go.

    It is logged once in a process, `back_prop=False is deprecated`, and the user can do nothing about it.
    """

    def keep(record: logging.LogRecord) -> bool:
        return "back_prop=False" not in record.getMessage()

    logger = tf.get_logger()
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


class _Projection:
    """Keeps perturbations within the budget and the bounds, and replaces the first one by a start of ours.

    cleverhans draws its start from TensorFlow's global generator, so that an image's result would depend on what was
    drawn before; it takes no other, but projects it before anything else. So the first call is where ours comes in.
    """

    def __init__(self, start: Tensor) -> None:
        self._start: Tensor | None = start

    def __call__(
        self, perturbation: Tensor, epsilon: Tensor, input_image: Tensor, *, clip_min: float, clip_max: float
    ) -> Tensor:
        if self._start is not None:
            perturbation, self._start = self._start, None
        clipped = tf.clip_by_value(perturbation, -epsilon, epsilon)
        return tf.clip_by_value(input_image + clipped, clip_min, clip_max) - input_image


class _Optimizer:
    """cleverhans' optimizer, whose points are drawn from a seed, the image, and the number of the draw.

    It has the methods of cleverhans' `SPSAAdam` and is none: that one is a Keras optimizer, whose constructor refuses
    cleverhans' `lr=` since Keras 3, and would make variables. Of Adam only the numbers are needed; what it remembers
    goes from step to step as `optim_state`.
    """

    init_state = SPSAAdam.init_state
    _apply_gradients = SPSAAdam._apply_gradients

    def __init__(
        self, image: Tensor, seed: int, learning_rate: float, delta: float, num_samples: int, num_iters: int
    ) -> None:
        self.lr = learning_rate
        self.beta_1, self.beta_2, self.epsilon = 0.9, 0.999, 1e-7
        self._delta = delta
        self._num_samples = num_samples // 2  # each with its mirror image
        # cleverhans' loop over the draws of a step does not say to `_get_delta` which of them it makes, and random
        # numbers that are hashed from a seed need a number. So cleverhans makes one draw at a time, and we count.
        self._num_iters = 1
        self._per_step = num_iters
        self._keys = random.image_keys(image, seed)
        self._first = self._draw = tf.constant(0)

    def minimize(self, loss_fn: Callable[..., Tensor], x: list[Tensor], optim_state: dict[str, Any]) -> Any:
        """One step: the images after it, and the state."""
        self._first = 1 + self._per_step * tf.cast(optim_state["t"], tf.int32)
        return SPSAAdam.minimize(self, loss_fn, x, optim_state)

    def _compute_gradients(self, loss_fn: Callable[..., Tensor], x: list[Tensor]) -> list[Tensor]:
        first = self._first

        def one(number: Tensor) -> Tensor:
            self._draw = first + number
            # Where the outputs at some of the points are NaN, so is the estimate.
            return norms.finite(SPSAAdam._compute_gradients(self, loss_fn, list(x))[0])

        numbers = tf.range(self._per_step)
        every = tf.map_fn(one, numbers, fn_output_signature=tf.float32, parallel_iterations=1)
        return [tf.reduce_sum(every, axis=0)]

    def _get_delta(self, x: Tensor, delta: float) -> Tensor:
        return delta * random.signs(self._keys, self._draw, [self._num_samples, *x.shape[1:]])[0]
