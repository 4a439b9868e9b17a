"""Folds a BatchNormalization into the layer before it, while a pass is traced."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from keras_advxai._typing import Tensor
from keras_advxai.models.recording import Call

_L = keras.layers
_CONVOLUTIONS = (_L.Conv1D, _L.Conv2D, _L.Conv3D)
_DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
_SEPARABLE = (_L.SeparableConv1D, _L.SeparableConv2D)
_LINEAR = frozenset({*_CONVOLUTIONS, *_DEPTHWISE, *_SEPARABLE, _L.Dense})

Key = tuple[str, int]
"""A layer's path, and which one of its calls is meant, counted from 0."""


def foldable(calls: Iterable[Call], between: dict[int, Any]) -> frozenset[Key]:
    """The calls of BatchNormalization that nothing else competes with for the output of the preceding layer.

    Args:
        calls: The calls of a pass that was traced as it is, in the order in which they returned.
        between: The operations between the images and the classes, by their ids.
    """
    occurrences: collections.Counter[str] = collections.Counter()
    found = set()
    for call in calls:
        key = (call.path, occurrences[call.path])
        occurrences[call.path] += 1
        # Not `isinstance`: a subclass may normalize with the batch's own statistics, or in another way altogether.
        if type(call.operation) is _L.BatchNormalization and tf.is_symbolic_tensor(call.inputs[0]):
            consumers = [operation for operation in call.inputs[0].consumers() if id(operation) in between]
            # A shortcut may read the convolution's own output too, in pre-activation networks: folding would compute
            # it twice.
            if len(consumers) == 1:
                found.add(key)
    return frozenset(found)


class Folding:
    """Computes what a convolution or dense layer and the BatchNormalization after it make together, in one step.

    In inference BatchNormalization multiplies each channel with a scale and adds a shift. The kernel of the preceding
    layer is multiplied with the scale instead, so one pass over the feature map remains of three. The products are
    computed in the graph, from the weights as they are at each call. Neither layer is changed.

    The layer's own output stays in the graph. Nothing is computed for it, unless it is asked for; then it costs this
    layer once more. What the classes owe to it is found through the output of the BatchNormalization.

    Left as they are: layers with an activation, groups, causal padding, other consumers or another precision than that
    of their weights; a normalization of another axis; and passes in eager mode.

    Args:
        allowed: The calls of BatchNormalization that may be folded, as `foldable` finds them.
        unfused: The calls of layers in front that are left as they are, because their output will be asked for.
    """

    def __init__(self, allowed: frozenset[Key], unfused: frozenset[Key] = frozenset()) -> None:
        self._allowed = allowed
        self._unfused = unfused
        self._seen: collections.Counter[str] = collections.Counter()
        self._producers: dict[int, Call] = {}
        self._folded: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(self, call: Call, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The output of a call: of `run(*args, **kwargs)`, or the same computed in one step with the preceding layer.

        Args:
            call: The call, with its inputs.
            run: What the layer does by itself.
            args: What it is called on.
            kwargs: What it is called with.
        """
        key = (call.path, self._seen[call.path])
        self._seen[call.path] += 1
        # Found by the tensor, and not by neighbourhood in a list: in transfer learning the BatchNormalization may lie
        # in another model than the convolution.
        front = self._producers.get(id(call.inputs[0])) if call.inputs else None
        if (
            front is not None
            and key in self._allowed
            and _is_affine(call, kwargs)
            and _compatible(front.operation, call)
        ):
            return self._fused(front, call)
        output = run(*args, **kwargs)
        # Grad-CAM at a convolution asks for its own output, which folding would make a second convolution.
        if key not in self._unfused and _is_linear(call, output):
            self._producers[id(output)] = call
        return output

    def sources(self, tensors: list[Tensor]) -> list[Tensor]:
        """What else to differentiate to: the outputs that those among the tensors were folded into."""
        return [self._folded[id(tensor)][2] for tensor in tensors if id(tensor) in self._folded]

    def gradients(self, tensors: list[Tensor], found: list[Tensor | None], through: list[Tensor | None]) -> list[Any]:
        """The gradients to some tensors, with what reaches them through the layers that they were folded into.

        Args:
            tensors: The tensors.
            found: The gradients to them in the graph as it is.
            through: Those to `sources(tensors)`.
        """
        # In the folded graph nothing flows back to the convolution's own output `c`. As `o = scale * c + shift`, the
        # gradient to it is `scale` times that to `o`.
        rest = iter(through)
        return [
            _sum(gradient, next(rest), self._folded[id(tensor)][1]) if id(tensor) in self._folded else gradient
            for tensor, gradient in zip(tensors, found, strict=True)
        ]

    def _fused(self, front: Call, call: Call) -> Tensor:
        layer, normalization = front.operation, call.operation
        # In the graph and from the variables, so that training goes on between two calls without a new trace.
        scale = tf.math.rsqrt(normalization.moving_variance + normalization.epsilon)
        if normalization.scale:
            scale *= normalization.gamma
        shift = -normalization.moving_mean * scale
        if normalization.center:
            shift += normalization.beta
        if layer.use_bias:
            shift += layer.bias * scale
        rank = call.inputs[0].shape.rank
        shape = [1] * rank
        shape[normalization.axis] = -1
        output = _product(layer, front.inputs[0], scale) + tf.reshape(shift, shape)
        output.set_shape(front.output.shape)
        self._folded[id(front.output)] = (front.output, tf.reshape(scale, shape), output)
        return output


def _product(layer: Any, x: Tensor, scale: Tensor) -> Tensor:
    """What a layer makes of its input with each channel of its kernel scaled, without the bias."""
    if type(layer) in _CONVOLUTIONS:
        return layer.convolution_op(x, layer.kernel * scale)
    if type(layer) is _L.Dense:
        return keras.ops.matmul(x, layer.kernel * scale)
    settings = {
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
        "data_format": layer.data_format,
    }
    if type(layer) in _DEPTHWISE:
        # A depthwise kernel has the channels of the output in its last two dimensions: inputs times multiplier.
        kernel = layer.kernel * tf.reshape(scale, layer.kernel.shape[-2:])
        return keras.ops.depthwise_conv(x, kernel, **settings)
    return keras.ops.separable_conv(x, layer.depthwise_kernel, layer.pointwise_kernel * scale, **settings)


def _is_linear(call: Call, output: Any) -> bool:
    """Whether a call multiplied its input with a kernel and did nothing else."""
    layer = call.operation
    if type(layer) not in _LINEAR or not tf.is_symbolic_tensor(output) or len(call.inputs) != 1:
        return False
    padded = getattr(layer, "padding", "valid") in ("valid", "same")  # and not before the convolution, as for "causal"
    whole = getattr(layer, "groups", 1) == 1  # Keras computes groups in a function of its own, which is never pruned
    # Quantized kernels are whole numbers with a scale of their own.
    plain = layer.activation in (None, keras.activations.linear) and getattr(layer, "quantization_mode", None) is None
    return padded and whole and plain and _is_precise(layer)


def _is_affine(call: Call, settings: dict[str, Any]) -> bool:
    """Whether a call is one of a BatchNormalization that uses what it has learned of the mean and the variance."""
    return (
        type(call.operation) is _L.BatchNormalization and not settings.get("training") and _is_precise(call.operation)
    )


def _is_precise(layer: Any) -> bool:
    """Whether a layer computes with the precision of its weights, of 32 bits or more."""
    # In mixed precision the scaled kernel would be rounded to 16 bits once more, and the numbers would differ visibly.
    return layer.compute_dtype == layer.variable_dtype and layer.compute_dtype in ("float32", "float64")


def _compatible(layer: Any, call: Call) -> bool:
    """Whether a normalization is of the channels of a layer, in the same precision and the same graph."""
    tensor, normalization = call.inputs[0], call.operation
    rank = tensor.shape.rank
    # A normalization of the rows, `axis=1` with the channels last, has a scale for each row and not for each kernel.
    channel = 1 if getattr(layer, "data_format", "channels_last") == "channels_first" else rank - 1
    here = tf.compat.v1.get_default_graph()
    # `call.inputs` may come from a graph around this one, a loop's for example, where the product does not belong.
    same = layer.compute_dtype == normalization.compute_dtype
    return same and tensor.graph is here and normalization.axis % rank == channel


def _sum(gradient: Tensor | None, through: Tensor | None, scale: Tensor) -> Tensor | None:
    if through is None:
        return gradient
    return through * scale if gradient is None else gradient + through * scale
