"""Models that take more than one input, and models that use a layer more than once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kinds.kind import Kind
from kinds.network import (
    AGE_HEAD,
    AGES,
    FIRST,
    HEAD,
    IMAGES,
    NARROW_HEAD,
    OTHERS,
    SHAPE,
    SHARED,
    Pass,
    backbone,
    conv,
    features,
    first,
    head,
    mean,
    stack,
)

layers = keras.layers


def with_age(as_dict: bool) -> keras.Model:
    """Classes from an image and two numbers."""
    age, image = keras.Input((2,), name="age"), keras.Input(SHAPE, name="image")
    x = image
    for layer in stack():
        x = layer(x)
    classes = head(age_head())(layers.Concatenate()([x, age]))
    return keras.Model({"age": age, "image": image} if as_dict else [age, image], classes)


def age_head() -> tuple[Any, Any]:
    """The head on both."""
    return np.concatenate([HEAD[0], AGE_HEAD]), HEAD[1]


class WithAge(keras.Model):
    """The same, subclassed."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.inner = backbone(pooling=True)
        self.classes = head(age_head())

    def call(self, inputs):
        return self.classes(keras.ops.concatenate([self.inner(inputs["image"]), inputs["age"]], axis=-1))


def with_age_subclassed() -> keras.Model:
    """Built by a call."""
    model = WithAge()
    model({"image": IMAGES[:1], "age": AGES[:1]})
    return model


def with_age_by_hand(model: keras.Model, inputs: Any) -> Pass:
    """The network by hand, and what the age adds to the scores."""
    age, image = (inputs["age"], inputs["image"]) if isinstance(inputs, dict) else inputs
    activation = features(image)
    return Pass(mean(activation) @ HEAD[0] + age @ AGE_HEAD + HEAD[1], activation)


def siamese() -> keras.Model:
    """Two images through one backbone. Swapping them changes nothing, because their features are multiplied."""
    left, right = keras.Input(SHAPE, name="left"), keras.Input(SHAPE, name="right")
    shared = backbone(pooling=True)
    return keras.Model([left, right], head(twin_head())(layers.Multiply()([shared(left), shared(right)])))


def twin_head() -> tuple[Any, Any]:
    """The head on products, which are small."""
    return 4 * HEAD[0], HEAD[1]


def siamese_by_hand(chosen: int) -> Any:
    """The pass by hand, in which one of the two images is explained."""

    def by_hand(model: keras.Model, inputs: Any) -> Pass:
        activations = [features(images) for images in inputs]
        kernel, bias = twin_head()
        return Pass((mean(activations[0]) * mean(activations[1])) @ kernel + bias, activations[chosen])

    return by_hand


def shared_layer() -> keras.Model:
    """One convolution called twice, one after the other, at two sizes."""
    inputs = keras.Input(SHAPE)
    shared = conv(SHARED, "shared")
    x = shared(layers.MaxPooling2D()(shared(first()(inputs))))
    return keras.Model(inputs, head(NARROW_HEAD)(layers.GlobalAveragePooling2D()(x)))


def shared_by_hand(call: int) -> Any:
    """The pass by hand, in which one of the two calls is explained."""

    def by_hand(model: keras.Model, images: Any) -> Pass:
        hidden = tf.nn.relu(tf.nn.conv2d(images, FIRST[0], 1, "SAME") + FIRST[1])
        early = tf.nn.relu(tf.nn.conv2d(hidden, SHARED[0], 1, "SAME") + SHARED[1])
        hidden = tf.nn.max_pool2d(early, 2, 2, "VALID")
        late = tf.nn.relu(tf.nn.conv2d(hidden, SHARED[0], 1, "SAME") + SHARED[1])
        return Pass(mean(late) @ NARROW_HEAD[0] + NARROW_HEAD[1], (early, late)[call])

    return by_hand


def shared_backbone() -> keras.Model:
    """One backbone called on an image and then on its mirror image."""
    inputs = keras.Input(SHAPE)
    shared = backbone(pooling=True)
    x = layers.Multiply()([shared(inputs), shared(keras.ops.flip(inputs, axis=2))])
    return keras.Model(inputs, head(twin_head())(x))


def shared_backbone_by_hand(call: int) -> Any:
    """The pass by hand, in which one of the two calls is explained."""

    def by_hand(model: keras.Model, images: Any) -> Pass:
        activations = features(images), features(tf.reverse(images, axis=[2]))
        kernel, bias = twin_head()
        return Pass((mean(activations[0]) * mean(activations[1])) @ kernel + bias, activations[call])

    return by_hand


SHARED_BACKBONE = Kind(shared_backbone, "backbone/last", by_hand=shared_backbone_by_hand(1))
CALLED_EARLIER = Kind(
    shared_backbone, "backbone/last", explain={"layer": "backbone/last:1"}, by_hand=shared_backbone_by_hand(0)
)

CONNECTED = {
    "inputs_in_a_list": Kind(
        lambda: with_age(as_dict=False),
        x=[AGES, IMAGES],
        images=1,
        settings={"input": "image"},
        by_hand=with_age_by_hand,
    ),
    "inputs_in_a_dict": Kind(
        lambda: with_age(as_dict=True),
        x={"image": IMAGES, "age": AGES},
        images="image",
        settings={"input": "image"},
        by_hand=with_age_by_hand,
    ),
    "inputs_of_a_subclassed_model": Kind(
        with_age_subclassed,
        "backbone/last",
        x={"image": IMAGES, "age": AGES},
        images="image",
        settings={"input": "image"},
        by_hand=with_age_by_hand,
    ),
    "siamese_left": Kind(
        siamese, "backbone/last", x=[IMAGES, OTHERS], images=0, settings={"input": "left"}, by_hand=siamese_by_hand(0)
    ),
    "siamese_right": Kind(
        siamese, "backbone/last", x=[IMAGES, OTHERS], images=1, settings={"input": 1}, by_hand=siamese_by_hand(1)
    ),
    "shared_layer": Kind(shared_layer, "shared", by_hand=shared_by_hand(1)),
    "shared_layer_called_earlier": Kind(
        shared_layer, "shared", explain={"layer": "shared:1"}, by_hand=shared_by_hand(0)
    ),
}
