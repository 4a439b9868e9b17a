"""What a model's last operation says about its output: logits, probabilities, or neither."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_advxai.models.graph import PRODUCTS, source

_LINEAR_ENDS = PRODUCTS | {"FusedBatchNormV3", "LogSoftmax"}
_AFFINE_OPS = frozenset(
    {"BiasAdd", "AddV2", "Add", "AddN", "Sub", "Neg", "Mul", "RealDiv", "Mean", "Sum", "ConcatV2"}
    # At the end of models of segmentation.
    | {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic"}
)
_ACTIVATIONS = ("Softmax", "Sigmoid")

OF_PROBABILITIES = " of probabilities"
"""What is said of a softmax or sigmoid whose input is the output of another one."""

MEAN_OF_PROBABILITIES = "mean over probabilities"
"""What is said of an average of softmaxes, or of single sigmoids, as of an ensemble."""
_ROUNDING = 1e-5

_GATHERING = frozenset({"Pack", "Transpose", "ExpandDims", "StridedSlice"})
"""What brings the softmaxes of several members together."""


def visible_end(output: Any) -> str | None:
    """What a model's last operation is, whatever is said of the output: `"softmax"`, `"sigmoid"` or `"linear"`.

    Args:
        output: The model's output, traced into a graph.

    Returns:
        The name, with `OF_PROBABILITIES` behind it where its input is a softmax or sigmoid, too;
        `MEAN_OF_PROBABILITIES`; `None` for another operation, such as a softmax over the groups of a reshaped output.
    """
    final = source(output).op
    if averages_probabilities(output):
        return MEAN_OF_PROBABILITIES
    if final.type not in _ACTIVATIONS:
        return "linear" if is_linear(final) else None
    if not is_whole(final, output):
        return None
    again = source(final.inputs[0]).op.type in _ACTIVATIONS
    return f"{final.type.lower()}{OF_PROBABILITIES if again else ''}"


def is_whole(final: Any, output: Any) -> bool:
    """Whether an operation is a sigmoid, or a softmax over all classes, and not one over parts of the output."""
    return bool("Softmax" not in final.type or final.inputs[0].shape[-1] == output.shape[-1])


def is_linear(operation: Any) -> bool:
    """Whether an operation ends a linear layer: products, and sums, scales and means of such."""
    if operation.type in _LINEAR_ENDS:
        return not mixes_probabilities(operation)
    if operation.type not in _AFFINE_OPS:
        return False
    # A bias, a temperature or the weights of an average are no obstacle; whatever else flows in must be linear itself.
    rest = _data(operation)
    return bool(rest) and all(is_linear(op) for op in rest)


def mixes_probabilities(product: Any) -> bool:
    """Whether an operation multiplies the probabilities of as many classes as it returns.

    As a layer that models noisy labels (probabilities times a matrix of transitions), or the weighted mean of an
    ensemble: its output is probabilities, unlike that of a dense layer of features.
    """
    if product.type not in PRODUCTS:
        return False
    classes, queue, seen = product.outputs[0].shape[-1], _data(product), set[int]()
    while queue:
        operation = queue.pop()
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        if operation.type == "Softmax" and operation.outputs[0].shape[-1] == classes:
            return True
        flowing = _data(operation)
        # Features that are multiplied with an attention's softmax are features still.
        gated = operation.type in ("Mul", "RealDiv") and len(flowing) > 1
        if operation.type in _AFFINE_OPS | _GATHERING and not gated:
            queue.extend(flowing)
    return False


def averages_probabilities(output: Any) -> bool:
    """Whether an output is an average of softmaxes over the classes, or of single sigmoids, by constant weights.

    Then it is probabilities for certain, and there is no tensor that has their logits.

    Args:
        output: The model's output, traced into a graph.
    """
    if source(output).op.type in _ACTIVATIONS:
        return False
    total = _weights_of_probabilities(output, output.shape[-1])
    return total is not None and abs(total - 1) < _ROUNDING


def _weights_of_probabilities(tensor: Any, classes: int | None) -> float | None:
    """The sum of the weights by which a tensor is made of probabilities; `None` where it is made of others, too."""
    operation = source(tensor).op
    if classes is None or operation.outputs[0].shape[-1:] != (classes,):
        return None
    if operation.type in _ACTIVATIONS:
        # Of several sigmoids each may be a label of its own, of which an average says nothing here.
        return 1.0 if operation.type == "Softmax" or classes == 1 else None
    inputs = list(operation.inputs)
    if operation.type in ("AddV2", "Add", "AddN"):
        return _sum([_weights_of_probabilities(item, classes) for item in inputs])
    if operation.type in ("Mul", "RealDiv"):
        # A number in front is a weight; below a fraction it is none.
        pairs = [inputs, inputs[::-1]] if operation.type == "Mul" else [inputs]
        for values, weight in pairs:
            factor, known = _positive(weight), _weights_of_probabilities(values, classes)
            if factor is not None and known is not None:
                return known * factor if operation.type == "Mul" else known / factor
    if operation.type == "Mean" and source(inputs[0]).op.type == "Pack":
        members = source(inputs[0]).op
        axes = tf.get_static_value(inputs[1])
        if axes is not None and {int(axis) for axis in axes.ravel()} == {members.get_attr("axis")}:
            total = _sum([_weights_of_probabilities(item, classes) for item in members.inputs])
            return None if total is None else total / len(members.inputs)
    return None


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _positive(tensor: Any) -> float | None:
    """A single number that is a constant of the graph, above 0."""
    value = tf.get_static_value(source(tensor))
    return float(value) if value is not None and value.size == 1 and value.item() > 0 else None


def _data(operation: Any) -> list[Any]:
    """The operations that an operation takes values from, without those of parameters."""
    return [source(tensor).op for tensor in operation.inputs if not _is_parameter(tensor.op)]


def _is_parameter(operation: Any) -> bool:
    """Whether an operation is made of variables and constants alone, such as a bias or a scale."""
    seen: set[int] = set()
    queue = [operation]
    while queue:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        # Variables come into a traced function as placeholders too: of resources, and not of numbers.
        is_input = current.type == "Placeholder" and current.outputs[0].dtype != tf.resource
        if is_input or current.type in _LINEAR_ENDS:
            return False
        queue.extend(tensor.op for tensor in current.inputs)
    return True
