"""Score-CAM: what tf-keras-vis makes, its formula by hand, and how many masked images are seen."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import zoom
from test_path import Batches
from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

import keras_advxai as kax
from keras_advxai.explainers import ScoreCAM
from keras_advxai.ops.heatmaps import resize_corners

called_directly = pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match:UserWarning")


@called_directly
@pytest.mark.parametrize(
    ("layer", "most"),
    [
        pytest.param("conv1", None, marks=pytest.mark.slow),
        ("conv3", None),
        pytest.param("conv3", 3, marks=pytest.mark.slow),
    ],
)
def test_the_maps_are_those_of_tf_keras_vis(layer, most, model, few, capsys):
    x, y = few
    oracle = Scorecam(model, model_modifier=ReplaceToLinear(), clone=True)
    settings = {"penultimate_layer": layer, "expand_cam": False, "normalize_cam": False}
    # With `max_N` it takes for each image the channels of all, so each image is asked for by itself.
    pairs = [(CategoricalScore(y.tolist()), x)]
    if most is not None:
        settings["max_N"] = most
        pairs = [(CategoricalScore(int(c)), x[i : i + 1]) for i, c in enumerate(y)]
    expected = np.concatenate([np.asarray(oracle(score, np.array(image), **settings)) for score, image in pairs])
    capsys.readouterr()  # of Keras, a bar
    found = ScoreCAM(layer=layer, max_channels=most).attributions(model, x, y)[..., 0]
    largest = expected.max(axis=(1, 2), keepdims=True)
    helpers.same_but_for_a_kink(found / largest, expected / largest, 2e-5)


@pytest.mark.parametrize(("before", "after"), [((7, 5), (24, 11)), ((1, 4), (3, 4)), ((6, 6), (2, 1))])
def test_masks_are_enlarged_as_scipy_does(before, after):
    maps = np.random.default_rng(0).random((2, *before, 3), dtype="float32")
    factors = (1, *np.divide(after, before), 1)
    found = resize_corners(maps, tf.constant(after)).numpy()
    np.testing.assert_allclose(found, zoom(maps, factors, order=1, mode="nearest"), atol=1e-5)
    signal = maps[:, :, 0]
    np.testing.assert_allclose(
        resize_corners(signal, after[:1]), resize_corners(maps[:, :, :1], (after[0], 1))[:, :, 0]
    )


def two_channels(*front: keras.layers.Layer, order: str = "channels_last") -> keras.Model:
    """The image itself and what is left of it to 1 as the channels of a layer, and logits 3 and -1 times the mean."""
    layers = keras.layers
    conv = layers.Conv2D(
        2, 1, data_format=order, activation="relu", kernel_initializer=keras.initializers.Constant([[[[1.0, -1.0]]]]),
        bias_initializer=keras.initializers.Constant([0.0, 1.0]), name="conv",
    )  # fmt: skip
    dense = layers.Dense(2, kernel_initializer=keras.initializers.Constant([[3.0, 0.0], [-1.0, 0.0]]))
    shape = (3, 4, 1) if order == "channels_last" else (1, 3, 4)
    pool = layers.GlobalAveragePooling2D(data_format=order)
    return keras.Sequential([keras.Input(shape), *front, conv, pool, dense])


X = np.random.default_rng(1).random((5, 3, 4, 1), dtype="float32")


def by_hand(score) -> np.ndarray:
    """Both channels, weighted with the scores of class 0 of the image under each of them."""
    found = 0
    for channel in (X, 1 - X):
        least, largest = (f(channel, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
        mean = (X * (channel - least) / (largest - least)).mean(axis=(1, 2, 3), dtype="float64")
        found = found + channel * score(3 * mean - (1 - mean))[:, None, None, None]
    return np.maximum(found, 0)


def test_the_formula_by_hand_for_every_score():
    model = two_channels()
    for score, of_logit in {
        "probability": lambda logit: 1 / (1 + np.exp(-logit)),
        "logit": lambda logit: logit,
        "centered_logit": lambda logit: logit / 2,
    }.items():
        found = ScoreCAM(score=score).attributions(model, X, 0)
        np.testing.assert_allclose(found, by_hand(of_logit), atol=1e-5)
    signed = ScoreCAM(score="logit", relu=False).attributions(model, X, 0)
    assert signed.min() < 0
    np.testing.assert_allclose(np.maximum(signed, 0), by_hand(lambda logit: logit), atol=1e-5)


@pytest.mark.slow
def test_channels_first_are_the_same():
    first = two_channels(order="channels_first")
    if not tf.config.list_physical_devices("GPU"):
        first = keras.Sequential([keras.Input((1, 3, 4)), keras.layers.Permute((2, 3, 1)), *two_channels().layers])
    moved = np.moveaxis(X, -1, 1)
    np.testing.assert_allclose(ScoreCAM()(first, moved, 0), ScoreCAM()(two_channels(), X, 0), atol=1e-5)


def test_masked_images_are_counted_bounded_and_left_out_where_a_channel_is_zero():
    spy = Batches()
    model = two_channels(spy)
    x = np.concatenate([X, np.ones_like(X[:2])])  # of which the second channel is zero everywhere
    for at_once in (None, 4):
        explainer = ScoreCAM(internal_batch_size=at_once)
        maps = explainer.attributions(model, x, 0)
        spy.seen.clear()
        np.testing.assert_array_equal(explainer.attributions(model, x, 0), maps)
        assert sum(spy.seen) == len(x) + 2 * 5 + 2
        assert max(spy.seen) <= (at_once or len(x) + 5)
        np.testing.assert_allclose(maps[:5], by_hand(lambda logit: 1 / (1 + np.exp(-logit))), atol=1e-5)
    inside = tf.function(
        lambda x: explainer(model, x, 0), autograph=False, input_signature=[tf.TensorSpec([None, 3, 4, 1])]
    )
    for count in (1, 7):
        np.testing.assert_allclose(inside(x[:count]), explainer(model, x[:count], 0), atol=1e-5)


def test_an_image_without_any_activation_has_a_blank_map():
    model = two_channels()
    model.get_layer("conv").bias.assign([0.0, 0.0])
    with pytest.warns(kax.explainers.BlankHeatmapWarning):
        assert not ScoreCAM()(model, np.zeros_like(X), 0).any()


def test_it_is_found_and_saved():
    explainer = ScoreCAM(max_channels=1)
    assert kax.explainers.get("Score-CAM") == ScoreCAM()
    assert kax.explainers.get(kax.explainers.serialize(explainer)) == explainer
    assert (explainer.name, ScoreCAM(internal_batch_size=3).name) == ("score_cam_max_channels1", "score_cam")
    assert (explainer.passes, ScoreCAM().passes) == (1, 256)
    assert [each.layer for each in ScoreCAM.every_layer(two_channels())] == ["conv"]


@pytest.mark.slow
def test_an_evaluation_takes_it():
    explainer = ScoreCAM(max_channels=1)
    report = kax.evaluate(
        two_channels(), (X, np.zeros(5, int)), explainers=explainer, metrics="cosine_distance", epsilons=(0.1,),
        noise_control=False,
    )  # fmt: skip
    assert report.mod("fgsm", explainer, 0.1) >= 0


def test_what_cannot_be_is_refused():
    for settings in ({"max_channels": 0}, {"internal_batch_size": 0}, {"reshape_transform": "tokens"}):
        with pytest.raises(ValueError, match=f"`{next(iter(settings))}`"):
            ScoreCAM(**settings)
    with pytest.raises(ValueError, match=r"`max_channels` must be at most 2, the channels of layer 'conv'"):
        ScoreCAM(max_channels=3)(two_channels(), X)


def test_maps_that_cannot_mask_the_images_are_refused_with_their_dimensions():
    said = r"the images' dimensions, 2 of them beside batch and channels. Layer 'conv' has 1. .*GradCAM\(\) explains it"
    with pytest.raises(ValueError, match=said):
        ScoreCAM(layer="conv", reshape_transform=lambda maps: maps[:, 0])(two_channels(), X)
