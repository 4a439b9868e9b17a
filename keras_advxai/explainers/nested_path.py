"""Gradients along straight paths at more and more points, for each image until its attributions add up."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.explainers.path import compiled_gradient, in_groups, paths
from keras_advxai.explainers.quadrature import Nested
from keras_advxai.models import ImageClassifier
from keras_advxai.models.forward import Objective


def attributions_until(
    model: ImageClassifier,
    inputs: Any,
    x: Tensor,
    baseline: Tensor,
    targets: Tensor,
    objective: Objective,
    rules: Nested,
    tolerance: float,
    change: Tensor,
    at_once: int | Tensor,
) -> tuple[Tensor, Tensor]:
    """Attributions by the first of nested rules with which they add up to the change of the score.

    All images of a group are looked at after each rule, and those that add up leave it. What they leave room for in a
    batch is taken by more points of the others. No gradient is kept: each is added to a sum for every rule that is
    still to come, weighted as it will count there, so nothing is computed twice and the memory does not grow with the
    number of points.

    Args:
        model: The classifier.
        inputs: The model's inputs with the images; the others are kept as they are.
        x: The images, `(batch, height, width, channels)`.
        baseline: Where the paths begin: shaped as the images, or with a batch of 1.
        targets: Class indices, `(batch,)`.
        objective: What is differentiated.
        rules: The nested rules, at least one.
        tolerance: How far the sum of the attributions may be from the change of the score, as a part of it.
        change: The change of the score, `(batch,)`.
        at_once: How many points go through the model at once.

    Returns:
        The attributions, shaped as the images, and of how many points each is made, `(batch,)` int32. Images that never
        add up have the attributions of the last rule, and so do those whose score is not a number.
    """
    nodes, weights = tf.constant(rules.nodes, tf.float32), tf.constant(rules.weights, tf.float32)
    sizes, last = tf.constant(rules.sizes), len(rules.sizes) - 1
    gradient = compiled_gradient(model, objective)
    shape = [None, *x.shape[1:]]

    def group(start: Tensor, size: Tensor) -> list[Tensor]:
        """The attributions of the images from `start` on, and their points."""
        whole = paths(inputs, x, baseline, targets, start, size)
        wanted = change[start : start + size]
        count = tf.shape(wanted)[0]

        def refine(rule: Tensor, left: Tensor, totals: Tensor, found: Tensor, steps: Tensor) -> tuple[Tensor, ...]:
            """One rule more: `left` are the images that do not add up, `totals` their sums for this rule and later."""
            some = whole.chosen(lambda tensor: tf.gather(tensor, left))
            begin, end = tf.where(rule > 0, sizes[tf.maximum(rule - 1, 0)], 0), sizes[rule]
            several = some.at_several(at_once, end - begin)

            def add(step: Tensor, totals: Tensor) -> tuple[Tensor, Tensor]:
                until = tf.minimum(step + several, end)
                gradients = some.gradients(gradient, nodes[step:until])
                totals += tf.tensordot(weights[rule:, step:until], gradients, axes=1)
                return until, tf.ensure_shape(totals, [None, *shape])

            _, totals = tf.while_loop(
                lambda step, _: step < end,
                add,
                (begin, totals),
                shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, *shape])),
                parallel_iterations=1,
            )
            attributions = totals[0] * some.change
            change_left = tf.gather(wanted, left)
            gap = tf.abs(tf.reduce_sum(attributions, axis=range(1, x.shape.rank)) - change_left)
            open_still = (rule < last) & (gap > tolerance * tf.abs(change_left))  # of NaN nothing is, so it ends here
            ready, open_still = (tf.reshape(tf.where(some_of), [-1]) for some_of in (~open_still, open_still))
            places = tf.gather(left, ready)[:, None]
            found = tf.tensor_scatter_nd_update(found, places, tf.gather(attributions, ready))
            steps = tf.tensor_scatter_nd_update(steps, places, tf.fill([tf.size(ready)], end))
            return (
                rule + 1,
                tf.gather(left, open_still),
                tf.gather(totals[1:], open_still, axis=1),
                tf.ensure_shape(found, shape),
                steps,
            )

        zeros = tf.zeros_like(whole.change)
        begin = (
            tf.constant(0),
            tf.range(count),
            tf.zeros(tf.concat([[last + 1], tf.shape(zeros)], axis=0)),
            zeros,
            tf.zeros([count], tf.int32),
        )
        _, _, _, found, steps = tf.while_loop(
            lambda rule, left, *_: tf.size(left) > 0,
            refine,
            begin,
            shape_invariants=tuple(map(tf.TensorShape, ([], [None], [None, *shape], shape, [None]))),
            parallel_iterations=1,
        )
        return [found, steps]

    found, steps = in_groups(tf.shape(x)[0], at_once, group, [x, targets])
    return found, steps
