"""Finds, in one traced pass, where a model's logits are."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models.graph import PRODUCTS, source

_LINEAR_ENDS = PRODUCTS | {"FusedBatchNormV3", "LogSoftmax"}
_AFFINE_OPS = frozenset({"BiasAdd", "AddV2", "Add", "AddN", "Sub", "Neg", "Mul", "RealDiv", "Mean", "Sum", "ConcatV2"})


def find_logits(output: Any, from_logits: bool | None) -> tuple[Any, str]:
    """The values before a model's final softmax or sigmoid.

    Args:
        output: The model's output, `(batch, classes)`, traced into a graph.
        from_logits: What the user says of the output: that it is logits, that it is probabilities, or
            nothing.

    Returns:
        The logits, and the kind of head: `"linear"`, `"softmax"`, `"sigmoid"`, or `"probability"` where
        the logits had to be recovered as the logarithms of the output.
    """
    if from_logits:
        return output, "linear"
    final = source(output).op
    whole = final.type != "Softmax" or final.inputs[0].shape[-1] == output.shape[-1]
    if final.type in ("Softmax", "Sigmoid") and whole:
        logits = getattr(output, "_keras_logits", final.inputs[0])
        return tf.reshape(logits, tf.shape(output)), final.type.lower()
    if from_logits is None and _is_affine(final):
        return output, "linear"
    if from_logits is None:
        end = f"an operation `{final.type}` that is neither linear nor a softmax or sigmoid"
        warnings.warn(
            f"The model ends in {end if whole else 'a softmax over parts of its output'}, "
            "so its output is taken for probabilities and the logits for their logarithm, which saturates. "
            "Pass ImageClassifier(model, from_logits=True) if the output is logits, or from_logits=False to "
            "confirm that it is probabilities.",
            stacklevel=2,
        )
    return log_of(output), "probability"


def check_probabilities(output: Any) -> None:
    """Raise unless an output may be probabilities.

    Args:
        output: The output of a pass, with its values.

    Raises:
        ValueError: Some of the values are below 0 or above 1.
    """
    values = keras.ops.convert_to_numpy(output)
    if values.min() < -1e-6 or values.max() > 1 + 1e-6:
        raise ValueError(
            "It cannot be told whether the model's output is logits or probabilities, and it is no probabilities. "
            f"Received: values from {values.min():g} to {values.max():g}. Pass "
            "ImageClassifier(model, from_logits=True), or from_logits=True to the callback."
        )


def log_of(probabilities: Any) -> Any:
    """The logarithm of probabilities in float32, finite where they have underflowed to zero."""
    return tf.math.log(tf.maximum(tf.cast(probabilities, tf.float32), 1e-37))


def _is_affine(operation: Any) -> bool:
    """Whether an operation ends a linear layer: products, and sums, scales and means of such."""
    if operation.type in _LINEAR_ENDS:
        return True
    if operation.type not in _AFFINE_OPS:
        return False
    rest = [source(tensor).op for tensor in operation.inputs if not _is_parameter(tensor.op)]
    return bool(rest) and all(_is_affine(op) for op in rest)


def _is_parameter(operation: Any) -> bool:
    """Whether an operation is made of variables and constants alone, such as a bias or a scale."""
    seen: set[int] = set()
    queue = [operation]
    while queue:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        is_input = current.type == "Placeholder" and current.outputs[0].dtype != tf.resource
        if is_input or current.type in _LINEAR_ENDS:
            return False
        queue.extend(tensor.op for tensor in current.inputs)
    return True
