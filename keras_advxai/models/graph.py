"""What a traced graph says about its tensors: where they come from, and what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Mixed precision casts between layers, `Reshape((classes,))` follows MobileNet's softmax, and functional models and
# `tf.function`s leave identities everywhere.
_TRANSPARENT = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "StopGradient"})
# Rescaling and `x[..., None]` in front of a network leave an image an image.
_ELEMENTWISE = frozenset({"ExpandDims", "Mul", "AddV2", "Sub", "RealDiv"})
_EACH_BY_ITSELF = _ELEMENTWISE | {"Identity", "Cast", "StopGradient", "Maximum", "Minimum", "Div", "Neg", "Relu"}
PRODUCTS = frozenset(
    {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2"}
    | {"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum"}
)
"""Operations that multiply with weights, and mix positions or channels."""

SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
"""Operations that see how large a tensor is, and not what is in it."""


def source(tensor: Any) -> Any:
    """The tensor before casts, reshapes and identities."""
    while hasattr(tensor, "op") and tensor.op.type in _TRANSPARENT:
        tensor = tensor.op.inputs[0]
    return tensor


def plain_source(tensor: Any) -> Any:
    """The tensor before operations that change the shape, or each value by itself."""
    while hasattr(tensor, "op") and tensor.op.type in _TRANSPARENT | _ELEMENTWISE and len(tensor.op.inputs):
        tensor = tensor.op.inputs[0]
    return tensor


def is_flattened_first(images: Any, between: Mapping[int, Any]) -> bool:
    """Whether all that a network does with images is to flatten them, behind operations on each value by itself.

    Args:
        images: The images, `(batch, ...)` symbolic.
        between: The operations between them and the classes; see `between`.
    """
    queue, seen, found = [images], {id(images)}, False
    while queue:
        current = queue.pop()
        for operation in current.consumers():
            if id(operation) not in between or operation.type in SHAPES:
                continue
            flat = operation.type == "Reshape" and operation.outputs[0].shape.rank == 2
            kept = operation.outputs[0].shape.rank == images.shape.rank and operation.type in _EACH_BY_ITSELF
            if not (flat or kept):
                return False
            found |= flat
            if kept and id(operation.outputs[0]) not in seen:
                seen.add(id(operation.outputs[0]))
                queue.append(operation.outputs[0])
    return found


def between(start: Any, end: Any) -> dict[int, Any]:
    """The operations that depend on one tensor and that another depends on, by their ids.

    Args:
        start: A symbolic tensor.
        end: A symbolic tensor of the same graph.
    """
    # Both directions: augmentation draws random numbers that lead to the classes and do not depend on the images; other
    # outputs depend on the images and do not lead to the classes.
    behind = ancestors(end)
    ahead = descendants(start.consumers())
    return {key: operation for key, operation in behind.items() if key in ahead or operation is start.op}


def ancestors(tensor: Any) -> dict[int, Any]:
    """The operations that a symbolic tensor depends on, its own among them, by their ids."""
    return reached([tensor.op], lambda operation: (item.op for item in operation.inputs))


def descendants(operations: Iterable[Any]) -> dict[int, Any]:
    """The operations that depend on one of some operations, these among them, by their ids."""
    return reached(operations, lambda operation: (op for out in operation.outputs for op in out.consumers()))


def leads_past(tensor: Any, end: Any, kind: str) -> bool:
    """Whether another tensor depends on one by a way without operations of a kind.

    Args:
        tensor: A symbolic tensor.
        end: Another one of the same graph.
        kind: The type of the operations.
    """
    past = reached(
        [op for op in tensor.consumers() if op.type != kind],
        lambda operation: (op for out in operation.outputs for op in out.consumers() if op.type != kind),
    )
    return tensor is end or id(end.op) in past


def ahead_past(tensor: Any, operation: Any) -> dict[int, Any]:
    """The operations that values of a tensor come to by ways that lead past another operation, by their ids.

    Args:
        tensor: A symbolic tensor.
        operation: The operation that is gone around.
    """

    def following(outputs: Iterable[Any]) -> Iterable[Any]:
        consumers = (op for output in outputs for op in output.consumers())
        return (op for op in consumers if op is not operation and op.type not in SHAPES)

    return reached(following([tensor]), lambda op: following(op.outputs))


def behind_past(tensor: Any, operation: Any) -> dict[int, Any]:
    """The operations whose values come to a tensor by ways that lead past another operation, by their ids.

    Args:
        tensor: A symbolic tensor.
        operation: The operation that is gone around.
    """

    def inputs(op: Any) -> Iterable[Any]:
        return () if op.type in SHAPES else (item.op for item in op.inputs if item.op is not operation)

    return reached([tensor.op], inputs)


def count_products(operations: Iterable[Any]) -> int:
    """How many products with weights there are among some operations; a function counts as many."""
    # What is in a `tf.function` or a loop of a user's layer cannot be seen from outside, and counts as enough.
    return sum(2 if "Call" in op.type or "While" in op.type else op.type in PRODUCTS for op in operations)


def reached(operations: Iterable[Any], following: Callable[[Any], Iterable[Any]]) -> dict[int, Any]:
    """Some operations and those that follow from them, step by step, by their ids.

    Args:
        operations: Where to begin.
        following: The operations that follow one directly.
    """
    found: dict[int, Any] = {}
    queue = list(operations)
    while queue:
        operation = queue.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            queue.extend(following(operation))
    return found
