"""Which layers can be explained, and which one is by default, in small models of every build."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

layers = keras.layers
SHAPE = (8, 8, 2)


def classifier(*stack: layers.Layer) -> kax.ImageClassifier:
    return kax.ImageClassifier(keras.Sequential([keras.Input(SHAPE), *stack]))


def conv(name: str = "conv", **kwargs) -> layers.Layer:
    return layers.Conv2D(3, 3, padding="same", name=name, **kwargs)


ENDINGS = {
    "a mean over positions": [layers.GlobalAveragePooling2D],
    "a maximum over positions": [layers.GlobalMaxPooling2D],
    "a mean that keeps the dimensions": [lambda: layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten],
    "a flatten": [layers.Flatten],
    "a reshape": [lambda: layers.Reshape((192,))],
    "a reshape into a sequence": [lambda: layers.Reshape((64, 3)), layers.GlobalAveragePooling1D],
    "an average pooling of all positions": [lambda: layers.AveragePooling2D(8), layers.Flatten],
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_default_is_what_flows_into_the_end_of_the_spatial_extent(ending):
    found = classifier(
        conv("first"), conv("last"), layers.ReLU(name="relu"), *(make() for make in ENDINGS[ending]), layers.Dense(2)
    )
    assert found.default_layer == "relu"


@pytest.mark.parametrize(
    "step",
    [
        layers.MaxPooling2D(),
        layers.AveragePooling2D(2),
        layers.Dropout(0.5),
        layers.SpatialDropout2D(0.5),
        layers.GaussianNoise(0.1),
        layers.GaussianDropout(0.1),
        layers.AlphaDropout(0.1),
        layers.ZeroPadding2D(),
        layers.Identity(),
        layers.ActivityRegularization(0.1),
    ],
    ids=lambda step: type(step).__name__,
)
def test_pooling_dropout_and_padding_are_stepped_over(step):
    assert classifier(conv(), step, layers.Flatten(), layers.Dense(2)).default_layer == "conv"


def test_several_of_them_are_stepped_over_in_a_row():
    stack = [
        conv(),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(2),
    ]
    assert classifier(*stack).default_layer == "conv"


def test_a_normalisation_and_an_activation_are_not():
    assert (
        classifier(conv(), layers.BatchNormalization(name="norm"), layers.Flatten(), layers.Dense(2)).default_layer
        == "norm"
    )


def residual(depth: int = 1) -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = conv("stem")(inputs)
    for index in range(depth):
        x = layers.Add(name=f"add{index}")([x, conv(f"branch{index}")(x)])
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def test_a_residual_sum_is_explained_and_not_one_branch_of_it():
    assert kax.ImageClassifier(residual(2)).default_layer == "add1"


def test_a_sum_without_a_layer_is_found_by_its_operation():
    inputs = keras.Input(SHAPE)
    x = conv("stem")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x + conv("branch")(x))))
    found = kax.ImageClassifier(model)
    info = next(info for info in found.layers() if info.default)
    assert info.kind == "Add"
    x = helpers.random_images(2, SHAPE)
    assert kax.explainers.GradCAM(relu=False)(model, x).shape == (2, 8, 8, 1)


def test_a_concatenation_of_branches_is_explained_whole():
    inputs = keras.Input(SHAPE)
    x = layers.Concatenate(name="both")([conv("left")(inputs), conv("right")(inputs)])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert kax.ImageClassifier(model).default_layer == "both"


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("ending", [layers.Flatten, lambda: layers.Reshape((-1,))], ids=["flatten", "reshape"])
def test_a_convolution_with_the_head_s_activation_is_behind_the_logits(activation, ending):
    """Its sigmoid is applied to the logits of four positions, which are labels of their own."""
    head = layers.Conv2D(1, 4, strides=4, name="head", activation=activation if activation == "sigmoid" else None)
    after = [layers.Activation("softmax")] if activation == "softmax" else []
    found = classifier(conv("first", activation="relu"), head, ending(), *after)
    expected = "head" if activation == "softmax" else "first"
    assert found.default_layer == expected
    x = np.random.default_rng(0).random((3, *SHAPE), "float32")
    logits = tf.function(lambda images: found.forward(images).logits)(x)  # a flatten lies in between
    assert np.isfinite(kax.explainers.Saliency()(found, x)).all()
    np.testing.assert_allclose(keras.activations.get(activation)(logits), found.model(x), atol=1e-6)
    assert kax.explainers.GradCAM(relu=False)(found, x).max() > 0


def test_convolutions_behind_the_end_of_the_extent_are_explained_where_they_are_named_alone():
    """MobileNet ends in a 1x1 convolution whose map has one position."""
    found = classifier(
        conv(),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Conv2D(4, 1, name="logits"),
        layers.Reshape((4,), name="reshape"),
        layers.Softmax(),
    )
    assert found.default_layer == "conv"
    assert "logits" not in [info.name for info in found.layers()]
    assert found.layer_path("logits") == "logits"
    with pytest.raises(ValueError, match="no layer 'reshape' with a spatial output"):
        found.layer_path("reshape")


def test_squeeze_and_excitation_does_not_end_the_extent():
    inputs = keras.Input(SHAPE)
    x = conv("first")(inputs)
    gate = layers.Conv2D(3, 1, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Activation("relu", name="last")(layers.Multiply(name="gated")([x, gate]))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert kax.ImageClassifier(model).default_layer == "last"


def test_branches_that_do_not_reach_the_classes_are_not_listed():
    inputs = keras.Input(SHAPE)
    x = conv("used")(inputs)
    other = layers.Dense(3, name="other")(layers.Flatten()(conv("unused")(x)))
    kinds = layers.Dense(2, name="kinds")(layers.GlobalAveragePooling2D()(x))
    found = kax.ImageClassifier(keras.Model(inputs, [kinds, other]), output="kinds")
    assert [info.name for info in found.layers()] == ["used"]
    reached = kax.ImageClassifier(keras.Model(inputs, [kinds, other]), output="other")
    assert [info.name for info in reached.layers()] == ["used", "unused"]


def test_augmentation_in_front_is_no_obstacle():
    front = [layers.Rescaling(2.0), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    found = classifier(*front, conv(), layers.GlobalAveragePooling2D(), layers.Dense(2))
    x = helpers.random_images(3, SHAPE)
    assert found.default_layer == "conv"
    maps = kax.explainers.GradCAM(relu=False)(found, x)
    np.testing.assert_array_equal(maps, kax.explainers.GradCAM(relu=False)(found, x))


def wrap(model: keras.Model, name: str) -> keras.Model:
    inputs = keras.Input(model.input_shape[1:])
    return keras.Model(inputs, model(inputs), name=name)


def test_models_in_models_in_models():
    inner = keras.Sequential([keras.Input(SHAPE), conv("deep"), layers.ReLU(name="relu")], name="inner")
    middle = wrap(inner, "middle")
    for outer in (
        keras.Sequential([keras.Input(SHAPE), middle, layers.Flatten(), layers.Dense(2)]),
        keras.Sequential([middle, keras.Sequential([layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)])]),
    ):
        outer(helpers.random_images(1, SHAPE))
        found = kax.ImageClassifier(outer)
        assert found.default_layer == "middle/inner/relu"
        names = [info.name for info in found.layers((8, 8, 2))]
        assert names[:4] == ["middle/inner/deep", "middle/inner/relu", "middle/inner", "middle"]


def test_a_shared_layer_is_listed_once():
    inputs = keras.Input(SHAPE)
    shared = conv("shared")
    x = layers.Subtract(name="difference")([shared(inputs), shared(layers.Rescaling(0.5)(inputs))])
    found = kax.ImageClassifier(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    names = [info.name for info in found.layers()]
    assert names.count("shared") == 1
    assert found.default_layer == "difference"


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_other_precisions(policy):
    if policy == "mixed_bfloat16":
        helpers.needs_bfloat16()
    stack = [
        conv(dtype=policy),
        layers.GlobalAveragePooling2D(dtype=policy),
        layers.Dense(2, dtype=policy, activation="softmax"),
    ]
    found = classifier(*stack)
    x = helpers.random_images(2, SHAPE)
    assert found.default_layer == "conv"
    maps = kax.explainers.GradCAM(relu=False)(found, x)
    assert maps.dtype == np.float32
    assert np.abs(maps).max(axis=(1, 2, 3)).tolist() == [1, 1]
    adversarial = kax.attacks.FGSM()(found, x)
    assert adversarial.dtype == np.float32
    assert np.abs(adversarial - x).max() > 0


def test_a_model_that_was_saved_and_loaded(tmp_path, build, few):
    model = build()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for item in (kax.explainers.GradCAM(), kax.attacks.FGSM()):
        np.testing.assert_allclose(item(loaded, few[0], few[1]), item(model, few[0], few[1]), atol=1e-6)


class Subclassed(keras.Model):
    """What Keras cannot see into, and what says nothing of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.body = keras.Sequential([conv("deep"), layers.ReLU(name="relu")], name="body")
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(keras.ops.mean(self.body(x), axis=(1, 2)))


def test_a_subclassed_model_is_attacked_and_explained():
    model, x = Subclassed(), helpers.random_images(3, SHAPE)
    model(x)
    found = kax.ImageClassifier(model)
    assert found.default_layer == "body/relu"
    assert found.classes == 3
    kernel, _ = model.head.get_weights()
    expected = np.sum(model.body(x) * kernel[:, 2], axis=-1, keepdims=True) / 64
    np.testing.assert_allclose(kax.explainers.GradCAM(relu=False).attributions(model, x, 2), expected, atol=1e-6)
    adversarial = kax.attacks.FGSM()(model, x, [0, 1, 2], 0.05)
    assert (model(adversarial).numpy()[range(3), range(3)] < model(x).numpy()[range(3), range(3)]).all()


def test_a_model_of_sequences_has_nothing_spatial():
    stack = [layers.Reshape((8, 16)), layers.Conv1D(4, 3), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    with pytest.raises(ValueError, match="no layer with a spatial output"):
        _ = classifier(*stack).default_layer
