"""Models of images with the channels first, of signals, of videos, of tokens, and of nothing but pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import helpers
import keras
import numpy as np
import tensorflow as tf

from kinds import network
from kinds.kind import Kind
from kinds.network import (
    HEAD,
    IMAGES,
    LABELS,
    SIGNALS,
    STEPS_FIRST,
    STEPS_LAST,
    Pass,
    backbone,
    conv,
    features,
    first,
    functional,
    head,
    last,
    mean,
    sequential,
    stack,
)

layers = keras.layers
VIDEOS = np.stack([np.roll(IMAGES[:4], 2 * frame, axis=2) for frame in range(3)], axis=1)
TOKENS, DEPTH = 16, 10


def channels_first() -> keras.Model:
    """The network in NCHW."""
    helpers.needs_channels_first()
    return functional([*stack(data_format="channels_first"), head()], shape=(3, 16, 16))


def channels_first_backbone() -> keras.Model:
    """A backbone in NCHW with a normalisation, nested."""
    helpers.needs_channels_first()
    inner = functional(
        [
            first(data_format="channels_first"),
            layers.MaxPooling2D(data_format="channels_first"),
            last(data_format="channels_first", activation=None),
            layers.BatchNormalization(axis=1, epsilon=0.0),
            layers.ReLU(name="relu"),
        ],
        shape=(3, 16, 16),
        name="backbone",
    )
    return sequential(inner, layers.GlobalAveragePooling2D(data_format="channels_first"), head(), shape=(3, 16, 16))


def channels_first_by_hand(model: keras.Model, images: Any) -> Pass:
    """The network by hand on images with the channels last."""
    return network.by_hand(model, tf.transpose(images, (0, 2, 3, 1)))


def signals() -> keras.Model:
    """Convolutions over steps."""
    return functional(
        [
            conv(STEPS_FIRST, "first"),
            layers.MaxPooling1D(),
            conv(STEPS_LAST, "last"),
            layers.GlobalAveragePooling1D(),
            head(),
        ],
        shape=(32, 2),
    )


def signals_by_hand(model: keras.Model, signals: Any) -> Pass:
    """The same by hand."""
    hidden = tf.nn.relu(tf.nn.conv1d(signals, STEPS_FIRST[0], 1, "SAME") + STEPS_FIRST[1])
    hidden = tf.nn.max_pool1d(hidden, 2, 2, "VALID")
    activation = tf.nn.relu(tf.nn.conv1d(hidden, STEPS_LAST[0], 1, "SAME") + STEPS_LAST[1])
    return Pass(mean(activation) @ HEAD[0] + HEAD[1], activation)


def frame_by_frame() -> keras.Model:
    """Each layer by itself on every frame."""
    inner = [layers.TimeDistributed(layer, name=f"{layer.name}_frames") for layer in network.body()]
    return functional([*inner, layers.GlobalAveragePooling3D(), head()], shape=VIDEOS.shape[1:])


def frames_of_backbone() -> keras.Model:
    """A backbone on every frame, then the mean over frames."""
    frames = layers.TimeDistributed(backbone(pooling=True), name="frames")
    return functional([frames, layers.GlobalAveragePooling1D(), head()], shape=VIDEOS.shape[1:])


def videos_by_hand(model: keras.Model, videos: Any) -> Pass:
    """The network by hand on every frame."""
    activation = features(tf.reshape(videos, (-1, *VIDEOS.shape[2:])))
    activation = tf.reshape(activation, (-1, VIDEOS.shape[1], *activation.shape[1:]))
    return Pass(mean(activation) @ HEAD[0] + HEAD[1], activation)


@keras.saving.register_keras_serializable(package="kinds")
class Positions(layers.Layer):
    """Adds a class token, if asked to, and an embedding of the positions."""

    def __init__(self, class_token: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.class_token = class_token

    def build(self, shape: Any) -> None:
        self.embedding = self.add_weight(shape=(1, shape[1] + self.class_token, shape[2]), name="embedding")
        self.token = self.add_weight(shape=(1, 1, shape[2]), name="token") if self.class_token else None

    def call(self, tokens: Any) -> Any:
        if self.token is not None:
            front = keras.ops.repeat(self.token, keras.ops.shape(tokens)[0], axis=0)
            tokens = keras.ops.concatenate([front, tokens], axis=1)
        return tokens + self.embedding


def transformer(class_token: bool) -> keras.Model:
    """A small ViT. With a class token, patches are cut by a convolution; without, by an operation."""
    inputs = keras.Input(network.SHAPE)
    if class_token:
        x = layers.Conv2D(DEPTH, 4, strides=4, name="patches")(inputs)
        x = layers.Reshape((TOKENS, DEPTH), name="sequence")(x)
    else:
        x = layers.Reshape((TOKENS, 48), name="sequence")(keras.ops.image.extract_patches(inputs, 4))
        x = layers.Dense(DEPTH, name="patches")(x)
    x = Positions(class_token, name="positions")(x)
    for block in ("block1", "block2"):
        normal = layers.LayerNormalization(name=f"{block}_normal")(x)
        attended = layers.MultiHeadAttention(2, DEPTH // 2, name=f"{block}_attention")(normal, normal)
        x = layers.Add(name=f"{block}_attended")([x, attended])
        dense = layers.Dense(DEPTH, activation="gelu", name=f"{block}_dense")
        x = layers.Add(name=block)([x, dense(layers.LayerNormalization(name=f"{block}_between")(x))])
    x = layers.LayerNormalization(name="normal")(x)
    x = x[:, 0] if class_token else layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, head(activation=None)(x), name="vit")
    generator = np.random.default_rng(131 if class_token else 19)
    for weight in model.weights:
        if not weight.path.startswith("classes"):
            middle = float(weight.name == "gamma")
            weight.assign(generator.normal(middle, 0.2 if middle or weight.ndim == 1 else 0.5, weight.shape))
    return model


def transformer_by_hand(class_token: bool, layer: str) -> Any:
    """A pass through the model's layers, called one after the other."""

    def as_map(tokens: Any) -> Any:
        return tf.reshape(tokens[:, int(class_token) :], (-1, 4, 4, DEPTH))

    def by_hand(model: keras.Model, images: Any) -> Pass:
        found: dict[str, Any] = {}

        def call(name: str, *inputs: Any) -> Any:
            found[name] = model.get_layer(name)(*inputs)
            return found[name]

        if class_token:
            x = call("sequence", call("patches", images))
        else:
            patches = tf.image.extract_patches(images, (1, 4, 4, 1), (1, 4, 4, 1), (1, 1, 1, 1), "VALID")
            x = call("patches", tf.reshape(patches, (-1, TOKENS, 48)))
        x = call("positions", x)
        for block in ("block1", "block2"):
            normal = call(f"{block}_normal", x)
            x = x + call(f"{block}_attention", normal, normal)
            x = x + call(f"{block}_dense", call(f"{block}_between", x))
        x = call("normal", x)
        x = x[:, 0] if class_token else tf.reduce_mean(x, axis=1)
        return Pass(x @ HEAD[0] + HEAD[1], found[layer], as_map)

    return by_hand


@keras.saving.register_keras_serializable(package="kinds")
def four_by_four(tokens: Any) -> Any:
    """Tokens as the grid of patches that they were."""
    return keras.ops.reshape(tokens, (-1, 4, 4, DEPTH))


def only_pixels() -> keras.Model:
    """A multilayer perceptron."""
    generator = np.random.default_rng(40)
    hidden = generator.normal(0, 0.05, (768, 10)), np.full(10, 0.1)
    stack = [layers.Rescaling(2.0, offset=-1.0), layers.Flatten(), head(hidden, "relu", name="hidden"), head()]
    return sequential(*stack)


def only_pixels_by_hand(model: keras.Model, images: Any) -> Pass:
    """The same by hand; nothing in it can be explained."""
    (kernel, bias) = (tf.convert_to_tensor(weight) for weight in model.get_layer("hidden").weights)
    hidden = tf.nn.relu(tf.reshape(2 * images - 1, (-1, 768)) @ kernel + bias)
    return Pass(hidden @ HEAD[0] + HEAD[1], hidden)


FIRST_IMAGES = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
VIT = Kind(
    lambda: transformer(class_token=True),
    None,
    explain={"layer": "block2_normal", "reshape_transform": "tokens"},
    refusal="'vit'.*tokens.*reshape_transform.*block2_normal",
    by_hand=transformer_by_hand(True, "block2_normal"),
    tolerance=1e-4,
)

POSITIONED = {
    "channels_first": Kind(channels_first, x=FIRST_IMAGES, channels_first=True, by_hand=channels_first_by_hand),
    "channels_first_backbone": Kind(
        channels_first_backbone, "backbone/relu", x=FIRST_IMAGES, channels_first=True, by_hand=channels_first_by_hand
    ),
    "signals": Kind(signals, x=SIGNALS, by_hand=signals_by_hand),
    "time_distributed": Kind(frame_by_frame, "last_frames/last", x=VIDEOS, y=LABELS[:4], by_hand=videos_by_hand),
    "time_distributed_backbone": Kind(
        frames_of_backbone, "frames/backbone/last", x=VIDEOS, y=LABELS[:4], by_hand=videos_by_hand
    ),
    "vit": VIT,
    "vit_without_class_token": dataclasses.replace(
        VIT,
        build=lambda: transformer(class_token=False),
        explain={"layer": "normal", "reshape_transform": four_by_four},
        by_hand=transformer_by_hand(False, "normal"),
    ),
}

WITHOUT_POSITIONS = {
    "only_pixels": Kind(
        only_pixels, None, refusal="no layer with a spatial output.*Attacks", by_hand=only_pixels_by_hand
    )
}
