"""Which outputs are maps of the image, and which maps are no more than the image itself."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import GradCAM

layers = keras.layers
SHAPE = (8, 8, 2)


def names(*stack, shape=SHAPE) -> list[str]:
    return [info.name for info in kax.layers(keras.Sequential([keras.Input(shape), *stack]))]


def default(*stack, shape=SHAPE) -> str:
    return kax.ImageClassifier(keras.Sequential([keras.Input(shape), *stack])).default_layer


@pytest.mark.parametrize(
    "front",
    [
        [layers.Rescaling(2.0)],
        [layers.RandomFlip()],
        [layers.BatchNormalization()],
        [layers.AveragePooling2D(2)],
        [layers.Rescaling(2.0), layers.GaussianNoise(0.1), layers.MaxPooling2D(2)],
    ],
    ids=lambda stack: "-".join(type(layer).__name__ for layer in stack),
)
def test_the_image_itself_is_no_layer_to_explain(front):
    """An MLP with preprocessing in front."""
    stack = [*front, layers.Flatten(), layers.Dense(4, activation="relu"), layers.Dense(2)]
    with pytest.raises(ValueError, match=r"no layer with a spatial output .* Attacks still work"):
        default(*stack)


def test_a_map_comes_from_the_image_and_not_from_a_vector():
    """A decoder's maps have positions, but not the image's."""
    decoder = [layers.Flatten(), layers.Dense(32), layers.Reshape((4, 4, 2)), layers.Conv2D(3, 3, name="late")]
    stack = [layers.Conv2D(2, 3, name="early"), *decoder, layers.Flatten(), layers.Dense(2)]
    assert names(*stack) == ["early"]
    assert default(*stack) == "early"


def test_a_map_that_is_made_of_a_sequence_again_is_one():
    """Attention over the positions of a convolution, laid out as a map again."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    tokens = layers.Reshape((64, 4), name="flat")(x)
    tokens = layers.MultiHeadAttention(2, 2, name="attention")(tokens, tokens)
    x = layers.Conv2D(4, 3, name="after")(layers.Reshape((8, 8, 4), name="back")(tokens))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert [info.name for info in kax.layers(model)] == ["conv", "back", "after"]
    assert kax.layers(model).default.name == "after"


def test_the_heads_of_an_attention_are_no_positions():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="deep")(x)
    tokens = layers.Reshape((64, 4))(x)
    tokens = layers.MultiHeadAttention(2, 2)(tokens, tokens)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(tokens)))
    assert [info.name for info in kax.layers(model)] == ["conv", "deep"]
    assert kax.layers(model).default.name == "deep"


def test_the_scale_of_a_squeeze_and_excitation_is_no_map():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    scale = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    scale = layers.Conv2D(4, 1, activation="sigmoid", name="excite")(scale)
    x = layers.Multiply(name="scaled")([x, scale])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert [info.name for info in kax.layers(model)] == ["conv", "scaled"]


def test_a_recurrent_head_over_the_columns_of_a_map():
    """A convolutional recurrent network, as for reading text."""
    stack = [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.Reshape((6, 24)),
        layers.LSTM(5, return_sequences=True),
        layers.LSTM(5),
        layers.Dense(2),
    ]
    assert default(*stack) == "conv"


class Patches(layers.Layer):
    """Cuts an image into patches with raw operations, as many transformers do."""

    def call(self, inputs):
        patches = tf.image.extract_patches(inputs, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
        return tf.reshape(patches, (-1, 16, patches.shape[-1]))


@pytest.mark.parametrize("patches", ["a layer of its own", "a convolution"])
def test_a_transformer_is_not_explained_at_its_patches(patches):
    inputs = keras.Input(SHAPE)
    if patches == "a convolution":
        x = layers.Reshape((16, 6))(layers.Conv2D(6, 2, strides=2, name="patches")(inputs))
    else:
        x = layers.Dense(6, name="projection")(Patches()(layers.Rescaling(2.0)(inputs)))
    normed = layers.LayerNormalization(name="norm")(x)
    x = x + layers.MultiHeadAttention(2, 3, name="attention")(normed, normed)
    x = layers.Dense(6, activation="gelu", name="mlp")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)), name="vit")
    images = helpers.random_images(3, SHAPE)
    with pytest.raises(ValueError, match=r"'vit' has no layer .* sees the image as tokens.* norm, attention, mlp"):
        GradCAM()(model, images)
    maps = GradCAM(layer="mlp", reshape_transform="tokens", relu=False)(model, images)
    assert maps.shape == (3, 8, 8, 1)
    assert np.ptp(maps, axis=(1, 2, 3)).min() > 0.1
    grid = GradCAM(layer="mlp", reshape_transform=lambda tokens: tf.reshape(tokens, (-1, 4, 4, 6)), relu=False)
    np.testing.assert_array_equal(grid(model, images), maps)


@pytest.mark.parametrize("turn", ["in the model", "in preprocess", "nowhere"])
def test_the_layout_of_the_images_is_found_behind_a_transposition(turn):
    """Images with the channels first or last, whatever the layout that the convolutions work in."""
    weights = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype("float32")
    head = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")

    def network(first: bool, permute: bool) -> keras.Model:
        layout = "channels_first" if first else "channels_last"
        conv = layers.Conv2D(4, 3, activation="relu", data_format=layout, use_bias=False, name="conv")
        dense = layers.Dense(2, use_bias=False)
        stack = [conv, layers.GlobalAveragePooling2D(data_format=layout), dense]
        model = keras.Sequential(
            [keras.Input((2, 8, 9) if first != permute else (8, 9, 2))]
            + ([layers.Permute((2, 3, 1) if not first else (3, 1, 2))] if permute else [])
            + stack
        )
        conv.set_weights([weights])
        dense.set_weights([head])
        return model

    images = helpers.random_images(3, (8, 9, 2))
    expected = GradCAM()(network(first=False, permute=False), images)
    if turn == "nowhere":
        model, given = network(first=True, permute=False), np.moveaxis(images, -1, 1)
    elif turn == "in the model":
        model, given = network(first=False, permute=True), np.moveaxis(images, -1, 1)
    else:
        model, given = network(first=True, permute=False), images
    preprocess = (lambda x: tf.transpose(x, (0, 3, 1, 2))) if turn == "in preprocess" else None
    classifier = kax.ImageClassifier(model, preprocess=preprocess)
    assert classifier.channels_first(given.shape[1:]) == (turn != "in preprocess")
    np.testing.assert_allclose(GradCAM()(classifier, given), expected, atol=1e-5)
    assert kax.attacks.FGSM()(classifier, given).shape == given.shape


def test_a_layer_of_tokens_without_a_transform_says_what_is_missing():
    inputs = keras.Input(SHAPE)
    x = layers.Reshape((16, 6))(layers.Conv2D(6, 2, strides=2)(inputs))
    x = layers.LayerNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))
    with pytest.raises(ValueError, match=r"no layer 'norm' with a spatial output.*reshape_transform=\"tokens\""):
        GradCAM(layer="norm")(model, helpers.random_images(1, SHAPE))
