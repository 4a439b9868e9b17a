"""What models of Keras 2 compute that no layer or function of Keras 3 does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

PACKAGE = "keras_advxai"

_FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "__operators__.add": ("x", tf.add),
    "__operators__.getitem": ("tensor", lambda tensor, slice_spec: tensor[_slices(slice_spec)]),
    "cast": ("x", tf.cast),
    "clip_by_value": ("t", tf.clip_by_value),
    "concat": ("values", tf.concat),
    "image.resize": ("images", tf.image.resize),
    "math.add": ("x", tf.math.add),
    "math.divide": ("x", tf.math.divide),
    "math.maximum": ("x", tf.math.maximum),
    "math.minimum": ("x", tf.math.minimum),
    "math.multiply": ("x", tf.math.multiply),
    "math.reduce_max": ("input_tensor", tf.math.reduce_max),
    "math.reduce_mean": ("input_tensor", tf.math.reduce_mean),
    "math.sigmoid": ("x", tf.math.sigmoid),
    "math.subtract": ("x", tf.math.subtract),
    "math.tanh": ("x", tf.math.tanh),
    "math.truediv": ("x", tf.math.truediv),
    "nn.bias_add": ("value", tf.nn.bias_add),
    "nn.relu": ("features", tf.nn.relu),
    "nn.relu6": ("features", tf.nn.relu6),
    "nn.softmax": ("logits", tf.nn.softmax),
    "reshape": ("tensor", tf.reshape),
}
"""Name to the name of the first argument and the function. Nothing else is called, whatever a file names."""


def first_argument(function: str) -> str:
    """The name of the first argument of a function that is known here.

    Args:
        function: Its name in TensorFlow, such as `"math.truediv"`.

    Raises:
        ValueError: It is none of those that are known.
    """
    if function not in _FUNCTIONS:
        raise ValueError(f"it calls tf.{function}, which is none of the functions that are known here")
    return _FUNCTIONS[function][0]


@keras.saving.register_keras_serializable(PACKAGE)
class TensorFlowFunction(keras.layers.Layer):
    """A function of TensorFlow, which Keras 2 made a layer of, as of each step of a `preprocess_input`.

    Args:
        function: Its name, one of a fixed list.
        tensors: The names of the arguments that the inputs of the layer are; the first of all may be a list of them.
        constants: The other arguments by name.
        **kwargs: Those of a layer.

    Raises:
        ValueError: The function is not in the list.
    """

    def __init__(self, function: str, tensors: Sequence[str], constants: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first_argument(function)
        self.function = function
        self.tensors = tuple(tensors)
        self.constants = dict(constants)

    def call(self, inputs: Any) -> Any:
        """What the function makes of the inputs."""
        several = isinstance(inputs, (list, tuple))
        values = [inputs] if len(self.tensors) == 1 or not several else inputs
        return _FUNCTIONS[self.function][1](**dict(zip(self.tensors, values, strict=True)), **self.constants)

    def get_config(self) -> dict[str, Any]:
        """The configuration, from which `from_config` makes the same layer."""
        own = {"function": self.function, "tensors": list(self.tensors), "constants": self.constants}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(PACKAGE)
def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """The `hard_sigmoid` of Keras 1 and 2, which rises by 0.2 where that of Keras 3 rises by 1/6.

    Args:
        x: A tensor.
    """
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def _slices(spec: Sequence[Any]) -> tuple[Any, ...]:
    """An index in its JSON form as Python has it."""
    return tuple(_slice(item) for item in spec)


def _slice(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return ... if "class_name" in item else slice(item["start"], item["stop"], item["step"])
