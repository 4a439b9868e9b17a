"""Gradients along straight paths, in batches of a bounded size."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier
from keras_advxai.models.forward import Objective


def attributions_along(
    model: ImageClassifier,
    inputs: Any,
    x: Tensor,
    baseline: Tensor,
    targets: Tensor,
    objective: Objective,
    nodes: np.ndarray,
    weights: np.ndarray,
    at_once: int | Tensor,
) -> Tensor:
    """The way from baselines to images, times the weighted mean of the gradient over points on it.

    Images are taken in groups, and of each group as many points at once as the batch holds: many images at one point,
    or few at several. Groups are of about equal size, so no batch is almost empty.

    Args:
        model: The classifier.
        inputs: The model's inputs with the images; the others are kept as they are.
        x: The images, `(batch, height, width, channels)`.
        baseline: Where the paths begin: shaped as the images, or with a batch of 1.
        targets: Class indices, `(batch,)`.
        objective: What is differentiated.
        nodes: The points, from 0 at the baseline to 1 at the image, `(steps,)`.
        weights: How much each point counts, `(steps,)`.
        at_once: How many points go through the model at once.

    Returns:
        The products, shaped as the images.
    """
    steps = len(nodes)
    nodes, weights = tf.constant(nodes, tf.float32), tf.constant(weights, tf.float32)
    count = tf.shape(x)[0]
    # 33 images at 32 at once make groups of 17 and 16, not of 32 and 1.
    groups = tf.maximum(1, _divided(count, at_once))
    size = _divided(count, groups)

    def gradient_at(inputs: Any, points: Tensor, labels: Tensor) -> Tensor:
        # `or_zero`: a score that does not depend on the image has attributions, and they are 0.
        return model.forward(model.with_images(inputs, points)).gradient(objective, labels, or_zero=True)

    # A function of its own: in the body of a nested loop, oneDNN's layout pass misses some kernels, depending on the
    # order in which it visits them, and pooling is 16 times slower.
    compiled = tf.function(gradient_at, autograph=False, experimental_attributes={"_noinline": True})

    def group(start: Tensor) -> Tensor:
        """The attributions of the images from `start` on."""

        def rows(tensor: Tensor) -> Tensor:
            return tensor[start : start + size]

        images, labels = rows(x), rows(targets)
        begin = tf.broadcast_to(baseline if baseline.shape[0] == 1 else rows(baseline), tf.shape(images))
        others = keras.tree.map_structure(lambda item: rows(tf.convert_to_tensor(item)), inputs)
        change = images - begin
        # The last group may be smaller, and then holds more points of each path at once.
        fit = tf.maximum(1, at_once // tf.maximum(1, tf.shape(images)[0]))
        several = _divided(steps, _divided(steps, fit))

        def add(step: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
            fractions = nodes[step : step + several]
            copies = tf.shape(fractions)[0]
            points = begin[None] + tf.reshape(fractions, [-1] + [1] * x.shape.rank) * change[None]
            points = tf.reshape(points, tf.concat([[-1], tf.shape(x)[1:]], axis=0))
            # A reshape forgets the static shape, without which a Dense layer cannot be called.
            points.set_shape([None, *x.shape[1:]])

            def repeated(tensor: Tensor) -> Tensor:
                return tf.tile(tensor, tf.concat([[copies], tf.ones(tf.rank(tensor) - 1, tf.int32)], axis=0))

            again = keras.tree.map_structure(repeated, others)
            gradient = compiled(again, points, repeated(labels))
            gradient = tf.reshape(gradient, tf.concat([[copies], tf.shape(images)], axis=0))
            total += tf.tensordot(weights[step : step + several], gradient, axes=1)
            return step + several, tf.ensure_shape(total, [None, *x.shape[1:]])

        # The sum is kept and not the gradients: with 2000 steps on 8 photographs these would take 10 GB.
        _, total = tf.while_loop(
            lambda step, _: step < steps,
            add,
            (tf.constant(0), tf.zeros_like(images)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, *x.shape[1:]])),
            parallel_iterations=1,
        )
        return total * change

    def write(index: Tensor, parts: tf.TensorArray) -> tuple[Tensor, tf.TensorArray]:
        return index + 1, parts.write(index, group(index * size))

    parts = tf.TensorArray(tf.float32, size=groups, infer_shape=False, element_shape=[None, *x.shape[1:]])
    _, parts = tf.while_loop(lambda index, _: index < groups, write, (tf.constant(0), parts), parallel_iterations=1)
    return tf.ensure_shape(parts.concat(), x.shape)


def _divided(count: Tensor | int, by: Tensor | int) -> Tensor:
    """A quotient, rounded up."""
    return (count + by - 1) // by
