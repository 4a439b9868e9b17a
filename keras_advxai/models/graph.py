"""What a traced graph says of its tensors: what is behind them, and what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_TRANSPARENT = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "StopGradient"})
_ELEMENTWISE = frozenset({"ExpandDims", "Mul", "AddV2", "Sub", "RealDiv"})
PRODUCTS = frozenset(
    {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2"}
    | {"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum"}
)
"""Operations that multiply with weights, and mix positions or channels."""


def source(tensor: Any) -> Any:
    """The tensor behind casts, reshapes and identities."""
    while hasattr(tensor, "op") and tensor.op.type in _TRANSPARENT:
        tensor = tensor.op.inputs[0]
    return tensor


def plain_source(tensor: Any) -> Any:
    """The tensor behind operations that change the shape, or each value by itself."""
    while hasattr(tensor, "op") and tensor.op.type in _TRANSPARENT | _ELEMENTWISE and len(tensor.op.inputs):
        tensor = tensor.op.inputs[0]
    return tensor


def between(start: Any, end: Any) -> dict[int, Any]:
    """The operations that depend on one tensor and that another depends on, by their ids.

    Args:
        start: A symbolic tensor.
        end: A symbolic tensor of the same graph.
    """
    behind = _reached([end.op], lambda operation: (tensor.op for tensor in operation.inputs))
    ahead = _reached(start.consumers(), lambda operation: (op for out in operation.outputs for op in out.consumers()))
    return {key: operation for key, operation in behind.items() if key in ahead or operation is start.op}


def _reached(operations: Iterable[Any], following: Callable[[Any], Iterable[Any]]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    queue = list(operations)
    while queue:
        operation = queue.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            queue.extend(following(operation))
    return found
