"""Norms of perturbations: measuring, steepest directions and projection.

Every function takes one perturbation for each image, `(batch, ...)`, and treats each image by itself.
"""

from __future__ import annotations

from typing import cast, get_args

from keras import ops

from keras_advxai._choice import check_one_of
from keras_advxai._typing import Norm, Tensor
from keras_advxai.ops.selection import select


def check_norm(norm: str) -> Norm:
    """Return `norm` if it is a known one.

    Raises:
        ValueError: It is not.
    """
    check_one_of("norm", norm, get_args(Norm), hint=False)
    return cast(Norm, norm)


def vector_norm(delta: Tensor, norm: Norm) -> Tensor:
    """The norm of each image's perturbation.

    The Euclidean norm is scaled by the largest entry before it is squared, so that perturbations (and
    gradients) as small as 1e-30 keep their norm instead of underflowing to zero.

    Args:
        delta: Perturbations, `(batch, ...)`.
        norm: `"linf"`, the largest absolute entry, or `"l2"`, the Euclidean norm.

    Returns:
        Norms, shaped `(batch, 1, ...)` so that they broadcast against `delta`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import norms
    >>> norms.vector_norm(np.array([[3.0, -4.0]], "float32"), "l2").numpy().tolist()
    [[5.0]]
    """
    axes = tuple(range(1, len(delta.shape)))  # signals, images and videos alike
    largest = ops.max(ops.abs(delta), axis=axes, keepdims=True)
    if norm == "linf":
        return largest
    # Gradients of confident models are as small as 1e-30, whose square is 0 in float32.
    scaled = ops.divide_no_nan(delta, largest)
    return largest * ops.sqrt(ops.sum(ops.square(scaled), axis=axes, keepdims=True))


def finite(gradient: Tensor) -> Tensor:
    """A gradient with zero where it is NaN or infinite, as that of a root at 0.

    Args:
        gradient: Gradients, `(batch, ...)`.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.ops import norms
    >>> norms.finite(np.array([[0.5, np.inf, np.nan]], "float32")).numpy().tolist()
    [[0.5, 0.0, 0.0]]
    """
    return select(ops.isfinite(gradient), gradient, ops.zeros_like(gradient))


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of unit norm along which a linear function with this gradient rises fastest.

    For `"linf"` that is the gradient's sign, for `"l2"` the gradient divided by its norm. Where the gradient is zero,
    so is the direction.

    Args:
        gradient: Gradients, `(batch, ...)`.
        norm: `"linf"` or `"l2"`.

    Returns:
        Directions, shaped as `gradient`.

    References:
        Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples", 2015.
    """
    if norm == "linf":
        return ops.sign(gradient)
    # No floor under the norm, as cleverhans has one: it shortens the steps on confident models, whose gradients
    # are tiny, and passes for robustness.
    largest = vector_norm(gradient, "linf")
    scaled = ops.divide_no_nan(gradient, largest)
    return ops.divide_no_nan(scaled, vector_norm(scaled, "l2"))


def project(delta: Tensor, epsilon: Tensor, norm: Norm) -> Tensor:
    """The nearest perturbation of at most the given norm.

    Args:
        delta: Perturbations, `(batch, ...)`.
        epsilon: The largest norm allowed, a scalar in the units of `delta`.
        norm: `"linf"` or `"l2"`.

    Returns:
        Perturbations, shaped as `delta`; those inside the ball are returned as they are. What has no finite
        norm has no nearest one either: under `"l2"` it becomes NaN.
    """
    if norm == "linf":
        return ops.clip(delta, -epsilon, epsilon)
    size = vector_norm(delta, "l2")
    # Not `delta * min(1, epsilon / size)`: rounding would move what is inside already, and the projection of a
    # projection.
    return select(ops.reshape(size <= epsilon, (-1,)), delta, delta * ops.divide_no_nan(epsilon, size))
