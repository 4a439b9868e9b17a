"""Which outputs are feature maps, and which of these are no more than the image itself."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import GradCAM
from keras_advxai.testing import unchanged

layers = keras.layers
SHAPE = (8, 8, 2)


def names(*stack, shape=SHAPE) -> list[str]:
    return [info.name for info in kax.list_layers(keras.Sequential([keras.Input(shape), *stack]))]


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
    assert [info.name for info in kax.list_layers(model)] == ["conv", "back", "after"]
    assert kax.list_layers(model).default.name == "after"


def test_the_heads_of_an_attention_are_no_positions():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="deep")(x)
    tokens = layers.Reshape((64, 4))(x)
    tokens = layers.MultiHeadAttention(2, 2)(tokens, tokens)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(tokens)))
    assert [info.name for info in kax.list_layers(model)] == ["conv", "deep"]
    assert kax.list_layers(model).default.name == "deep"


def test_the_scale_of_a_squeeze_and_excitation_is_no_map():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    scale = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    scale = layers.Conv2D(4, 1, activation="sigmoid", name="excite")(scale)
    x = layers.Multiply(name="scaled")([x, scale])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert [info.name for info in kax.list_layers(model)] == ["conv", "scaled"]


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
        if first:
            helpers.needs_channels_first()
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
    assert classifier.topology(given.shape[1:]).channel == (3 if turn == "in preprocess" else 1)
    np.testing.assert_allclose(GradCAM()(classifier, given), expected, atol=1e-5)
    assert kax.attacks.FGSM()(classifier, given).shape == given.shape


def test_a_layer_of_tokens_without_a_transform_says_what_is_missing():
    inputs = keras.Input(SHAPE)
    x = layers.Reshape((16, 6))(layers.Conv2D(6, 2, strides=2)(inputs))
    x = layers.LayerNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))
    with pytest.raises(ValueError, match=r"no layer 'norm' with a spatial output.*reshape_transform=\"tokens\""):
        GradCAM(layer="norm")(model, helpers.random_images(1, SHAPE))


class Residual(keras.Model):
    """Adds up and pools outside of layers, as subclassed models do."""

    def __init__(self, pooling: str) -> None:
        super().__init__(name="residual")
        self.first = conv_of(4, "first")
        self.branch = conv_of(4, "branch")
        self.shortcut = conv_of(4, "shortcut")
        self.pool = layers.GlobalAveragePooling2D(name="pool") if pooling == "a layer" else None
        self.head = layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=9))

    def features(self, inputs):
        x = tf.nn.relu(self.first(inputs))
        return tf.nn.relu(self.branch(x) + self.shortcut(x))

    def call(self, inputs):
        x = self.features(inputs)
        return self.head(tf.reduce_mean(x, (1, 2)) if self.pool is None else self.pool(x))


def conv_of(filters: int, name: str) -> layers.Layer:
    initializer = keras.initializers.GlorotUniform(seed=len(name))
    return layers.Conv2D(filters, 3, padding="same", name=name, kernel_initializer=initializer)


def test_what_flows_into_a_pooling_is_explained_though_no_layer_returned_it():
    """A residual sum and its ReLU, made by operations."""
    images = helpers.random_images(3, SHAPE)
    model = Residual("a layer")
    model(images)
    table = kax.list_layers(model, SHAPE)
    assert table.default.name == "pool:input"
    assert table.default.kind == "input of GlobalAveragePooling2D"
    with tf.GradientTape() as tape:
        activation = model.features(images)
        tape.watch(activation)
        score = tf.reduce_max(model.head(model.pool(activation)), axis=-1)
    weights = tf.reduce_mean(tape.gradient(score, activation), (1, 2), keepdims=True)
    expected = tf.nn.relu(tf.reduce_sum(activation * weights, -1, keepdims=True))
    np.testing.assert_allclose(GradCAM().attributions(model, images), expected, atol=1e-5)
    assert GradCAM(layer="pool:input").layers(kax.ImageClassifier(model)) == ("pool:input",)


def test_a_sum_that_no_layer_takes_is_warned_of():
    images = helpers.random_images(3, SHAPE)
    model = Residual("an operation")
    model(images)
    with pytest.warns(UserWarning, match=r"no layer merges: branch, shortcut. shortcut is explained"):
        GradCAM(relu=False)(model, images)


def test_an_activation_without_a_layer_is_stepped_into():
    """A ReLU, then a pooling layer, which is stepped over."""

    class Plain(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pool = conv_of(4, "conv"), layers.MaxPooling2D(name="pool")
            self.flat, self.head = layers.Flatten(), layers.Dense(2)

        def call(self, inputs):
            return self.head(self.flat(self.pool(tf.nn.relu(self.conv(inputs)))))

    model = Plain()
    model(np.zeros((1, *SHAPE), "float32"))
    assert kax.list_layers(model, SHAPE).default.name == "pool:input"
    assert kax.list_layers(model, SHAPE).default.shape == (8, 8, 4)


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_of_maps_at_several_depths_the_deepest_is_explained(order):
    inputs = keras.Input((32, 32, 2))
    maps = {}
    x = inputs
    for name in "abc":
        maps[name] = x = layers.Conv2D(3, 3, strides=2, activation="relu", name=name)(x)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling2D()(maps[name]) for name in order])
    assert kax.list_layers(keras.Model(inputs, layers.Dense(2)(pooled))).default.name == "c"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(28, 28), (784,)])
def test_images_without_channels_are_laid_out_as_the_model_does(shape):
    """As many write it for MNIST."""
    stack = [conv_of(4, "conv"), layers.ReLU(name="relu"), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    plain = keras.Sequential([keras.Input((28, 28, 1)), *stack])
    model = keras.Sequential([keras.Input(shape), layers.Rescaling(1.0), layers.Reshape((28, 28, 1)), *stack])
    images = helpers.random_images(4, (28, 28, 1))
    flat = images.reshape(4, *shape)
    np.testing.assert_allclose(GradCAM()(model, flat), GradCAM()(plain, images), atol=1e-6)
    attacked = kax.attacks.FGSM()(model, flat, [0, 1, 2, 0], 0.1)
    np.testing.assert_allclose(attacked.reshape(images.shape), kax.attacks.FGSM()(plain, images, [0, 1, 2, 0], 0.1))
    report, expected = (
        kax.evaluate(net, (x, [0, 1, 2, 0]), epsilons=(0.02, 0.1), progress=False)
        for net, x in ((model, flat), (plain, images))
    )
    assert report.mod("fgsm", "grad_cam", 0.1) == pytest.approx(expected.mod("fgsm", "grad_cam", 0.1), abs=1e-5)
    assert report.examples[0].image.shape == (28, 28, 1)


def test_a_map_with_height_and_width_exchanged_is_turned_back():
    images = helpers.random_images(3, (8, 12, 2))
    stack = [conv_of(4, "conv"), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 12, 2)), layers.Permute((2, 1, 3)), *stack])
    turned = keras.Sequential([keras.Input((12, 8, 2)), *stack])
    expected = GradCAM()(turned, np.swapaxes(images, 1, 2))
    np.testing.assert_allclose(GradCAM()(model, images), np.swapaxes(expected, 1, 2), atol=1e-6)


def test_a_model_of_whole_numbers_says_why_it_has_no_gradient():
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = layers.GlobalAveragePooling2D()(conv_of(4, "conv")(layers.Rescaling(1 / 255)(inputs)))
    model = kax.ImageClassifier(keras.Model(inputs, layers.Dense(2)(x)), bounds=(0, 255))
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype="uint8")
    with pytest.raises(ValueError, match=r"takes uint8, and integers have no gradient. Build it with"):
        kax.attacks.FGSM()(model, images)


def test_a_softmax_over_parts_of_the_output_is_no_softmax_of_it():
    inputs = keras.Input(SHAPE)
    x = layers.Dense(6)(layers.GlobalAveragePooling2D()(conv_of(4, "conv")(inputs)))
    model = keras.Model(inputs, layers.Flatten()(layers.Softmax()(layers.Reshape((3, 2))(x))))
    with pytest.warns(UserWarning, match=r"ends in a softmax over parts of its output.*from_logits"):
        assert kax.ImageClassifier(model).head() == "probability"


def test_layers_inside_of_a_method_that_is_a_tf_function_are_found():
    class Traced(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pool, self.head = conv_of(4, "conv"), layers.GlobalAveragePooling2D(), layers.Dense(2)

        @tf.function
        def features(self, inputs):
            return self.pool(self.conv(inputs))

        def call(self, inputs):
            return self.head(self.features(inputs))

    model = Traced()
    images = helpers.random_images(2, SHAPE)
    model(images)
    with unchanged(model):
        assert GradCAM(relu=False).layers(kax.ImageClassifier(model), SHAPE) == ("conv",)
        GradCAM(relu=False)(model, images)


def test_a_tensor_that_a_layer_keeps_is_put_back():
    class Keeping(layers.Layer):
        def call(self, inputs):
            self.kept = inputs * 2
            return inputs

    keeping = Keeping()
    model = keras.Sequential([keras.Input(SHAPE), conv_of(2, "conv"), keeping, layers.Flatten(), layers.Dense(2)])
    images = helpers.random_images(2, SHAPE)
    model(images)
    kept = keeping.kept
    with unchanged(model):
        GradCAM(relu=False)(model, images)
    assert keeping.kept is kept
