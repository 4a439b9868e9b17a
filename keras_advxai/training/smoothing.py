"""Smooth activations in the place of ReLUs, for a model whose explanations are to hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from keras_advxai._typing import Tensor
from keras_advxai.models.inputs import check_number

_SETTINGS: dict[str, dict[str, float]] = {
    "relu": {},
    "relu6": {"max_value": 6.0},
    "leaky_relu": {"negative_slope": 0.2},
}
"""The activations that are replaced, and what `SmoothReLU` has to know of each: Keras' defaults."""
_CLASSES = {"Relu": "relu", "Relu6": "relu6", "ReLU": "relu", "LeakyReLU": "leaky_relu"}
"""Operations and layers that are nothing else."""


@keras.saving.register_keras_serializable(package="keras_advxai")
class SmoothReLU:
    """A softplus in the place of a ReLU: `log(1 + exp(beta * x)) / beta`, an activation.

    With a largest value `m` it is `s(x) - s(x - m)` of this softplus `s`, and with a slope `a` of the negative side
    `a * x + (1 - a) * s(x)`.

    Args:
        beta: How sharp the bend is. The ReLU is the limit of large values. Defaults to 3.0.
        max_value: The value at which a ReLU6 ends, or `None`. Defaults to `None`.
        negative_slope: The slope of the negative side of a leaky ReLU. Defaults to 0.0.

    Raises:
        ValueError: A number is out of range.

    Example:

    >>> import keras_advxai as kax
    >>> values = kax.training.SmoothReLU(beta=1.0)([-100.0, 0.0, 100.0])
    >>> [round(float(value), 4) for value in values]
    [0.0, 0.6931, 100.0]
    """

    def __init__(self, beta: float = 3.0, max_value: float | None = None, negative_slope: float = 0.0) -> None:
        self.beta = check_beta(beta)
        self.max_value = max_value if max_value is None else check_number("max_value", max_value, 0)
        self.negative_slope = check_number("negative_slope", negative_slope, 0)

    def __call__(self, x: Any) -> Tensor:
        """The values of an array, or of a tensor of Keras'."""
        x = keras.ops.convert_to_tensor(x)
        bent = self._softplus(x)
        if self.max_value is not None:
            bent -= self._softplus(x - self.max_value)
        return self.negative_slope * x + (1 - self.negative_slope) * bent if self.negative_slope else bent

    def _softplus(self, x: Tensor) -> Tensor:
        return keras.ops.softplus(self.beta * x) / self.beta

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"beta": self.beta, "max_value": self.max_value, "negative_slope": self.negative_slope}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SmoothReLU:
        """The activation that `get_config` described."""
        return cls(**config)


def check_beta(beta: float) -> float:
    """Return how sharp a bend is.

    Raises:
        ValueError: It is not above 0.
    """
    number = check_number("beta", beta, 0)
    if number == 0:
        raise ValueError(f"Argument `beta` must be above 0. Received: beta={beta!r}")
    return number


def smooth_relus(model: keras.Model, beta: float = 3.0) -> keras.Model:
    """A copy of a model with a softplus in the place of every ReLU, to be trained in its place.

    Gradients of a ReLU network jump from one linear piece to the next, and explanations that are made of gradients
    jump with them (Dombrowski et al. 2019). The copy has the weights of the model, which stays as it is; it is not
    compiled. **Train it**, or fine-tune it where the weights are trained: with a `beta` that smooths anything, weights
    of ReLUs by themselves mean another function, and the accuracy falls.

    ReLUs, ReLU6 and leaky ReLUs are replaced, as activations of other layers, as layers and as operations of a
    functional model, inside of nested models too. What a subclassed model computes in its `call` is not seen.

    Args:
        model: A functional or sequential model, built or not.
        beta: How sharp the bend is, see `SmoothReLU`. Defaults to 3.0.

    Returns:
        A `keras.Model` of the same class, with layers of the same names.

    Raises:
        TypeError: `model` is not a `keras.Model`.
        ValueError: There is no ReLU to be seen in it, a ReLU has a threshold, or `beta` is not above 0.

    Example:

    >>> import keras
    >>> import keras_advxai as kax
    >>> net = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, activation="relu")])
    >>> smooth = kax.training.smooth_relus(net)
    >>> smooth.layers[0].activation.get_config()["beta"], net.layers[0].activation.__name__
    (3.0, 'relu')

    References:
        Dombrowski et al., "Explanations can be manipulated and geometry is to blame", NeurIPS 2019.
    """
    beta = check_beta(beta)
    if not isinstance(model, keras.Model):
        raise TypeError(f"Argument `model` must be a keras.Model. Received: {type(model).__name__}")
    count: list[str] = []
    # Keras has no public name for the class of functional models.
    own = isinstance(model, (keras.Sequential, keras.src.models.functional.Functional))
    config = _smoothed(model.get_config(), beta, count) if own else {}
    if not count:
        raise ValueError(
            "Argument `model` must be a functional or sequential model with ReLUs among its layers or their "
            f"activations. Received: {model.name!r}, a {type(model).__name__}, in which none is seen. In a subclassed "
            "model, use keras_advxai.training.SmoothReLU() as the activation."
        )
    copy: keras.Model = type(model).from_config(config)
    if model.built:
        if not copy.built:
            copy.build_from_config(model.get_build_config())
        copy.set_weights(model.get_weights())
    return copy


def _smoothed(value: Any, beta: float, count: list[str]) -> Any:
    """A part of a configuration with other activations; the names of what was replaced go into `count`."""
    if isinstance(value, (list, tuple)):
        return type(value)(_smoothed(item, beta, count) for item in value)
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name")
    if name in _CLASSES and str(value.get("module", "")).startswith("keras"):
        return _layer(dict(value), beta, count)
    found = {}
    for key, item in value.items():
        kind = _activation(item) if key.endswith("activation") else None
        found[key] = _smoothed(item, beta, count) if kind is None else _serialized(_SETTINGS[kind], beta, kind, count)
    return found


def _activation(item: Any) -> str | None:
    """The name of an activation that is to be replaced: by name, as Keras writes it, or as a function."""
    name = item.get("config") if isinstance(item, Mapping) and item.get("class_name") == "function" else item
    return name if isinstance(name, str) and name in _SETTINGS else None


def _layer(value: dict[str, Any], beta: float, count: list[str]) -> dict[str, Any]:
    """An `Activation` in the place of a layer or operation that is a ReLU, with its name and its connections."""
    kind, config = _CLASSES[value["class_name"]], value["config"]
    if config.get("threshold"):
        raise ValueError(
            f"A ReLU with a threshold has no softplus in its place. Received: layer {config['name']!r} with "
            f"threshold={config['threshold']}"
        )
    known = {key: config[key] for key in ("max_value", "negative_slope") if config.get(key) is not None}
    settings = {**_SETTINGS[kind], **known}
    return {
        **value,
        "module": "keras.layers",
        "class_name": "Activation",
        "registered_name": None,
        "config": {
            **{key: config[key] for key in ("name", "dtype", "trainable") if key in config},
            "activation": _serialized(settings, beta, config.get("name", kind), count),
        },
    }


def _serialized(settings: dict[str, float], beta: float, name: str, count: list[str]) -> Any:
    count.append(name)
    return keras.saving.serialize_keras_object(SmoothReLU(beta, **settings))
