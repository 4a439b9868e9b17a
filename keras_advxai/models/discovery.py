"""Finds, in one traced pass, where a model's logits are and which layers can be explained."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import keras
import tensorflow as tf

from keras_advxai.models.recording import Call

_TRANSPARENT_OPS = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "StopGradient"})
_PRODUCTS = frozenset({"MatMul", "BatchMatMulV2", "Einsum", "Conv2D", "FusedBatchNormV3", "LogSoftmax"})
_AFFINE_OPS = frozenset({"BiasAdd", "AddV2", "Add", "AddN", "Sub", "Neg", "Mul", "RealDiv", "Mean", "Sum", "ConcatV2"})
_STEP_BACK = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
    keras.layers.ZeroPadding2D,
    keras.layers.Identity,
)
_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


@dataclasses.dataclass(frozen=True)
class LayerInfo:
    """A layer that can be explained: its output has a spatial extent.

    Attributes:
        name: Its name, after those of the nested models around it, `"backbone/conv1"`.
        kind: The class of the layer or operation.
        shape: The output's `(height, width, channels)`; `None` where it is not fixed.
        convolutional: Whether it is a convolution.
        default: Whether it is the one that is explained unless another is named.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    convolutional: bool
    default: bool = False


def spatial_layers(root: Call, logits: Any) -> tuple[LayerInfo, ...]:
    """Every layer with a spatial output on the way to the logits, in execution order, the default one marked.

    Args:
        root: The recorded call of the model, traced into a graph.
        logits: The tensor that the explanations are about.
    """
    calls = _contributing(root, logits)
    default = _default(root, calls)
    found: dict[str, LayerInfo] = {}
    for call in calls:
        if _is_spatial(call.output) and not isinstance(call.operation, keras.layers.InputLayer):
            found.pop(call.path, None)
            found[call.path] = LayerInfo(
                name=call.path,
                kind=type(call.operation).__name__,
                shape=tuple(call.output.shape[1:]),
                convolutional=isinstance(call.operation, _CONVOLUTIONS),
                default=default is not None and call.path == default.path,
            )
    return tuple(found.values())


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
    final = _source(output).op
    if final.type in ("Softmax", "Sigmoid"):
        logits = getattr(output, "_keras_logits", final.inputs[0])
        return tf.reshape(logits, tf.shape(output)), final.type.lower()
    if from_logits is None and _is_affine(final):
        return output, "linear"
    if from_logits is None:
        warnings.warn(
            f"The model ends in an operation `{final.type}` that is neither linear nor a softmax or sigmoid, "
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


def _default(root: Call, calls: list[Call]) -> Call | None:
    """What flows into the pooling, flatten or reshape that ends the spatial extent for the last time.

    Pooling, dropout and padding before that are stepped over. "The last convolution" would be one branch
    of a residual sum in ResNets, 192 of 2,048 channels in InceptionV3 and the 1x1 head in MobileNet.
    """
    producers: dict[int, Call] = {}
    for call in calls:
        if tf.is_tensor(call.output):
            producers.setdefault(id(_source(call.output)), call)
    spatial = [call for call in calls if not call.parts and _is_spatial(call.output)]
    ending = _last_ending(root, {id(call) for call in calls})
    if ending is None or (spatial and calls.index(spatial[-1]) > calls.index(ending)):
        found = spatial[-1] if spatial else None
    else:
        tensor = next(item for item in ending.inputs if _is_spatial(item))
        found = producers.get(id(_source(tensor)))
        if found is None:
            earlier = [call for call in spatial if calls.index(call) < calls.index(ending)]
            found = earlier[-1] if earlier else None
    while found is not None and isinstance(found.operation, _STEP_BACK):
        found = producers.get(id(_source(found.inputs[0])))
    if found is None or isinstance(found.operation, keras.layers.InputLayer):
        return None
    return found


def _last_ending(call: Call, contributing: set[int]) -> Call | None:
    """The innermost last call inside of `call` that turns a spatial tensor into one that is not."""
    for part in reversed(call.parts):
        if id(part) not in contributing or not _ends_extent(part):
            continue
        inner = _last_ending(part, contributing)
        if inner is not None:
            return inner
        if not any(_is_spatial(step.output) for step in part.parts):
            return part
    return None


def _ends_extent(call: Call) -> bool:
    ends = tf.is_tensor(call.output) and not _is_spatial(call.output)
    return ends and any(_is_spatial(item) for item in call.inputs)


def _contributing(root: Call, logits: Any) -> list[Call]:
    """The calls whose output the logits depend on, innermost first, in the order in which they returned."""
    reached: set[int] = set()
    queue = [logits.op]
    while queue:
        operation = queue.pop()
        if id(operation) not in reached:
            reached.add(id(operation))
            queue.extend(tensor.op for tensor in operation.inputs)
    return [call for call in root.walk() if tf.is_tensor(call.output) and id(call.output.op) in reached]


def _is_spatial(tensor: Any) -> bool:
    if not tf.is_tensor(tensor) or tensor.shape.rank != 4:
        return False
    return any(size is None or size > 1 for size in tensor.shape[1:3])


def _is_affine(operation: Any) -> bool:
    """Whether an operation ends a linear layer: products, and sums, scales and means of such."""
    if operation.type in _PRODUCTS:
        return True
    if operation.type not in _AFFINE_OPS:
        return False
    rest = [_source(tensor).op for tensor in operation.inputs if not _is_parameter(tensor.op)]
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
        if is_input or current.type in _PRODUCTS:
            return False
        queue.extend(tensor.op for tensor in current.inputs)
    return True


def _source(tensor: Any) -> Any:
    """The tensor behind casts, reshapes and identities."""
    while hasattr(tensor, "op") and tensor.op.type in _TRANSPARENT_OPS:
        tensor = tensor.op.inputs[0]
    return tensor
