"""SmoothGrad: the mean of another explainer's attributions over noisy images."""

from __future__ import annotations

import functools

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import (
    BlankHeatmapWarning,
    GradCAM,
    IntegratedGradients,
    LayerCAM,
    Saliency,
    SmoothGrad,
)

pytestmark = pytest.mark.sampled(3)

SHAPE = (3, 4, 2)
WEIGHTS = np.random.default_rng(1).normal(size=(24, 2)).astype("float32")
X = helpers.random_images(3, SHAPE)


@functools.cache
def quadratic(bounds=(0, 1)) -> kax.ImageClassifier:
    """Each score is a weighted sum of squares, whose gradient is `2 w x`."""
    inputs = keras.Input(SHAPE)
    head = keras.layers.Dense(2)
    model = keras.Model(inputs, head(keras.layers.Flatten()(keras.layers.Multiply()([inputs, inputs]))))
    head.set_weights([WEIGHTS, np.zeros(2)])
    return kax.ImageClassifier(model, bounds=bounds)


def noise_of(draw: int, shape: tuple, seed: int = 0) -> np.ndarray:
    return tf.random.stateless_normal(shape, (seed, draw)).numpy()


INNER = [
    Saliency(),
    Saliency(score="probability"),
    GradCAM(),
    LayerCAM(layer="conv2", relu=False),
    IntegratedGradients(steps=4, method="middle"),
    IntegratedGradients(steps=2, baseline="noise", draws=2),
]


@pytest.mark.parametrize("inner", INNER, ids=repr)
def test_without_noise_it_is_the_explainer_that_it_smooths(inner, model, few):
    smooth = SmoothGrad(explainer=inner, samples=3, noise=0)
    expected = inner.attributions(model, *few)
    np.testing.assert_allclose(smooth.attributions(model, *few), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("inner", INNER[:5], ids=repr)
def test_it_is_the_mean_over_noisy_copies(inner, model, few):
    x, y = few
    anywhere = kax.ImageClassifier(model, bounds=(-9, 9))
    if isinstance(inner, IntegratedGradients):  # whose baseline is that of the bounds
        black = IntegratedGradients(steps=4, method="middle", baseline=0.0)
        copies = [black.attributions(anywhere, x + 0.2 * noise_of(draw, helpers.SHAPE, 7), y) for draw in range(4)]
    else:
        copies = [inner.attributions(anywhere, x + 0.2 * noise_of(draw, helpers.SHAPE, 7), y) for draw in range(4)]
    expected = np.mean(copies, axis=0)
    found = SmoothGrad(explainer=inner, samples=4, noise=0.2, seed=7).attributions(model, x, y)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())
    assert np.abs(expected - inner.attributions(model, x, y)).max() > 0.02 * np.abs(expected).max()


def test_the_explained_class_is_that_of_the_image_without_noise(model, few):
    """Not what each noisy copy is taken for."""
    predictions = kax.ImageClassifier(model).forward(few[0]).predictions.numpy()
    smooth = SmoothGrad(samples=4, noise=2)
    helpers.same_but_for_a_kink(smooth(model, few[0]), smooth(model, few[0], predictions), 1e-5)


def test_a_quadratic_model_in_closed_form():
    """The gradient `2 w (x + noise)` has the mean `2 w (x + mean of the noise)`."""
    samples, noise = 5, 0.3
    mean = np.mean([noise_of(draw, SHAPE) for draw in range(samples)], axis=0)
    found = SmoothGrad(samples=samples, noise=noise).attributions(quadratic(), X, 1)
    np.testing.assert_allclose(found, 2 * WEIGHTS[:, 1].reshape(SHAPE) * (X + noise * mean), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_mean_over_many_copies_is_the_expectation():
    """Of the attributions `w x^2` of Integrated Gradients: `w (x^2 + noise^2)`, within four standard errors."""
    samples, noise, weights = 2000, 0.25, WEIGHTS[:, 0].reshape(SHAPE)
    inner = IntegratedGradients(steps=1)
    found = SmoothGrad(explainer=inner, samples=samples, noise=noise).attributions(quadratic(), X, 0)
    error = np.abs(weights) * np.sqrt((2 * X * noise) ** 2 + 2 * noise**4) / np.sqrt(samples)
    assert (np.abs(found - weights * (X**2 + noise**2)) < 4.5 * error).all()
    assert (np.abs(found - weights * X**2) > 4.5 * error).mean() > 0.9


@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (0, 255)], ids=str)
def test_the_noise_is_a_fraction_of_the_width_of_the_bounds(bounds):
    low, high = bounds
    x = low + (high - low) * X
    mean = np.mean([noise_of(draw, SHAPE) for draw in range(3)], axis=0)
    expected = 2 * WEIGHTS[:, 0].reshape(SHAPE) * (x + 0.1 * (high - low) * mean)
    found = SmoothGrad(samples=3, noise=0.1).attributions(quadratic(bounds), x, 0)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("inner", INNER, ids=repr)
def test_a_batch_is_explained_as_its_images_one_by_one(inner, model, few):
    x, y = few
    smooth = SmoothGrad(explainer=inner, samples=2)
    whole = smooth.attributions(model, x, y)
    parts = [smooth.attributions(model, x[i : i + 1], y[i : i + 1]) for i in range(6)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4 * np.abs(whole).max())


@pytest.mark.slow
def test_every_option_changes_the_result(model, few):
    def attributions(**settings):
        return SmoothGrad(**{"samples": 3, **settings}).attributions(model, *few)

    plain = attributions()
    for settings in ({"samples": 4}, {"noise": 0.3}, {"seed": 1}, {"explainer": Saliency(score="probability")}):
        assert np.abs(attributions(**settings) - plain).max() > 0.01 * np.abs(plain).max(), settings
    np.testing.assert_array_equal(attributions(), plain)


def test_the_explainer_may_be_named_or_described():
    by_name = SmoothGrad(explainer="grad_cam")
    assert by_name == SmoothGrad(explainer=GradCAM()) == SmoothGrad(explainer=GradCAM)
    assert by_name == SmoothGrad(explainer=kax.explainers.serialize(GradCAM()))
    assert by_name.explainer == GradCAM()
    assert SmoothGrad().explainer == Saliency()
    assert SmoothGrad() == kax.explainers.get("smooth_grad") == kax.explainers.get("SmoothGrad")
    assert SmoothGrad(explainer="integrated_gradients").explainer == IntegratedGradients()


@pytest.mark.parametrize("inner", INNER, ids=repr)
def test_it_makes_the_round_trip_with_the_explainer_inside(inner):
    smooth = SmoothGrad(explainer=inner, samples=3, noise=0.5, seed=4)
    again = kax.explainers.deserialize(kax.explainers.serialize(smooth))
    assert again == smooth
    assert hash(again) == hash(smooth)
    assert again.explainer == inner
    assert smooth != SmoothGrad(explainer=inner, samples=3, noise=0.4, seed=4)


def test_what_it_looks_at_is_what_the_inner_explainer_looks_at(model):
    classifier = kax.ImageClassifier(model)
    assert SmoothGrad().layers(classifier) == ()
    assert SmoothGrad(explainer="grad_cam").layers(classifier) == ("conv3",)
    assert SmoothGrad(explainer=GradCAM(layer="conv1")).layers(classifier) == ("conv1",)
    with pytest.raises(ValueError, match="conv9"):
        SmoothGrad(explainer=GradCAM(layer="conv9"))(model, helpers.random_images(2))
    with pytest.raises(ValueError, match=r"`baseline` must have the shape of one image"):
        SmoothGrad(explainer=IntegratedGradients(baseline=np.zeros(3)))(model, helpers.random_images(2))


def test_sign_score_and_passes_are_those_of_the_inner_explainer(model, few):
    signed = SmoothGrad(explainer=GradCAM(relu=False), samples=3)
    assert signed.signed
    assert not SmoothGrad(explainer=GradCAM()).signed
    assert signed(model, *few).min() < 0 <= SmoothGrad(samples=3)(model, *few).min()
    assert SmoothGrad(explainer=Saliency(score="probability")).score == "probability"
    assert SmoothGrad(samples=5).passes == 5
    assert SmoothGrad(samples=5, explainer=IntegratedGradients(steps=7)).passes == 40


@pytest.mark.slow
def test_the_heatmap_is_made_of_the_mean_in_the_inner_explainers_way():
    """Of gradients the largest absolute one over the channels; of Integrated Gradients the sum."""
    for inner, over in ((Saliency(), np.max), (IntegratedGradients(steps=2), np.sum)):
        smooth = SmoothGrad(explainer=inner, samples=2)
        maps = over(np.abs(smooth.attributions(quadratic(), X, 0)), axis=-1, keepdims=True)
        np.testing.assert_allclose(smooth(quadratic(), X, 0), maps / maps.max((1, 2, 3), keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("inner", "head"),
    list(zip([Saliency(), GradCAM(relu=False), IntegratedGradients(steps=2)], helpers.HEADS, strict=True)),
    ids=str,
)
def test_a_pass_already_made_is_used_eagerly_and_in_a_graph(inner, head, build, few):
    """Also eagerly, where images that a pass is made over are checked: the noisy ones leave the bounds."""
    x, y = few
    classifier, smooth = kax.ImageClassifier(build(head)), SmoothGrad(explainer=inner, samples=2)

    def inside(x, y):
        forward = classifier.forward(x)
        return smooth(classifier, x, y, forward=forward)

    expected = smooth(classifier, x, y)
    np.testing.assert_allclose(tf.function(inside, autograph=False)(x, tf.constant(y, tf.int32)), expected, atol=1e-4)
    np.testing.assert_allclose(smooth(classifier, x, y, forward=classifier.forward(x)), expected, atol=1e-4)


def test_baselines_that_need_a_look_at_the_model_work_inside_of_the_loop():
    """The model was never looked at before the loop over the copies is traced."""
    inner = IntegratedGradients(steps=2, baseline="mean")
    found = SmoothGrad(explainer=inner, samples=3).attributions(helpers.small_cnn(), helpers.random_images(2))
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0


def test_a_flat_score_has_blank_maps():
    flat = helpers.linear_model(np.zeros((24, 2)), SHAPE)
    with pytest.warns(BlankHeatmapWarning, match=r"3 of 3 heatmaps of SmoothGrad\(.* are blank"):
        assert (SmoothGrad(samples=2)(flat, X) == 0).all()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
@pytest.mark.sampled(1)  # they take no time
def test_samples_are_counted(wrong):
    with pytest.raises(ValueError, match=rf"`samples` must be an integer of at least 1. Received: samples={wrong}"):
        SmoothGrad(samples=wrong)


@pytest.mark.parametrize("wrong", [-1, -0.1, np.nan, np.inf, "0.1", None])
@pytest.mark.sampled(1)  # they take no time
def test_the_noise_is_a_number(wrong):
    with pytest.raises(ValueError, match=r"`noise` must be a number of at least 0. Received: noise="):
        SmoothGrad(noise=wrong)


def test_unknown_explainers_are_refused_with_the_nearest_known_one():
    with pytest.raises(
        ValueError, match=r"Unknown explainer 'gradcamm'. Did you mean .*'grad_cam'.* Known: .*grad_cam, "
    ):
        SmoothGrad(explainer="gradcamm")
    for wrong in (3, None, [Saliency()]):
        with pytest.raises(
            TypeError, match=r"`explainer` must be the name of an explainer, or an explainer. Received: "
        ):
            SmoothGrad(explainer=wrong)
    with pytest.raises(TypeError, match=r"known explainer|some explainer"):
        SmoothGrad(explainer=kax.attacks.FGSM)
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0. Received: seed=-1"):
        SmoothGrad(seed=-1)
