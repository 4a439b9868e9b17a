"""Grad-CAM by hand, against tf-keras-vis, and what its options do."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

import keras_advxai as kax
from keras_advxai.explainers import BlankHeatmapWarning, GradCAM

layers = keras.layers


def by_hand(model, x, targets, score="logit", relu=True) -> np.ndarray:
    """Grad-CAM at the last convolution of `helpers.small_cnn`, in float64.

    A mean and a dense layer follow the map, so that the logit's gradient is the weight over the positions.
    """
    maps = keras.Model(model.inputs[0], model.get_layer("conv3").output)(x).numpy().astype("float64")
    kernel, bias = (weight.astype("float64") for weight in model.get_layer("head").get_weights())
    positions = maps.shape[1] * maps.shape[2]
    weights = kernel.T[targets] / positions
    if score == "probability":
        logits = maps.mean(axis=(1, 2)) @ kernel + bias
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        chosen = np.take_along_axis(p, targets[:, None], 1)
        weights = chosen * (weights - p @ kernel.T / positions)
    found = np.einsum("bhwc,bc->bhw", maps, weights)[..., None]
    return np.maximum(found, 0) if relu else found


@pytest.fixture(scope="module", params=["functional", "sequential"])
def net(request, build):
    """A model that is not too sure: in float32, 1 - p has few digits left where p is nearly 1."""
    model = build("softmax", request.param)
    *body, kernel, bias = model.get_weights()
    model.set_weights([*body, kernel / 4, bias / 4])
    return model


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_it_is_what_the_formula_says(score, relu, net, few):
    x, y = few
    found = GradCAM(score=score, relu=relu).attributions(net, x, y)
    assert found.shape == (6, 6, 6, 1)
    expected = by_hand(net, x, y, score, relu)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_it_equals_tf_keras_vis(layer, score, build, test_faces):
    model = build()
    x, y = test_faces[0][:6], test_faces[1][:6]
    oracle = Gradcam(model, model_modifier=ReplaceToLinear() if score == "logit" else None, clone=True)
    expected = oracle(CategoricalScore(y.tolist()), x, penultimate_layer=layer, expand_cam=False, normalize_cam=False)
    found = GradCAM(layer=layer, score=score).attributions(model, x, y)
    assert found.shape == (*expected.shape, 1)
    assert found.max() > 0
    # Sums of numbers of both signs round in different orders: close next to the largest of each map.
    helpers.same_but_for_a_kink(found[..., 0], expected, 2e-5)


def test_the_heatmap_is_the_map_resized_and_divided_by_its_maximum(model, few):
    x, y = few
    raw = GradCAM().attributions(model, x, y)
    resized = tf.image.resize(raw, helpers.SHAPE[:2]).numpy()
    np.testing.assert_allclose(GradCAM()(model, x, y), resized / resized.max((1, 2, 3), keepdims=True), atol=1e-6)


def test_the_signed_heatmap_keeps_evidence_against_the_class(model, few):
    x, y = few
    signed = GradCAM(relu=False)
    assert signed.signed
    assert not GradCAM().signed
    maps = signed(model, x, y)
    assert maps.min() < 0
    np.testing.assert_array_equal(np.abs(maps).max((1, 2, 3)), 1)
    np.testing.assert_allclose(
        np.maximum(signed.attributions(model, x, y), 0), GradCAM().attributions(model, x, y), atol=1e-7
    )


@pytest.mark.parametrize("head", ["sigmoid", "linear"])
def test_the_sign_of_one_sigmoid_unit(head, build, few):
    """Evidence for class 0 is evidence against class 1."""
    signed = GradCAM(relu=False)
    model = build(head)
    zero, one = (signed.attributions(model, few[0], target) for target in (0, 1))
    if head == "sigmoid":
        np.testing.assert_allclose(zero, -one, atol=1e-7)
        two = build("linear")
        difference = signed.attributions(two, few[0], 1) - signed.attributions(two, few[0], 0)
        np.testing.assert_allclose(one, difference, atol=1e-5)
    else:
        assert not np.allclose(zero, -one, atol=1e-3)


def test_targets_are_the_predictions_unless_named(model, few):
    x, _ = few
    predictions = kax.ImageClassifier(model).forward(x).predictions.numpy()
    assert set(predictions) == {0, 1}
    np.testing.assert_allclose(GradCAM()(model, x), GradCAM()(model, x, predictions), atol=1e-5)
    others = GradCAM(relu=False)(model, x, 1 - predictions)
    assert np.abs(others - GradCAM(relu=False)(model, x)).max() > 0.1


def test_every_option_changes_the_result(model, few):
    plain = GradCAM(relu=False)(model, *few)
    for other in (GradCAM(), GradCAM(layer="conv2", relu=False)):
        assert np.abs(other(model, *few) - plain).max() > 0.01
    three = keras.Sequential(
        [
            keras.Input(helpers.SHAPE),
            layers.Conv2D(4, 3, name="conv", kernel_initializer=keras.initializers.GlorotUniform(seed=3)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=4)),
        ]
    )
    logit, probability = (GradCAM(score=score, relu=False)(three, few[0], 0) for score in ("logit", "probability"))
    assert np.abs(logit - probability).max() > 0.01


def test_the_probability_saturates_where_the_logit_does_not(build, few):
    model = helpers.scaled_logits(build(), 1000)
    logit = GradCAM(relu=False).attributions(model, few[0])
    assert (np.abs(logit).max((1, 2, 3)) > 1).all()
    with pytest.warns(BlankHeatmapWarning, match=r"\d of 6 heatmaps"):
        maps = GradCAM(score="probability")(model, few[0])
    assert np.isfinite(maps).all()


def flat_model(bias: float) -> keras.Model:
    """Grad-CAM of class 0 is positive with a positive bias, and nowhere with a negative one."""
    conv = layers.Conv2D(1, 1, name="conv", activation="relu")
    head = layers.Dense(2)
    model = keras.Sequential([keras.Input((4, 4, 1)), conv, layers.GlobalAveragePooling2D(), head])
    conv.set_weights([np.zeros((1, 1, 1, 1)), np.array([bias])])
    head.set_weights([np.array([[1.0, -1.0]]), np.zeros(2)])
    return model


def test_a_constant_map_is_a_map():
    x = helpers.random_images(2, (4, 4, 1))
    np.testing.assert_array_equal(GradCAM()(flat_model(1.0), x, 0), 1)


def test_blank_maps_are_zero_and_flagged_at_the_users_line(recwarn):
    x = helpers.random_images(3, (4, 4, 1))
    model = flat_model(1.0)
    with pytest.warns(BlankHeatmapWarning) as caught:
        maps = GradCAM()(model, x, np.array([0, 1, 1]))
    assert [warning.filename for warning in caught] == [__file__]
    text = str(caught[0].message)
    assert text.startswith(
        "2 of 3 heatmaps of GradCAM(layer=None, score='logit', relu=True, reshape_transform=None) are blank "
        "(image 1 the first)"
    )
    np.testing.assert_array_equal(maps[0], 1)
    np.testing.assert_array_equal(maps[1:], 0)
    assert kax.explainers.is_blank(maps).numpy().tolist() == [False, True, True]
    with pytest.warns(BlankHeatmapWarning, match="3 of 3"):
        assert (GradCAM(relu=False)(flat_model(-1.0), x) == 0).all()


def test_blank_maps_in_a_graph_stay_zero_and_are_not_nan():
    x = helpers.random_images(3, (4, 4, 1))
    model = flat_model(-1.0)
    found = tf.function(lambda x: GradCAM()(model, x))(x)
    assert (found.numpy() == 0).all()


def test_tiny_maps_are_maps():
    model = flat_model(1.0)
    model.layers[-1].set_weights([np.array([[1e-20, 0.0]]), np.zeros(2)])
    np.testing.assert_array_equal(GradCAM()(model, helpers.random_images(2, (4, 4, 1)), 0), 1)


def test_the_layers_that_are_looked_at(model):
    classifier = kax.ImageClassifier(model)
    assert GradCAM().layers(classifier) == ("conv3",)
    assert GradCAM(layer="pool1").layers(classifier) == ("pool1",)


@pytest.mark.slow
def test_a_nested_backbone_is_explained_like_the_same_layers_in_one_model(build, few):
    """tf-keras-vis and tf-explain fail here: the inner layers' outputs are not connected to the outer input."""
    flat = build()
    body = keras.Model(flat.input, flat.get_layer("conv3").output, name="backbone")
    inputs = keras.Input(helpers.SHAPE)
    outer = keras.Model(inputs, flat.get_layer("head")(flat.get_layer("mean")(body(inputs))))
    sequential = keras.Sequential(
        [keras.Input(helpers.SHAPE), body, layers.GlobalAveragePooling2D(), flat.get_layer("head")]
    )
    for layer in (None, "conv2"):
        expected = GradCAM(layer=layer)(flat, *few)
        for nested in (outer, sequential):
            np.testing.assert_allclose(GradCAM(layer=layer)(nested, *few), expected, atol=1e-5)
            if layer:
                np.testing.assert_allclose(GradCAM(layer=f"backbone/{layer}")(nested, *few), expected, atol=1e-5)
