"""What a trace takes in is followed when it changes, and constants in a model are no layers."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import GradCAM

layers = keras.layers
SHAPE = (8, 8, 3)
IMAGES = helpers.random_images(4, SHAPE)


def network(*front) -> keras.Model:
    stack = [layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return keras.Sequential([keras.Input(SHAPE), *front, *stack])


def test_an_adapted_normalization_is_followed():
    normalization = layers.Normalization()
    model = network(normalization)
    explainer = GradCAM(relu=False)
    for scale in (1, 9):
        normalization.adapt(scale * IMAGES)
        again = layers.Normalization()
        fresh = network(again)
        again.adapt(scale * IMAGES)
        for old, new in zip(model.layers[1:], fresh.layers[1:], strict=True):
            new.set_weights(old.get_weights())
        assert not np.allclose(again.mean, 0, atol=0.1)
        np.testing.assert_allclose(explainer(model, IMAGES), explainer(fresh, IMAGES), atol=1e-5)


@pytest.mark.parametrize("module", ["resnet50", "densenet", "mobilenet_v2"])
def test_preprocessing_may_be_written_into_the_model(module):
    inputs = keras.Input(SHAPE)
    x = getattr(keras.applications, module).preprocess_input(inputs * 255.0)
    x = layers.Conv2D(4, 3, name="conv")(x)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    assert kax.ImageClassifier(model).default_layer == "conv"
    assert kax.attacks.FGSM()(model, IMAGES, [0, 1, 2, 0], 0.1).shape == IMAGES.shape


def test_a_constant_of_the_images_rank_is_no_map():
    inputs = keras.Input(SHAPE)
    x = layers.Subtract()([inputs, tf.fill((1, *SHAPE), 0.5)])
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(x))))
    assert GradCAM(relu=False)(model, IMAGES).shape == (4, 8, 8, 1)


def test_two_networks_beside_one_another_are_warned_of():
    inputs = keras.Input(SHAPE)
    heads = [
        layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name=name)(inputs)))
        for name in ("first", "second")
    ]
    model = keras.Model(inputs, layers.Average()(heads), name="pair")
    with pytest.warns(UserWarning, match=r"no layer merges: (first, second|second, first)\."):
        assert kax.ImageClassifier(model).default_layer in ("first", "second")


def test_of_the_inputs_of_a_pooling_the_one_with_the_features_is_explained():
    class Weighted(layers.Layer):
        def call(self, inputs):
            weights, features = inputs
            return tf.reduce_sum(weights * features, (1, 2))

    inputs = keras.Input(SHAPE)
    features = layers.Conv2D(4, 3, name="features")(inputs)
    weights = layers.Conv2D(1, 1, name="weights")(features)
    model = keras.Model(inputs, layers.Dense(3)(Weighted()([weights, features])))
    assert kax.list_layers(model).default.name == "features"


def test_a_vector_laid_out_as_a_map_by_chance_is_none():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(2, 3, padding="same", name="early")(inputs)
    x = layers.Reshape((8, 8, 1))(layers.Dense(64)(layers.Flatten()(x)))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Conv2D(2, 3, name="late")(x))))
    assert [info.name for info in kax.list_layers(model)] == ["early"]


@pytest.mark.slow
def test_a_wrapped_sequential_model_may_be_nested():
    model = keras.Sequential([keras.Input(SHAPE), kax.ExplainableModel(network()), layers.Dense(2)])
    expected = keras.Sequential([keras.Input(SHAPE), model.layers[0].inner, model.layers[1]])
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), expected.predict(IMAGES, verbose=0))
    np.testing.assert_allclose(GradCAM(relu=False)(model, IMAGES), GradCAM(relu=False)(expected, IMAGES), atol=1e-6)
