"""Gradients along straight paths, in batches of a bounded size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models import ImageClassifier
from keras_advxai.models.forward import Objective

Gradient = Callable[[Any, Tensor, Tensor], Tensor]


@dataclasses.dataclass(frozen=True, eq=False)  # `==` of tensors has no truth value in a graph
class Paths:
    """Straight paths from baselines to images.

    Attributes:
        inputs: The model's inputs with the images; the others go along with each point of their image's path.
        begin: Where the paths begin, shaped as the images, `(batch, height, width, channels)`.
        change: The way to the images, shaped so, too.
        targets: Class indices, `(batch,)`.
    """

    inputs: Any
    begin: Tensor
    change: Tensor
    targets: Tensor

    def chosen(self, choose: Callable[[Tensor], Tensor]) -> Paths:
        """Those of some of the images.

        Args:
            choose: A function of a tensor to some of its rows.
        """
        others = keras.tree.map_structure(lambda item: choose(tf.convert_to_tensor(item)), self.inputs)
        return Paths(others, choose(self.begin), choose(self.change), choose(self.targets))

    def at_several(self, at_once: int | Tensor, steps: int | Tensor) -> Tensor:
        """How many points of each path fill a batch, such that the batches of all steps are about equally full."""
        fit = tf.maximum(1, at_once // tf.maximum(1, tf.shape(self.change)[0]))
        return _divided(steps, _divided(steps, fit))

    def gradients(self, gradient: Gradient, fractions: Tensor) -> Tensor:
        """The gradients at some points of each path, `(points, batch, height, width, channels)`.

        Args:
            gradient: What `compiled_gradient` made.
            fractions: The points, from 0 at the baseline to 1 at the image, `(points,)`.
        """
        copies, shape = tf.shape(fractions)[0], self.change.shape
        points = self.begin[None] + tf.reshape(fractions, [-1] + [1] * shape.rank) * self.change[None]
        points = tf.reshape(points, tf.concat([[-1], tf.shape(self.change)[1:]], axis=0))
        # A reshape forgets the static shape, without which a Dense layer cannot be called.
        points.set_shape([None, *shape[1:]])

        def repeated(tensor: Tensor) -> Tensor:
            return tf.tile(tensor, tf.concat([[copies], tf.ones(tf.rank(tensor) - 1, tf.int32)], axis=0))

        again = keras.tree.map_structure(repeated, self.inputs)
        found = gradient(again, points, repeated(self.targets))
        return tf.reshape(found, tf.concat([[copies], tf.shape(self.change)], axis=0))


def paths(inputs: Any, x: Tensor, baseline: Tensor, targets: Tensor, start: Tensor, size: Tensor) -> Paths:
    """The paths to the images from `start` on, at most `size` of them.

    Args:
        inputs: The model's inputs with all images.
        x: All images, `(batch, height, width, channels)`.
        baseline: Where the paths begin: shaped as the images, or with a batch of 1.
        targets: Class indices, `(batch,)`.
        start: The number of the first image.
        size: How many there are, but for the last of them.
    """

    def rows(tensor: Tensor) -> Tensor:
        return tensor[start : start + size]

    images = rows(x)
    begin = tf.broadcast_to(baseline if baseline.shape[0] == 1 else rows(baseline), tf.shape(images))
    others = keras.tree.map_structure(lambda item: rows(tf.convert_to_tensor(item)), inputs)
    return Paths(others, begin, images - begin, rows(targets))


def compiled_gradient(model: ImageClassifier, objective: Objective) -> Gradient:
    """The gradient of an objective at points, as a function of the model's inputs, the points and their targets.

    Args:
        model: The classifier.
        objective: What is differentiated.
    """

    def gradient_at(inputs: Any, points: Tensor, labels: Tensor) -> Tensor:
        # `or_zero`: a score that does not depend on the image has attributions, and they are 0.
        return model.forward(model.with_images(inputs, points)).gradient(objective, labels, or_zero=True)

    # A function of its own: in the body of a nested loop, oneDNN's layout pass misses some kernels, depending on the
    # order in which it visits them, and pooling is 16 times slower.
    compiled: Gradient = tf.function(gradient_at, autograph=False, experimental_attributes={"_noinline": True})
    return compiled


def in_groups(
    count: Tensor, at_once: int | Tensor, group: Callable[[Tensor, Tensor], Sequence[Tensor]], like: Sequence[Tensor]
) -> list[Tensor]:
    """What a function returns of groups of images, one after the other, put together again.

    Args:
        count: How many images there are.
        at_once: How many a group holds at most.
        group: A function of the number of a group's first image and of the groups' size, to tensors with a row for each
            image.
        like: Tensors of the shapes and types that all images have of them.
    """
    # 33 images at 32 at once make groups of 17 and 16, not of 32 and 1.
    groups = tf.maximum(1, _divided(count, at_once))
    size = _divided(count, groups)
    parts = [
        tf.TensorArray(item.dtype, size=groups, infer_shape=False, element_shape=[None, *item.shape[1:]])
        for item in like
    ]

    def write(index: Tensor, *parts: tf.TensorArray) -> tuple[Any, ...]:
        found = group(index * size, size)
        return (index + 1, *(part.write(index, item) for part, item in zip(parts, found, strict=True)))

    _, *parts = tf.while_loop(lambda index, *_: index < groups, write, (tf.constant(0), *parts), parallel_iterations=1)
    return [tf.ensure_shape(part.concat(), item.shape) for part, item in zip(parts, like, strict=True)]


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
    gradient = compiled_gradient(model, objective)

    def group(start: Tensor, size: Tensor) -> list[Tensor]:
        """The attributions of the images from `start` on."""
        some = paths(inputs, x, baseline, targets, start, size)
        # The last group may be smaller, and then holds more points of each path at once.
        several = some.at_several(at_once, steps)

        def add(step: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
            found = some.gradients(gradient, nodes[step : step + several])
            total += tf.tensordot(weights[step : step + several], found, axes=1)
            return step + several, tf.ensure_shape(total, [None, *x.shape[1:]])

        # The sum is kept and not the gradients: with 2000 steps on 8 photographs these would take 10 GB.
        _, total = tf.while_loop(
            lambda step, _: step < steps,
            add,
            (tf.constant(0), tf.zeros_like(some.change)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, *x.shape[1:]])),
            parallel_iterations=1,
        )
        return [total * some.change]

    (found,) = in_groups(tf.shape(x)[0], at_once, group, [x])
    return found


def _divided(count: Tensor | int, by: Tensor | int) -> Tensor:
    """A quotient, rounded up."""
    return (count + by - 1) // by
