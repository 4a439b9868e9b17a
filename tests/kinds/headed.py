"""The same network with other heads, more outputs, one channel, and layers that do nothing outside of training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kinds import network
from kinds.kind import Kind
from kinds.network import FIRST, HEAD, LAST, SHAPE, Pass, conv, features, first, head, last, mean, sequential, stack

layers = keras.layers
BINARY = network.LABELS % 2


def one_unit() -> tuple[Any, Any]:
    """The head of one sigmoid unit: class 3 against class 0."""
    kernel, bias = HEAD
    return kernel[:, 3:] - kernel[:, :1], bias[3:] - bias[:1]


def one_unit_by_hand(model: keras.Model, images: Any) -> Pass:
    """The log-odds of both classes."""
    activation = features(images)
    kernel, bias = one_unit()
    odds = mean(activation) @ kernel + bias
    return Pass(tf.concat([-odds, odds], axis=-1), activation)


def outputs(as_dict: bool) -> keras.Model:
    """A place and classes of the same image."""
    inputs = x = keras.Input(SHAPE)
    for layer in stack():
        x = layer(x)
    place = layers.Dense(2, name="place")(layers.Dense(3, activation="relu", name="hidden")(x))
    classes = head()(x)
    return keras.Model(inputs, {"place": place, "classes": classes} if as_dict else [place, classes])


def gray_by_hand(model: keras.Model, images: Any) -> Pass:
    """One channel."""
    return network.by_hand(model, tf.concat([images, tf.zeros_like(images), tf.zeros_like(images)], axis=-1))


def grayscale() -> keras.Model:
    """The network on the first of three channels."""
    gray = conv((FIRST[0][:, :, :1], FIRST[1]), "first")
    return sequential(gray, *stack()[1:], head(), shape=(16, 16, 1))


def augmentation() -> keras.Model:
    """What is random in training, before the network and inside it."""
    front = keras.Sequential(
        [layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomContrast(0.5), layers.GaussianNoise(0.5)],
        name="augmentation",
    )
    inside = [first(), layers.Dropout(0.5), layers.MaxPooling2D(), layers.SpatialDropout2D(0.5), last()]
    behind = [layers.Dropout(0.5), layers.GlobalAveragePooling2D(), layers.Dropout(0.5), head()]
    return sequential(front, *inside, *behind)


def normalization() -> keras.Model:
    """Normalisations with statistics of their own, which the weights undo; in training they would not."""
    generator = np.random.default_rng(20)

    def draw(channels: int) -> dict[str, np.ndarray]:
        return {name: generator.uniform(0.5, 2, channels) for name in ("gamma", "mean", "variance")}

    def scale(drawn: dict[str, np.ndarray]) -> np.ndarray:
        return drawn["gamma"] / np.sqrt(drawn["variance"] + 1e-3)

    def normalize(drawn: dict[str, np.ndarray], beta: np.ndarray, name: str) -> layers.Layer:
        settings = {"gamma": drawn["gamma"], "beta": beta, "moving_mean": drawn["mean"]}
        settings["moving_variance"] = drawn["variance"]
        initial = {f"{key}_initializer": keras.initializers.Constant(value.tolist()) for key, value in settings.items()}
        return layers.BatchNormalization(name=name, **initial)

    front, inside = draw(3), draw(10)
    (kernel, bias), (last_kernel, last_bias) = FIRST, LAST
    return sequential(
        layers.Rescaling(0.5),
        normalize(front, front["mean"] * scale(front), "front"),
        conv((2 * kernel / scale(front)[:, None], bias), "first"),
        layers.MaxPooling2D(),
        conv((last_kernel / scale(inside), last_bias * 0), "last", activation=None),
        normalize(inside, last_bias + inside["mean"] * scale(inside), "inside"),
        layers.ReLU(name="relu"),
        layers.GlobalAveragePooling2D(),
        head(),
    )


HEADED = {
    "softmax_layer": Kind(lambda: sequential(*stack(), head(activation=None), layers.Softmax())),
    "activation_layer": Kind(lambda: sequential(*stack(), head(activation=None), layers.Activation("softmax"))),
    "linear": Kind(lambda: sequential(*stack(), head(activation=None)), settings={"from_logits": True}),
    "one_sigmoid_unit": Kind(
        lambda: sequential(*stack(), head(one_unit(), "sigmoid")), by_hand=one_unit_by_hand, y=BINARY
    ),
    "outputs_in_a_list": Kind(lambda: outputs(as_dict=False), settings={"output": 1}),
    "outputs_in_a_dict": Kind(lambda: outputs(as_dict=True), settings={"output": "classes"}),
    "grayscale": Kind(grayscale, x=network.IMAGES[..., :1], by_hand=gray_by_hand),
    "augmentation": Kind(augmentation),
    "normalization": Kind(normalization, "relu"),
}
