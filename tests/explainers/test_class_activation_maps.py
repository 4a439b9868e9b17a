"""Grad-CAM++, LayerCAM and HiResCAM: their formulas in float64, at all layers, and what their options do."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, Case

import keras_advxai as kax
from keras_advxai.explainers import (
    BlankHeatmapWarning,
    ClassActivationMap,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
)

pytestmark = pytest.mark.sampled(3)

NEW = (GradCAMPlusPlus, LayerCAM, HiResCAM)
LAYERS = ("conv1", "conv2", "conv3")


def plus_plus(activation, gradient):
    """The paper's weights, with `gradient^2` and `gradient^3`."""
    square, total = gradient**2, activation.sum(axis=(1, 2), keepdims=True)
    below = 2 * square + gradient**3 * total
    alpha = np.divide(square, below, out=np.zeros_like(square), where=below != 0)
    return (alpha * np.maximum(gradient, 0)).sum(axis=(1, 2), keepdims=True)


def pytorch_grad_cam(activation, gradient):
    """As pytorch-grad-cam's `GradCAMPlusPlus.get_cam_weights` writes them, for channels first."""
    activations, grads = np.moveaxis(activation, -1, 1), np.moveaxis(gradient, -1, 1)
    grads_power_2 = grads**2
    grads_power_3 = grads_power_2 * grads
    sum_activations = np.sum(activations, axis=(2, 3))
    aij = grads_power_2 / (2 * grads_power_2 + sum_activations[:, :, None, None] * grads_power_3 + 1e-30)
    aij = np.where(grads != 0, aij, 0)
    weights = np.sum(np.maximum(grads, 0) * aij, axis=(2, 3))
    return weights[:, None, None]


FORMULAS = {
    GradCAM: lambda activation, gradient: gradient.mean(axis=(1, 2), keepdims=True),
    GradCAMPlusPlus: plus_plus,
    LayerCAM: lambda activation, gradient: np.maximum(gradient, 0),
    HiResCAM: lambda activation, gradient: gradient,
}


@pytest.fixture(scope="module")
def known(model, few) -> dict:
    """Activations and gradients of each layer for each score, in float64, by tapes and models of Keras."""
    x, y = few
    found = {}
    stack = [layer for layer in model.layers[1:] if layer.name != "head"]
    kernel, bias = model.get_layer("head").get_weights()
    for layer in LAYERS:
        index = [item.name for item in stack].index(layer) + 1
        activation = tf.constant(keras.Model(model.input, model.get_layer(layer).output)(x))
        for score in ("logit", "probability"):
            with tf.GradientTape() as tape:
                tape.watch(activation)
                values = activation
                for item in stack[index:]:
                    values = item(values)
                values = values @ kernel + bias
                values = values if score == "logit" else tf.nn.softmax(values)
                chosen = tf.gather(values, y, batch_dims=1)
            gradient = tape.gradient(chosen, activation)
            found[layer, score] = activation.numpy().astype("float64"), gradient.numpy().astype("float64")
    return found


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("cls", FORMULAS)
def test_each_is_what_its_formula_says(cls, layer, relu, model, few, known):
    for score in ("logit", "probability") if layer == "conv3" else ("logit",):
        activation, gradient = known[layer, score]
        expected = (activation * FORMULAS[cls](activation, gradient)).sum(axis=-1, keepdims=True)
        expected = np.maximum(expected, 0) if relu else expected
        found = cls(layer=layer, score=score, relu=relu).attributions(model, *few)
        assert found.shape == expected.shape
        scale = np.abs(expected).max((1, 2, 3), keepdims=True)
        tolerance = 1e-5 if score == "logit" else 1e-2  # of 1 - p, near 1, float32 keeps few digits
        assert (np.abs(found - expected) <= tolerance * scale).all()
        assert expected.max() > 0


@pytest.mark.parametrize("layer", LAYERS)
def test_grad_cam_plus_plus_is_that_of_pytorch_grad_cam(layer, model, few, known):
    """tf-keras-vis divides each channel's weights by their sum as well, which the paper does not."""
    activation, gradient = known[layer, "logit"]
    expected = np.maximum((activation * pytorch_grad_cam(activation, gradient)).sum(axis=-1, keepdims=True), 0)
    found = GradCAMPlusPlus(layer=layer).attributions(model, *few)
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def random_maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    activation = np.maximum(generator.normal(size=(3, 5, 4, 6)), 0).astype("float32")
    return activation, generator.normal(size=(3, 5, 4, 6)).astype("float32")


@pytest.mark.parametrize("cls", FORMULAS)
def test_weights_of_any_activation_and_gradient(cls):
    activation, gradient = random_maps()
    gradient[0, 1], gradient[1, :, :, 2] = 0, 0
    found = cls().weights(tf.constant(activation), tf.constant(gradient)).numpy()
    expected = FORMULAS[cls](activation.astype("float64"), gradient.astype("float64"))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_tiny_gradients_have_the_weights_that_their_squares_would_underflow_to():
    """`g^2 / (2 g^2 + ...)` is 0/0 for gradients of 1e-20 in float32, and with an epsilon it is 0."""
    activation, gradient = random_maps(1)
    tiny = gradient * np.float32(1e-30)
    with np.errstate(invalid="ignore"):
        assert np.isnan(tiny**2 / (2 * tiny**2 + tiny**3)).all()
    found = GradCAMPlusPlus().weights(tf.constant(activation), tf.constant(tiny)).numpy()
    half = np.maximum(tiny, 0).sum(axis=(1, 2), keepdims=True) / 2  # the sum over activations does not count any more
    np.testing.assert_allclose(found, half, rtol=1e-5)


@pytest.mark.parametrize("cls", FORMULAS)
def test_scores_as_small_as_1e_minus_20_make_the_same_heatmaps(cls, build, few):
    x, maps = few[0], []
    for factor in (1e-12, 1e-20):
        model = build("linear")
        *body, kernel, bias = model.get_weights()
        model.set_weights([*body, kernel * np.float32(factor), bias * np.float32(factor)])
        maps.append(cls(layer="conv2", relu=False)(model, x, 1))
    assert (np.abs(maps[0]).max((1, 2, 3)) == 1).all()
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-4)


def test_a_denominator_of_zero_is_no_nan():
    """Where `gradient * sum of activations` is -2, for activations below zero."""
    activation, gradient = tf.fill((1, 2, 2, 1), -0.5), tf.ones((1, 2, 2, 1))
    assert GradCAMPlusPlus().weights(activation, gradient).numpy().ravel().tolist() == [0]


def test_hires_cam_is_grad_cam_before_a_mean_and_a_linear_layer(model, few):
    """And nowhere else, and LayerCAM and Grad-CAM++ are not."""
    for relu in (True, False):
        grad_cam, found = (cls(relu=relu).attributions(model, *few) for cls in (GradCAM, HiResCAM))
        np.testing.assert_allclose(found, grad_cam, atol=1e-5 * np.abs(grad_cam).max())
    early = [cls(layer="conv2", relu=False)(model, *few) for cls in FORMULAS]
    for index, first in enumerate(early):
        for second in early[index + 1 :]:
            assert np.abs(first - second).max() > 0.05


def test_signed_hires_cam_adds_up_to_the_score_before_a_mean_and_a_linear_layer(model, few):
    """Completeness: what the activations contribute to the logit, but for the bias."""
    x, y = few
    total = HiResCAM(relu=False).attributions(model, x, y).sum((1, 2, 3))
    logits = kax.ImageClassifier(model).forward(x).logits.numpy()[np.arange(6), y]
    np.testing.assert_allclose(total, logits - model.get_layer("head").get_weights()[1][y], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", NEW)
def test_every_option_changes_the_result(cls, build, few):
    def softened() -> keras.Model:
        model = build()
        *body, kernel, bias = model.get_weights()
        model.set_weights([*body, kernel / 8, bias / 8])
        return model

    model, x, y = softened(), *few
    plain = cls(layer="conv2").attributions(model, x, y)
    for settings in ({"score": "probability"}, {"layer": "conv3"}, *([{"relu": False}] if cls is HiResCAM else [])):
        found = cls(**{"layer": "conv2", **settings}).attributions(model, x, y)
        assert found.shape != plain.shape or np.abs(found - plain).max() > 0.05 * plain.max()
    np.testing.assert_allclose(cls()(model, x, y), cls(layer="conv3")(model, x, y), atol=1e-5)
    by_layer = cls(layer=model.get_layer("conv2"))
    helpers.same_but_for_a_kink(by_layer.attributions(model, x, y), plain, 1e-5)


@pytest.mark.parametrize("cls", NEW)
def test_the_heatmap_is_the_map_resized_and_divided_by_its_maximum(cls, model, few):
    raw = cls(layer="conv2", relu=False).attributions(model, *few)
    resized = tf.image.resize(raw, helpers.SHAPE[:2]).numpy()
    found = cls(layer="conv2", relu=False)(model, *few)
    np.testing.assert_allclose(found, resized / np.abs(resized).max((1, 2, 3), keepdims=True), atol=1e-5)
    assert cls(relu=False).signed
    assert not cls().signed
    assert (found.min() < 0) == (cls is HiResCAM)  # the others weight positive activations by positive gradients


@pytest.mark.parametrize("cls", NEW)
def test_every_layer_makes_explainers_of_the_class_on_one_shared_pass(cls, model, few):
    explainers = cls.every_layer(model, relu=False)
    assert [type(explainer) for explainer in explainers] == [cls] * 3
    assert [explainer.layer for explainer in explainers] == list(LAYERS)
    assert not any(explainer.relu for explainer in explainers)
    assert len(cls.every_layer(model, kind="all")) == 5
    classifier = kax.ImageClassifier(model)

    def together(x):
        forward = classifier.forward(x, layers=LAYERS)
        return [explainer(classifier, x, forward=forward) for explainer in explainers]

    function = tf.function(together, autograph=False)
    counts = helpers.counted_operations(function, tf.TensorSpec((None, *helpers.SHAPE)))
    assert (counts["Conv2D"], counts["Conv2DBackpropInput"]) == (3, 2)
    for explainer, found in zip(explainers, function(few[0]), strict=True):
        np.testing.assert_allclose(found, explainer(model, few[0]), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("cls", NEW)
def test_tokens_are_laid_out_as_the_square_that_they_come_from(cls):
    case = Case(KINDS["vit"])
    x = tf.constant(case.kind.x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = case.kind.by_hand(case.model, x)
        score = tf.reduce_max(found.scores, axis=-1)
    gradient = found.as_map(tape.gradient(score, found.activation)).numpy()
    activation = found.as_map(found.activation).numpy()
    expected = (activation * FORMULAS[cls](activation, gradient)).sum(axis=-1, keepdims=True)
    explainer = cls(layer="block2_normal", reshape_transform="tokens", relu=False)
    maps = explainer.attributions(case.classifier, case.kind.x)
    assert maps.shape == (6, 4, 4, 1)
    np.testing.assert_allclose(maps, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("cls", NEW)
@pytest.mark.sampled(1)  # they take no time
def test_bad_arguments_are_refused(cls, model, few):
    with pytest.raises(
        TypeError, match=r"`layer` must be the name or path of a layer, or the layer. Received: layer=3"
    ):
        cls(layer=3)
    with pytest.raises(ValueError, match=r"one of logit, probability, centered_logit. Received: score='loss'"):
        cls(score="loss")
    with pytest.raises(TypeError, match=r"`reshape_transform` must be 'tokens' or a function"):
        cls(layer="conv1", reshape_transform="squares")
    with pytest.raises(ValueError, match=r"`reshape_transform` has no effect without a layer"):
        cls(reshape_transform="tokens")
    with pytest.raises(ValueError, match="conv9"):
        cls(layer="conv9")(model, few[0])
    with pytest.raises(ValueError, match=r"`kind` must be 'conv' or 'all'. Received: kind='dense'"):
        cls.every_layer(model, kind="dense")


@pytest.mark.parametrize("cls", NEW)
def test_maps_without_evidence_are_zero_and_flagged(cls):
    model = helpers.small_cnn("linear")
    model.get_layer("head").set_weights([np.full((64, 2), -1.0), np.zeros(2)])
    with pytest.warns(BlankHeatmapWarning, match=rf"3 of 3 heatmaps of {cls.__name__}\(.* are blank"):
        assert (cls()(model, helpers.random_images(3), 0) == 0).all()


def test_the_base_is_abstract_and_all_are_found_by_name():
    with pytest.raises(TypeError, match="abstract"):
        ClassActivationMap()
    for name, cls in {"grad_cam_plus_plus": GradCAMPlusPlus, "layer_cam": LayerCAM, "HiResCAM": HiResCAM}.items():
        assert kax.explainers.get(name) == cls()
    assert len({cls() for cls in FORMULAS}) == 4


@pytest.mark.parametrize("method", [GradCAM, LayerCAM, ScoreCAM])
@pytest.mark.sampled(1)
def test_tokens_of_a_wide_image_are_laid_out_as_it_is(method):
    layers = keras.layers
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 64, 1))
    patches = layers.Reshape((16, 4))(layers.Conv2D(4, 8, 8, activation="relu")(inputs))  # 2x8 of them, and not 4x4
    tokens = layers.Dense(4, activation="relu", name="tokens")(patches)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(tokens)))
    x = np.random.default_rng(0).random((3, 16, 64, 1), dtype="float32")
    by_hand = method(layer="tokens", reshape_transform=lambda tokens: keras.ops.reshape(tokens, (-1, 2, 8, 4)))
    found = method(layer="tokens", reshape_transform="tokens")(model, x)
    assert np.ptp(found, axis=(1, 2)).min() > 0
    np.testing.assert_allclose(found, by_hand(model, x), atol=1e-6)
