"""Where a pass may become NaN and what comes of it cannot be seen at its end."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models.forward import Forward
from keras_advxai.models.graph import PRODUCTS, ancestors

_SOURCES = frozenset(
    {"Sqrt", "Rsqrt", "Log", "Log1p", "Pow", "RealDiv", "Div", "Reciprocal", "Inv", "Xlogy", "Xdivy", "FloorMod", "Mod"}
    | {"Asin", "Acos", "Acosh", "Atanh"}
)
"""Operations of finite numbers that may return NaN or infinity."""
_SWALLOWING = frozenset(
    {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Maximum", "Minimum", "ClipByValue", "Max", "Min", "ArgMax", "ArgMin"}
    | {"MaxPool", "MaxPoolV2", "MaxPool3D", "Greater", "GreaterEqual", "Less", "LessEqual"}
)
"""Operations that may return a number for NaN, on some processors at least."""
_DELIBERATE = frozenset({"Select", "SelectV2", "IsNan", "IsInf", "IsFinite", "MulNoNan"})
"""What takes the place of numbers that are not finite, as `where(x > 0, log(x), 0)` does by intent."""
_OF_INFINITY = PRODUCTS | {"Mul", "Sub", "AddV2", "AddN", "Sum", "Mean"}
"""What may make NaN of infinity; a maximum with minus infinity is right as it is."""


def not_finite_inside(forward: Forward) -> Tensor | None:
    """Of which images a value inside of the model is NaN, or infinite, which something behind it turns to a number.

    It looks at what roots, logarithms, divisions and the like return, where a ReLU, a maximum, a comparison or another
    operation that may make a number of NaN lies behind them. Their inputs are not looked at: an operation that somebody
    else reads is not fused with the next one, and would round otherwise.

    Args:
        forward: A pass.

    Returns:
        `(batch,)` bool; `None` where there is no such operation, or no graph.
    """
    end = forward.raw_logits
    if not hasattr(end, "graph"):
        return None
    behind = ancestors(end)
    batch = tf.shape(forward.images)[0]
    found = []
    for operation in _depending(forward.images, behind):
        if operation.type in _SOURCES and operation.outputs[0].dtype.is_floating:
            swallowed, mixed = _swallowed(operation, behind)
            if swallowed:
                value = operation.outputs[0]
                wrong = tf.logical_not(tf.math.is_finite(value)) if mixed else tf.math.is_nan(value)
                found.append(_by_image(wrong, batch))
    return tf.reduce_any(tf.stack(found), axis=0) if found else None


def _depending(images: Tensor, behind: dict[int, Any]) -> list[Any]:
    """Those of some operations that depend on the images."""
    found: dict[int, Any] = {}
    queue = list(images.consumers())
    while queue:
        operation = queue.pop()
        if id(operation) in behind and id(operation) not in found:
            found[id(operation)] = operation
            queue.extend(consumer for output in operation.outputs for consumer in output.consumers())
    return list(found.values())


def _swallowed(source: Any, behind: dict[int, Any]) -> tuple[bool, bool]:
    """Whether something behind an operation may make a number of NaN, and of NaN that comes of infinity."""
    queue, done = [(source, False)], set()
    swallowed = mixed = False
    while queue:
        operation, is_mixed = queue.pop()
        for item in (consumer for output in operation.outputs for consumer in output.consumers()):
            if id(item) not in behind or item.type in _DELIBERATE:
                continue
            if item.type in _SWALLOWING:
                swallowed, mixed = True, mixed or is_mixed
                continue
            state = (item, is_mixed or item.type in _OF_INFINITY)
            if (id(item), state[1]) not in done:
                done.add((id(item), state[1]))
                queue.append(state)
    return swallowed, mixed


def _by_image(wrong: Tensor, batch: Tensor) -> Tensor:
    """Whether any value of an image is wrong, `(batch,)`."""
    size = tf.size(wrong)
    # Positions or frames may be folded into the first dimension, image by image; whatever else it is, is of all images.
    return tf.cond(
        size % tf.maximum(batch, 1) == 0,
        lambda: tf.reduce_any(tf.reshape(wrong, [batch, -1]), axis=1),
        lambda: tf.fill([batch], tf.reduce_any(wrong)),
    )
