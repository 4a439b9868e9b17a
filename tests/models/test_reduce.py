"""Models whose output has another shape than (batch, classes): what the error says, and `reduce`."""

from __future__ import annotations

from typing import Any

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
SHAPE = (16, 16, 1)
X = helpers.random_images(3, SHAPE)
REGION = np.zeros((16, 16), "float32")
REGION[3:9, 2:12] = 1


def region_mean(scores: Any) -> Any:
    """The mean over a region: Seg-Grad-CAM, up to a factor."""
    return tf.einsum("bhwc,hw->bc", scores, REGION / REGION.sum())


def best_box(rows: Any) -> Any:
    """Of each class the best box."""
    return keras.ops.max(rows[..., 4:], axis=1)


def unet(activation: str | None = "softmax", classes: int = 3, dtype: str | None = None) -> keras.Model:
    """Two resolutions down and up again, with skips, a dropout at the bottom, and a map of scores at the end."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input(SHAPE)

    def conv(filters: int, name: str) -> layers.Layer:
        return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name, dtype=dtype)

    first = conv(4, "down1")(inputs)
    second = conv(6, "down2")(layers.MaxPooling2D()(first))
    bottom = conv(8, "bottleneck")(layers.MaxPooling2D()(second))
    up = layers.UpSampling2D()(layers.Dropout(0.2)(bottom))
    up = conv(6, "up2")(layers.Concatenate()([up, second]))
    up = conv(4, "up1")(layers.Concatenate()([layers.UpSampling2D()(up), first]))
    outputs = layers.Conv2D(classes, 1, activation=activation, name="scores", dtype=dtype)(up)
    return keras.Model(inputs, outputs, name="unet")


def detector() -> keras.Model:
    """One stage, four numbers and two scores for each position."""
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input(SHAPE)
    for name in ("stem", "features"):
        x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name=name)(x)
    return keras.Model(inputs, layers.Reshape((-1, 6))(layers.Conv2D(6, 1, name="boxes")(x)), name="net")


def frames() -> keras.Model:
    inputs = keras.Input((4, 8, 8, 1))
    x = layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu", name="inner"), name="conv")(inputs)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x), name="net")


def with_other_output() -> keras.Model:
    model = unet()
    classes = layers.Dense(2)(layers.GlobalAveragePooling2D()(model.get_layer("bottleneck").output))
    return keras.Model(model.input, {"map": model.output, "classes": classes}, name="net")


OTHER_SHAPES = {
    "segmentation": (unet, {}, X, r"\(None, 16, 16, 3\), as of segmentation: scores for each position\. Pass"),
    "detector": (detector, {}, X, r"\(None, 16, 6\), as of a detector: a row for each box, anchor or token\. Pass"),
    "frames": (frames, {}, X.reshape(3, 4, 8, 8, 1), r"\(None, 4, 2\), scores for each step or frame\. Pass"),
    "one of two": (
        with_other_output,
        {"output": "map"},
        X,
        r"positions?\. Pass output=\.\.\. \(to evaluate",
    ),
}


@pytest.mark.parametrize("kind", OTHER_SHAPES)
def test_the_error_says_what_the_model_is_and_advises_what_there_is(kind):
    build, settings, x, message = OTHER_SHAPES[kind]
    model = build()
    with pytest.raises(ValueError, match=message) as error, unchanged(model):
        kax.attacks.FGSM()(kax.ImageClassifier(model, **settings), x[:1] if kind == "frames" else x)
    assert "or ImageClassifier): a function from this output" in str(error.value)
    assert ("output=" in str(error.value)) == (kind == "one of two")


def test_seg_grad_cam_by_hand():
    """The gradient of the mean logit of a region, averaged over the positions of the bottleneck."""
    model = unet()
    found = kax.explainers.GradCAM(relu=False)(kax.ImageClassifier(model, reduce=region_mean), X, 2)
    model.get_layer("scores").activation = keras.activations.linear
    features = keras.Model(model.input, [model.get_layer("bottleneck").output, model.output])
    with tf.GradientTape() as tape:
        activation, logits = features(X)
        score = tf.reduce_mean(logits[:, 3:9, 2:12, 2], axis=(1, 2))
    weights = tf.reduce_mean(tape.gradient(score, activation), axis=(1, 2), keepdims=True)
    maps = tf.image.resize(tf.reduce_sum(weights * activation, axis=-1, keepdims=True), (16, 16)).numpy()
    helpers.same_but_for_a_kink(found, maps / np.abs(maps).max(axis=(1, 2, 3), keepdims=True), 1e-5)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_scores_are_of_the_logits(activation):
    """A softmax over the channels comes last: `reduce` sees what is before it."""
    model = unet(activation)
    classifier = kax.ImageClassifier(model, reduce=region_mean)
    forward = tf.function(lambda x: classifier.forward(x).logits, autograph=False)(X)
    assert (classifier.classes, classifier.head()) == (3, activation or "linear")
    model.get_layer("scores").activation = keras.activations.linear
    np.testing.assert_allclose(forward, region_mean(model(X)), atol=1e-5)


def test_scores_in_16_bits_are_added_up_in_32():
    seen = []

    def total(scores: Any) -> Any:
        seen.append(scores.dtype)
        return tf.reduce_sum(scores, axis=(1, 2))

    kax.attacks.FGSM()(kax.ImageClassifier(unet(dtype="mixed_float16"), reduce=total), X, [0, 1, 2])
    assert set(seen) == {tf.float32}


def test_fgsm_lowers_the_score_of_a_region():
    """A single convolution is linear: every pixel moves along the sign of its weight in the region's margin."""
    kernel = np.random.default_rng(0).normal(size=(1, 1, 1, 2)).astype("float32")
    model = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 1, use_bias=False)])
    model.set_weights([kernel])
    x = 0.3 + 0.4 * X
    found = kax.attacks.FGSM()(kax.ImageClassifier(model, reduce=region_mean), x, [0, 1, 1], epsilon=0.1)
    away = np.sign(kernel[0, 0, 0, 1] - kernel[0, 0, 0, 0]) * np.array([1, -1, -1])
    expected = x + 0.1 * away[:, None, None, None] * REGION[..., None]
    np.testing.assert_allclose(found, expected, atol=1e-6)


DEFAULTS = {
    "U-Net, stepping back over the dropout": (unet, region_mean, "bottleneck"),
    "detector, not the scores": (detector, best_box, "features"),
    "frames, as without": (frames, lambda rows: keras.ops.mean(rows, axis=1), "conv/inner"),
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_default_layer(kind):
    build, reduce, layer = DEFAULTS[kind]
    assert kax.ImageClassifier(build(), reduce=reduce).default_layer == layer


def test_scores_that_are_interpolated_are_not_explained():
    """As in DeepLab: the scores are the last map at the lowest resolution, and only grow larger behind it."""
    stack = [
        layers.Conv2D(4, 3, strides=4, activation="relu", name="features"),
        layers.Conv2D(3, 1, name="scores"),
        layers.UpSampling2D(4, interpolation="bilinear"),
    ]
    classifier = kax.ImageClassifier(keras.Sequential([keras.Input(SHAPE), *stack]), reduce=best_of_map)
    assert (classifier.default_layer, classifier.head()) == ("features", "linear")


def best_of_map(scores: Any) -> Any:
    return keras.ops.max(scores, axis=(1, 2))


def test_classes_put_together_leave_the_default_layer():
    """A `reduce` of (batch, classes) makes no segmentation of a model."""
    model = helpers.small_cnn("softmax")
    grouped = kax.ImageClassifier(model, reduce=lambda z: z[:, ::-1])
    assert grouped.default_layer == kax.ImageClassifier(model).default_layer
    x = helpers.random_images(2)
    other, own = (
        tf.function(lambda x, item=item: item.forward(x).probabilities)(x)
        for item in (grouped, kax.ImageClassifier(model))
    )
    np.testing.assert_allclose(other, own[:, ::-1], rtol=1e-5)


def test_probabilities_behind_an_unknown_end():
    """What the model ends in is not known, so `reduce` is given the output, and its result is a probability."""
    inputs = keras.Input(SHAPE)
    odds = keras.ops.exp(layers.Conv2D(2, 1)(inputs))
    model = keras.Model(inputs, odds / keras.ops.sum(odds, axis=-1, keepdims=True))
    with pytest.warns(UserWarning, match="neither linear nor a softmax"):
        kax.attacks.FGSM()(kax.ImageClassifier(model, reduce=region_mean), X, [0, 1, 1])
    sure = kax.ImageClassifier(model, reduce=region_mean, from_logits=False)
    found = tf.function(lambda x: sure.forward(x).probabilities, autograph=False)(X)
    np.testing.assert_allclose(found, region_mean(model(X)), rtol=1e-5)


@pytest.mark.parametrize(
    ("reduce", "error", "message"),
    [
        ("mean", TypeError, r"`reduce` must be a function from .*Received: reduce='mean'"),
        (lambda scores: scores[:, 0], ValueError, r"\(None, 16, 16, 3\), to .*returns shape \(None, 16, 3\)"),
        (lambda scores: None, ValueError, r"a function that returns NoneType"),
        (lambda scores: tf.reduce_mean(scores, axis=(1, 2))[:, :1], ValueError, "one linear unit"),
    ],
)  # fmt: skip
def test_what_reduce_may_not_be(reduce, error, message):
    with pytest.raises(error, match=message):
        kax.ImageClassifier(unet(None), reduce=reduce).head()
