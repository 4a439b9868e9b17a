"""ReLUs that are differentiated as a smooth function, so that their derivative has one itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf

from keras_advxai._typing import Tensor

_STATE = threading.local()
_MARKS = {"Relu": "KerasAdvxaiRelu", "Relu6": "KerasAdvxaiRelu6", "LeakyRelu": "KerasAdvxaiLeakyRelu"}
"""For each operation, the name under which its gradient is looked up while a graph is differentiated."""


def marked() -> contextlib.AbstractContextManager[None]:
    """ReLUs that are traced inside this block can be differentiated under `smooth`. They compute the same."""
    # Exchanging the activations of the layers would change the user's model, and miss `tf.nn.relu` in a `call`.
    graph = tf.compat.v1.get_default_graph()
    marks: contextlib.AbstractContextManager[None] = graph.gradient_override_map(_MARKS)
    return marks


@contextlib.contextmanager
def smooth(beta: float | None) -> Iterator[None]:
    """Gradients that are built inside this block, by this thread, go smoothly through the marked ReLUs.

    `relu` keeps its value and has the derivative `sigmoid(beta * x / s)` instead of a step, that of the softplus
    `s / beta * log(1 + exp(beta * x / s))`; `relu6` has `sigmoid(beta * x / s) * sigmoid(beta * (6 - x) / s)`, and a
    leaky ReLU goes as far between its two slopes. `s` is the root mean square of the operation's input, image by image,
    and counts as a constant, so that one `beta` suits layers of any scale.

    Args:
        beta: How sharp the step is; `None` for the exact gradient.
    """
    # Per thread and restored: the exact gradient of the prediction is taken inside of the smooth one of the
    # explanation.
    before = getattr(_STATE, "beta", None)
    _STATE.beta = beta
    try:
        yield
    finally:
        _STATE.beta = before


def _relu(operation: tf.Operation, gradient: Tensor) -> Tensor:
    x = operation.inputs[0]
    step = _step(x)
    # The very operation that TensorFlow would have taken, so a marked pass has the same numbers bit by bit.
    if step is None:
        return tf.raw_ops.ReluGrad(gradients=gradient, features=operation.outputs[0])
    return gradient * step


def _relu6(operation: tf.Operation, gradient: Tensor) -> Tensor:
    x = operation.inputs[0]
    step, back = _step(x), _step(x, 6.0)
    if step is None or back is None:
        return tf.raw_ops.Relu6Grad(gradients=gradient, features=operation.outputs[0])
    return gradient * step * (1 - back)


def _leaky_relu(operation: tf.Operation, gradient: Tensor) -> Tensor:
    x, alpha = operation.inputs[0], operation.get_attr("alpha")
    step = _step(x)
    if step is None:
        return tf.raw_ops.LeakyReluGrad(gradients=gradient, features=x, alpha=alpha)
    return gradient * (alpha + (1 - alpha) * step)


def _step(x: Tensor, at: float = 0.0) -> Tensor | None:
    """The smooth step from 0 to 1 of an operation's input; `None` for the exact one."""
    beta = getattr(_STATE, "beta", None)
    if beta is None:
        return None
    # In float16 the squares overflow from 256 on.
    wide = tf.cast(x, tf.float32)
    axes = range(1, x.shape.rank) if x.shape.rank else None
    # With a scale that counts as a variable, the second derivative would hang on all other pixels of the map.
    scale = tf.stop_gradient(tf.sqrt(tf.reduce_mean(tf.square(wide), axis=axes, keepdims=True)))
    # Behind a layer that is dead for an image, everything is 0, and so is the scale.
    return tf.cast(tf.sigmoid(tf.math.divide_no_nan(beta * (wide - at), scale)), x.dtype)


for _kind, _gradient in {"Relu": _relu, "Relu6": _relu6, "LeakyRelu": _leaky_relu}.items():
    tf.RegisterGradient(_MARKS[_kind])(_gradient)
