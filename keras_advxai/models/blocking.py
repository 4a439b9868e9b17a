"""Where a model blocks the gradient: which layers it does not get through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models.forward import Forward
from keras_advxai.models.graph import SHAPES


class LocalGradient(NamedTuple):
    """The gradient of one layer by itself, which may be missing.

    Attributes:
        path: Its path; empty for the preprocessing.
        unreached: Whether it is the gradient from the classes to what the layer returned that is missing, and not the
            one through the layer.
        output: What it returned.
        gradient: The gradient of a sum of its output to its inputs, flat; `None` where there is none at all.
    """

    path: str
    unreached: bool
    output: Tensor
    gradient: Tensor | None


def describe_gradient_block(forward: Forward, y: Tensor) -> str | None:
    """A sentence about the first layer through which no gradient returns to the images; `None` if there is no such.

    Args:
        forward: A pass.
        y: Class indices, `(batch,)`.
    """

    def flows(values: Any) -> bool:
        tensors = _floating(values)

        def total(here: Forward, labels: Tensor) -> Tensor:
            return tf.add_n([tf.reduce_sum(tf.cast(tensor, tf.float32)) for tensor in tensors])

        # The gradient is found missing while the graph is built: nothing is computed, however deep the model.
        try:
            forward.gradient(total, y)
        except ValueError:
            return False
        return bool(tensors)

    # A preprocessing that rounds to uint8; the pass itself says what to do about that.
    if not forward.network_images.dtype.is_floating:
        return None
    if not flows(forward.network_images):
        return "No gradient flows through the preprocessing."
    for call in forward.root.walk():
        if flows(call.inputs) and not flows(call.output):
            return f"No gradient flows through the layer {call.path!r}."
    return None


def local_gradients(forward: Forward) -> tuple[list[LocalGradient], bool]:
    """The local gradients of the layers that the classes are computed from, innermost first.

    A layer's own gradient is that of its output to its inputs; all of them together cost one pass backward, or two
    where models are nested. Behind them come the layers that no gradient from the classes reaches.

    Args:
        forward: A pass in a graph.

    Returns:
        The layers, and whether no gradient at all returns from the classes to the images.
    """
    graph, used = forward.logits.graph, _ancestors(forward.logits)
    calls = [(call.path, call.inputs, call.output) for call in forward.root.walk()]
    # The preprocessing is asked like a layer, in front of all others.
    if forward.network_images is not forward.images:
        calls.insert(0, ("", [forward.images], forward.network_images))
    found, ends = [], [forward.images]
    for path, inputs, output in calls:
        sources = [item for item in _floating(inputs) if item.graph is graph]
        # What a layer returns beside the classes' path, such as attention scores, has no gradient and needs none.
        values = [item for item in _floating(output) if item.graph is graph and item.op.name in used]
        if sources and values:
            gradients = _gradients([weighted_sum(item) for item in values], sources)
            flat = [tf.reshape(tf.cast(item, tf.float32), [-1]) for item in gradients if item is not None]
            found.append(LocalGradient(path, False, values[0], tf.concat(flat, 0) if flat else None))
            # Each layer by itself may be sound and the gradient still get lost between two of them, in an operation.
            ends.append(values[0])
    whole, *returned = _gradients([weighted_sum(forward.logits)], ends)
    unreached = [
        LocalGradient(layer.path, True, layer.output, None)
        for layer, end in zip(found, returned, strict=True)
        if end is None
    ]
    return [*found, *unreached], whole is None


def _gradients(values: Sequence[Tensor], sources: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradients of a sum of values; none where an operation on the way has none."""
    try:
        return list(tf.gradients(values, sources))
    # TensorFlow raises this for operations that nobody wrote a gradient for, such as those of a custom kernel.
    except LookupError:
        return [None] * len(sources)


def weighted_sum(values: Tensor) -> Tensor:
    """A sum with unequal weights: the plain sum of a softmax is always 1 and has no gradient."""
    values = tf.reshape(tf.cast(values, tf.float32), [-1])
    return tf.reduce_sum(values * (1.5 + tf.cos(tf.cast(tf.range(tf.size(values)), tf.float32))))


def _floating(values: Any) -> list[Tensor]:
    # TensorFlow calls a variable of Keras a tensor, too, such as the states that a stateful GRU is called on.
    return [value for value in tf.nest.flatten(values) if isinstance(value, tf.Tensor) and value.dtype.is_floating]


def _ancestors(tensor: Tensor) -> set[str]:
    """The names of the operations that a tensor is computed of by their values, its own among them."""
    found: set[str] = set()
    queue = [tensor.op]
    while queue:
        operation = queue.pop()
        if operation.name in found:
            continue
        found.add(operation.name)
        # `tf.zeros_like(x)` reads the shape of `x`, which is no way for a gradient.
        if operation.type not in SHAPES:
            queue.extend(item.op for item in operation.inputs)
    return found
