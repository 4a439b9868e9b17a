"""The same network, built in every way that Keras offers. All give the same heatmaps and the same attacks."""

from __future__ import annotations

import pathlib
import tempfile

import keras

from kinds import network
from kinds.kind import Kind
from kinds.network import SHAPE, backbone, functional, head, sequential, stack

layers = keras.layers


def without_input() -> keras.Model:
    """A Sequential model that is built by its first call."""
    model = keras.Sequential([*stack(), head()], name="net")
    model(network.IMAGES[:1])
    return model


def reloaded(model: keras.Model) -> keras.Model:
    """The model, saved and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        model.save(path)
        return keras.models.load_model(path)


def backbone_in_functional() -> keras.Model:
    """Transfer learning as the Keras guides write it."""
    inputs = keras.Input(SHAPE)
    x = backbone()(inputs, training=False)
    return keras.Model(inputs, head()(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))))


def backbone_frozen() -> keras.Model:
    """A backbone that is not trained."""
    model = sequential(backbone(), layers.GlobalAveragePooling2D(), head())
    model.layers[0].trainable = False
    return model


def backbone_two_deep() -> keras.Model:
    """A backbone in a Sequential in a functional model."""
    inner = keras.Sequential([keras.Input(SHAPE), backbone(), layers.Dropout(0.2)], name="inner")
    return functional([inner, layers.GlobalAveragePooling2D(), head()])


WRAPPED = {
    "functional": Kind(lambda: functional([*stack(), head()])),
    "sequential": Kind(lambda: sequential(*stack(), head())),
    "sequential_without_input": Kind(without_input),
    "sequential_reloaded": Kind(
        lambda: reloaded(sequential(backbone(), layers.GlobalAveragePooling2D(), head())), "backbone/last"
    ),
    "sequential_without_input_reloaded": Kind(lambda: reloaded(without_input())),
    "backbone_in_sequential": Kind(
        lambda: sequential(backbone(), layers.GlobalAveragePooling2D(), head()), "backbone/last"
    ),
    "backbone_in_functional": Kind(backbone_in_functional, "backbone/last"),
    "backbone_with_pooling": Kind(lambda: sequential(backbone(pooling=True), head()), "backbone/last"),
    "backbone_two_deep": Kind(backbone_two_deep, "inner/backbone/last"),
    "backbone_frozen": Kind(backbone_frozen, "backbone/last"),
}
