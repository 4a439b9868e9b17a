"""Statistics of the images themselves that go to the classes beside a convolution: it is explained all the same.

Neither the mean of the images nor their pixels have weights in front, so they are no feature maps and end no search.
Means are not counted among the maps that no layer merges; all pixels are, of which the heatmaps show nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax

L = keras.layers
SHAPE = (8, 8, 2)


def conv(name: str = "conv") -> keras.layers.Layer:
    return L.Conv2D(3, 3, padding="same", activation="relu", name=name)


def mean(images: Any) -> Any:
    return keras.ops.mean(images, axis=(1, 2))


def stack(*layers: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), *layers], name="statistic")


STATISTICS: dict[str, Callable[[Any], list[Any]]] = {
    "pooling": lambda x: [L.GlobalAveragePooling2D()(x)],
    "lambda": lambda x: [L.Lambda(mean)(x)],
    "operation": lambda x: [mean(x)],
    "several": lambda x: [L.GlobalMaxPooling2D()(x), L.GlobalAveragePooling2D()(x), L.Lambda(mean)(x)],
    "small image": lambda x: [L.Flatten()(L.AveragePooling2D(4)(x))],
    "one position": lambda x: [L.Flatten()(L.AveragePooling2D(8)(x))],
    "normalised": lambda x: [L.GlobalAveragePooling2D()(L.BatchNormalization()(L.Rescaling(2.0)(x)))],
    "passed through": lambda x: [L.GlobalAveragePooling2D()(L.Dropout(0.5)(x))],
    "nested": lambda x: [stack(L.GlobalAveragePooling2D(), L.Dense(3))(x)],
    "nested operation": lambda x: [stack(L.Lambda(mean))(x)],
}


def beside(statistic: str, first: bool = False) -> keras.Model:
    """Flattened features and statistics of the images, concatenated; the statistics are made before or after."""
    inputs = keras.Input(SHAPE)
    known = STATISTICS[statistic](inputs) if first else None
    features = L.Flatten()(conv()(inputs))
    found = [features, *(known or STATISTICS[statistic](inputs))]
    return keras.Model(inputs, L.Dense(2, name="classes")(L.Concatenate()(found)))


# Warnings are errors here: that several maps are not merged would be one.
@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_convolution_is_explained_beside_statistics_of_the_images(statistic):
    assert kax.ImageClassifier(beside(statistic)).default_layer == "conv"


def test_beside_all_pixels_it_is_explained_too_and_they_are_named(monkeypatch):
    monkeypatch.setitem(STATISTICS, "pixels", lambda x: [L.Dense(3)(L.Flatten(name="flat")(x))])
    with pytest.warns(UserWarning, match="several feature maps that no layer merges: flat, conv. conv is explained"):
        assert kax.ImageClassifier(beside("pixels")).default_layer == "conv"


@pytest.mark.parametrize("statistic", ["lambda", "small image", "normalised"])
def test_also_where_the_statistics_come_first(statistic):
    assert kax.ImageClassifier(beside(statistic, first=True)).default_layer == "conv"


def joined(name: str) -> keras.Model:
    x = keras.Input(SHAPE)
    features, pooled = conv()(x), L.GlobalAveragePooling2D()
    if name == "sum":
        y = L.Add()([L.Dense(4)(L.Flatten()(features)), L.Dense(4)(pooled(x))])
    elif name == "product":
        y = L.Multiply()([L.Dense(2)(L.Flatten()(features)), pooled(x)])
    elif name == "point":
        kept = L.GlobalAveragePooling2D(keepdims=True)(features)
        y = L.Flatten()(L.Concatenate()([kept, L.AveragePooling2D(8)(x)]))
    else:  # one layer pools both; the images have more channels than the features
        y = L.Lambda(lambda both: keras.ops.concatenate([mean(both[0]), mean(both[1])], axis=-1), output_shape=(7,))(
            [L.Concatenate()([x, x]), features]
        )
    return keras.Model(x, L.Dense(2)(y))


@pytest.mark.parametrize("name", ["sum", "product", "point", "one layer"])
def test_also_where_they_are_joined_otherwise(name):
    assert kax.ImageClassifier(joined(name)).default_layer == "conv"


def test_also_inside_of_a_nested_model():
    model = keras.Sequential([keras.Input(SHAPE), L.Rescaling(0.5), beside("pooling")], name="outer")
    assert kax.ImageClassifier(model).default_layer.endswith("/conv")


class Subclassed(keras.Model):
    """Neither the features nor the statistics are pooled by a layer; the smaller image is made last."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.conv, self.small = L.Rescaling(2.0), conv(), L.AveragePooling2D(2)
        self.head = L.Dense(2)

    def call(self, x):
        x = self.front(x)
        return self.head(keras.ops.concatenate([mean(self.conv(x)), mean(self.small(x)), mean(x)], axis=-1))


def test_also_where_no_layer_pools():
    model = Subclassed()
    model(np.zeros((1, *SHAPE)))
    assert kax.ImageClassifier(model).default_layer == "conv"


def test_the_map_is_that_of_the_features_alone():
    """A linear head adds the statistics' part, of which the gradient to the features knows nothing."""
    model, x = beside("pooling"), helpers.random_images(3, SHAPE)
    features = model.get_layer("conv")(x).numpy()
    kernel = model.get_layer("classes").get_weights()[0][:192, 1].reshape(8, 8, 3)
    expected = np.maximum(np.sum(features * kernel.mean(axis=(0, 1)), axis=-1, keepdims=True), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kax.explainers.BlankHeatmapWarning)
        found = kax.explainers.GradCAM().attributions(model, x, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_statistics_alone_are_nothing_to_explain():
    x = keras.Input(SHAPE)
    y = L.Concatenate()([L.GlobalAveragePooling2D()(x), L.Flatten()(L.AveragePooling2D(4)(x))])
    with pytest.raises(ValueError, match="no layer with a spatial output"):
        _ = kax.ImageClassifier(keras.Model(x, L.Dense(2)(y))).default_layer


def test_two_convolutions_that_no_layer_merges_are_still_told_of():
    x = keras.Input(SHAPE)
    pooled = [L.Flatten()(conv("one")(x)), L.GlobalAveragePooling2D()(conv("two")(x)), L.GlobalMaxPooling2D()(x)]
    found = kax.ImageClassifier(keras.Model(x, L.Dense(2)(L.Concatenate()(pooled))))
    with pytest.warns(UserWarning, match="no layer merges: (one, two|two, one)"):
        _ = found.default_layer
