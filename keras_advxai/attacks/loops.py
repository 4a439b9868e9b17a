"""Loops in graphs over steps and attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor


def loop(
    epsilon: Tensor, goes_on: Callable[..., Tensor], body: Callable[..., Any], state: tuple[Any, ...]
) -> tuple[Any, ...]:
    """A `tf.while_loop` that is not entered at epsilon 0, and in which the number of rows may change.

    Args:
        epsilon: The budget, a scalar.
        goes_on: Whether there is another iteration, from the state.
        body: The state after an iteration, from the state.
        state: A tuple of nested structures. Vectors of int32 in it are indices of rows, of which there may be fewer.
    """

    # Rows leave in the loops until a hit, and in no other; the images themselves keep the shape that the model needs.
    def shape(value: Tensor) -> tf.TensorShape:
        return tf.TensorShape([None]) if value.dtype == tf.int32 and value.shape.rank == 1 else value.shape

    # Without a budget no step leads anywhere: an evaluation that asks for epsilon 0 as well pays one pass for it, and
    # gets the images to the last bit.
    result: tuple[Any, ...] = tf.while_loop(
        lambda *state: (epsilon > 0) & goes_on(*state),
        body,
        state,
        shape_invariants=keras.tree.map_structure(shape, state),
        parallel_iterations=1,  # several at once would hold the activations of each
    )
    return result


def not_inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that stays one by itself in the graph.

    In the body of a loop, TensorFlow's oneDNN pass misses some kernels, depending on the order in which it visits them;
    in one process of three, a gradient of a small network took a third longer there.
    """
    apart: Callable[..., Any] = tf.function(function, autograph=False, experimental_attributes={"_noinline": True})
    return apart
