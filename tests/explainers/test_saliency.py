"""Saliency: the gradient of the score, with its sign, in image space."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_keras_vis.saliency import Saliency as Oracle
from tf_keras_vis.utils.scores import CategoricalScore

import keras_advxai as kax
from keras_advxai.explainers import BlankHeatmapWarning, Saliency

pytestmark = pytest.mark.sampled(3)

SHAPE = (3, 4, 3)
WEIGHTS = np.random.default_rng(1).normal(size=(36, 4)).astype("float32")
X = helpers.random_images(4, SHAPE)
TARGETS = np.array([3, 1, 0, 1])


def of_class(targets) -> np.ndarray:
    return WEIGHTS.T[targets].reshape(-1, *SHAPE)


def test_a_linear_model_is_explained_exactly_by_its_weights():
    model = helpers.linear_model(WEIGHTS, SHAPE, bias=[1, 2, 3, 4])
    found = Saliency().attributions(model, X, TARGETS)
    np.testing.assert_array_equal(found, of_class(TARGETS))
    assert found.min() < 0 < found.max()


def test_the_probability_has_the_gradient_of_the_softmax():
    """`p_y (w_y - sum over k of p_k w_k)`, and for a logit the weights, whatever the head of the model."""
    for activation in (None, "softmax"):
        model = helpers.linear_model(WEIGHTS / 4, SHAPE, activation=activation)
        logits = X.reshape(4, -1).astype("float64") @ WEIGHTS / 4
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        chosen = p[np.arange(4), TARGETS, None]
        expected = chosen * (WEIGHTS.T[TARGETS] - p @ WEIGHTS.T) / 4
        classifier = kax.ImageClassifier(model)
        found = Saliency(score="probability").attributions(classifier, X, TARGETS)
        np.testing.assert_allclose(found, expected.reshape(X.shape), atol=1e-6)
        np.testing.assert_allclose(Saliency().attributions(classifier, X, TARGETS), of_class(TARGETS) / 4, atol=1e-7)


def test_the_heatmap_is_the_largest_absolute_gradient_over_the_channels():
    model = helpers.linear_model(WEIGHTS, SHAPE)
    largest = np.abs(of_class(TARGETS)).max(axis=-1, keepdims=True)
    found = Saliency()(model, X, TARGETS)
    np.testing.assert_allclose(found, largest / largest.max((1, 2, 3), keepdims=True), rtol=1e-6)
    summed = np.abs(of_class(TARGETS)).sum(axis=-1, keepdims=True)
    assert np.abs(found - summed / summed.max((1, 2, 3), keepdims=True)).max() > 0.1
    assert not Saliency().signed
    assert found.min() >= 0


@pytest.mark.parametrize("kind", helpers.KINDS)
def test_it_equals_tf_keras_vis(kind, build, few):
    x, y = few
    model = build("linear", kind)
    oracle = Oracle(keras.Model(model.inputs, model.outputs[0]), clone=True)
    score = CategoricalScore(y.tolist())
    signed = oracle(score, x, keepdims=True, normalize_map=False, gradient_modifier=None)
    found = Saliency().attributions(model, x, y)
    assert found.min() < 0
    np.testing.assert_allclose(found, signed, atol=1e-6 * np.abs(signed).max())
    maps = oracle(score, x, normalize_map=False)
    expected = maps / maps.max((1, 2), keepdims=True)
    np.testing.assert_allclose(Saliency()(model, x, y)[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("head", helpers.HEADS)
def test_every_head_has_the_gradient_of_its_score(head, build, few):
    x, y = few
    classifier = kax.ImageClassifier(build(head))
    linear = build("linear")
    with tf.GradientTape(persistent=True) as tape:
        images = tf.constant(x)
        tape.watch(images)
        logits = linear(images)
        if head == "sigmoid":
            odds = logits[:, 1:] - logits[:, :1]
            logits = tf.concat([-odds, odds], axis=-1)
        chosen = tf.gather(logits, y, batch_dims=1)
    expected = tape.gradient(chosen, images).numpy()
    np.testing.assert_allclose(Saliency().attributions(classifier, x, y), expected, atol=1e-5 * np.abs(expected).max())


def test_the_gradient_goes_through_the_preprocessing():
    """In image space: a step of one grey level, not one of what the network takes."""
    model = helpers.linear_model(WEIGHTS, SHAPE)
    scaled = kax.ImageClassifier(model, bounds=(0, 255), preprocess=lambda pixels: pixels / 127.5 - 1)
    np.testing.assert_allclose(Saliency().attributions(scaled, 255 * X, 2), of_class([2] * 4) / 127.5, rtol=1e-6)
    squared = kax.ImageClassifier(model, preprocess=lambda images: images**2)
    np.testing.assert_allclose(Saliency().attributions(squared, X, 2), 2 * X * of_class([2] * 4), rtol=1e-5, atol=1e-6)
    caffe = kax.ImageClassifier(model, preprocess="resnet50")  # red and blue change places
    np.testing.assert_array_equal(Saliency().attributions(caffe, 255 * X, 2), of_class([2] * 4)[..., ::-1])


def test_targets_are_the_predictions_unless_named(model, few):
    x = few[0]
    predictions = kax.ImageClassifier(model).forward(x).predictions.numpy()
    assert set(predictions) == {0, 1}
    helpers.same_but_for_a_kink(Saliency()(model, x), Saliency()(model, x, predictions), 1e-5)
    assert np.abs(Saliency()(model, x) - Saliency()(model, x, 1 - predictions)).max() > 0.01


def test_the_probability_saturates_where_the_logit_does_not():
    model = helpers.linear_model(WEIGHTS, SHAPE, bias=[500, 0, 0, 0], activation="softmax")
    with pytest.warns(BlankHeatmapWarning, match=r"4 of 4 heatmaps of Saliency\(score='probability'\) are blank"):
        assert (Saliency(score="probability")(model, X) == 0).all()
    assert (Saliency()(model, X).max((1, 2, 3)) == 1).all()


def test_tiny_gradients_are_no_blank_maps():
    scale = np.float32(1e-20)
    tiny, plain = (Saliency()(helpers.linear_model(factor * WEIGHTS, SHAPE), X, 1) for factor in (scale, 1))
    np.testing.assert_allclose(tiny, plain, rtol=1e-5)


def test_a_pass_already_made_is_used_and_shared_with_an_attack(build, few):
    x, y = few
    classifier = kax.ImageClassifier(build())
    expected = Saliency().attributions(classifier, x, y)
    forward = classifier.forward(x)
    np.testing.assert_allclose(Saliency().attributions(classifier, x, y, forward=forward), expected, atol=1e-6)

    def run(x, y):
        forward = classifier.forward(x)
        maps = Saliency()(classifier, x, y, forward=forward)
        return maps, Saliency().attributions(classifier, x, y, forward=forward)

    specs = tf.TensorSpec((None, *helpers.SHAPE)), tf.TensorSpec((None,), tf.int32)
    counts = helpers.counted_operations(tf.function(run, autograph=False), *specs)
    assert (counts["Conv2D"], counts["Conv2DBackpropInput"]) == (3, 3)
    np.testing.assert_allclose(tf.function(run, autograph=False)(x, y)[1], expected, atol=1e-6)


def test_no_layer_is_looked_at_and_no_further_pass_is_made(model):
    assert Saliency().layers(kax.ImageClassifier(model)) == ()
    assert Saliency().passes == 0
    assert kax.explainers.get("saliency") == Saliency()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"one of logit, probability, centered_logit. Received: score='loss'"):
        Saliency(score="loss")
    model = helpers.linear_model(WEIGHTS, SHAPE)
    with pytest.raises(ValueError, match=r"`targets` must lie in 0\.\.3, because the model has 4 classes"):
        Saliency()(model, X, 4)


@pytest.mark.filterwarnings("ignore:.* heatmaps of .* are blank")
def test_what_a_rounding_does_to_the_gradient_is_said():
    inputs = keras.Input(SHAPE)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(keras.ops.cast(inputs > 0.5, "float32"))))
    with pytest.warns(UserWarning, match=r"do not depend on the images in a differentiable way.* rounding"):
        Saliency()(kax.ImageClassifier(model, from_logits=True), X, 0)


def test_a_score_that_does_not_depend_on_the_images_has_a_gradient_of_zero_and_a_warning(few):
    class Constant(keras.layers.Layer):
        def call(self, x):
            return tf.zeros([tf.shape(x)[0], 3])

    model = kax.ImageClassifier(keras.Sequential([keras.Input((25, 25, 1)), Constant()]), from_logits=True)
    x = few[0]
    for explainer in (Saliency(), kax.explainers.IntegratedGradients(steps=3)):
        with pytest.warns(UserWarning, match="do not depend on the images in a differentiable way"):
            assert not explainer.attributions(model, x).any()
        with pytest.warns(UserWarning, match="do not depend|6 of 6 heatmaps") as seen:  # of the new trace, too
            assert not explainer(model, x).any()
        assert "6 of 6 heatmaps" in str(seen[-1].message)
