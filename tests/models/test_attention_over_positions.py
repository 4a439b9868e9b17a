"""Attention that weights positions: what it attends to is explained, and not its scores."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax

L = keras.layers
IMAGES = np.random.default_rng(0).random((5, 12, 12, 1), dtype="float32")


def attentive(order):
    """Features are pooled by a softmax over their positions; `order` says which of both is laid out first."""
    keras.utils.set_random_seed(0)
    image = L.Input((12, 12, 1))
    features = L.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="features")(image)
    if order == "scores first":
        scores = L.Reshape((36, 1))(L.Conv2D(1, 1, name="scores")(features))
        rows = L.Reshape((36, 6))(features)
    else:
        rows = L.Reshape((36, 6))(features)
        scores = L.Reshape((36, 1))(L.Conv2D(1, 1, name="scores")(features))
    pooled = L.Flatten()(L.Dot(axes=1)([L.Softmax(axis=1)(scores), rows]))
    return keras.Model(image, L.Dense(4, activation="softmax")(pooled))


@pytest.mark.parametrize("order", ["scores first", "features first"])
def test_the_features_are_explained_and_not_their_scores(order):
    model = attentive(order)
    assert kax.list_layers(model).default.name == "features"
    heatmaps = kax.explainers.GradCAM()(model, IMAGES)
    np.testing.assert_array_equal(heatmaps, kax.explainers.GradCAM(layer="features")(model, IMAGES))
    alone = np.concatenate([kax.explainers.GradCAM()(model, image[None]) for image in IMAGES])
    np.testing.assert_allclose(heatmaps, alone, atol=1e-4)


def test_behind_a_mixture_of_softmaxes_there_are_maps_all_the_same():
    keras.utils.set_random_seed(0)
    image = L.Input((12, 12, 1))
    pooled = L.GlobalAveragePooling2D()(L.Conv2D(6, 3, activation="relu", name="features")(image))
    members = [L.Dense(4, activation="softmax")(pooled) for _ in range(2)]
    model = keras.Model(image, L.Average()(members))
    assert kax.list_layers(kax.ImageClassifier(model, from_logits=False)).default.name == "features"
