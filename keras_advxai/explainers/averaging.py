"""The mean of something over draws, in a loop whose memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from keras_advxai._typing import Tensor

T = TypeVar("T")


def mean_over(count: int, draw: Callable[[Tensor], T]) -> T:
    """The mean of `draw(0)`, ..., `draw(count - 1)`.

    The graph holds `draw` at most twice, however large `count` is.

    Args:
        count: How many draws there are.
        draw: A function of the number of the draw, a scalar int32 tensor, to a tensor or a tuple of them.

    Returns:
        The mean, shaped as each draw is.
    """
    # The first draw is made outside of the loop, because only it says which shape the sum has: a layer's map's for
    # Grad-CAM, the images' for a gradient.
    first = draw(tf.constant(0))
    if count == 1:
        return first

    def add(index: Tensor, total: Any) -> tuple[Tensor, Any]:
        def sum_of(total: Tensor, another: Tensor, like: Tensor) -> Tensor:
            return tf.ensure_shape(total + another, like.shape)

        return index + 1, tf.nest.map_structure(sum_of, total, draw(index), first)

    # One draw at a time: TensorFlow would otherwise run ten side by side, with the memory of ten.
    _, total = tf.while_loop(lambda index, _: index < count, add, (tf.constant(1), first), parallel_iterations=1)
    found: T = tf.nest.map_structure(lambda total: total / count, total)
    return found
