"""What calling an explainer does for every subclass: targets, channels, resizing, normalisation, warnings."""

from __future__ import annotations

import warnings

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import BlankHeatmapWarning, Explainer, NonFiniteHeatmapWarning, NonFiniteOutputWarning


class Raw(Explainer):
    """The images less a constant, as they are, at another size and with more channels."""

    def __init__(self, *, shift: float = 0.0, channels: int = 1, size: int = 25, negative: bool = False) -> None:
        super().__init__()
        self.shift = shift
        self.channels = channels
        self.size = size
        self.negative = negative

    @property
    def signed(self):
        return self.negative

    def attribute(self, model, x, targets, forward):
        maps = tf.image.resize(x - self.shift, (self.size, self.size))
        return tf.concat([maps] + [-maps] * (self.channels - 1), axis=-1)


class Targets(Explainer):
    """A map whose height is the target."""

    def attribute(self, model, x, targets, forward):
        rows = tf.range(25.0)[None, :, None, None]
        return tf.cast(rows <= tf.cast(targets, tf.float32)[:, None, None, None], tf.float32) * tf.ones_like(x)


class Flat(Explainer):
    def attribute(self, model, x, targets, forward):
        return x[..., 0]


def test_the_map_is_divided_by_its_maximum(model, few):
    x = few[0]
    np.testing.assert_allclose(Raw()(model, x), x / x.max((1, 2, 3), keepdims=True), atol=1e-6)


def test_absolute_attributions_are_summed_over_the_channels(model, few):
    shifted = np.abs(few[0] - 0.5)
    expected = shifted / shifted.max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(Raw(shift=0.5)(model, few[0]), expected, atol=1e-5)
    np.testing.assert_allclose(Raw(shift=0.5, channels=3)(model, few[0]), expected, atol=1e-5)


def test_a_signed_explainer_keeps_the_sign(model, few):
    shifted = few[0] - 0.5
    expected = shifted / np.abs(shifted).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(Raw(shift=0.5, negative=True)(model, few[0]), expected, atol=1e-5)


def test_attributions_are_neither_resized_nor_normalised_nor_summed(model, few):
    found = Raw(shift=0.5, channels=2, size=7).attributions(model, few[0])
    assert found.shape == (6, 7, 7, 2)
    np.testing.assert_allclose(found[..., 0], -found[..., 1])
    np.testing.assert_allclose(found[..., :1], tf.image.resize(few[0] - 0.5, (7, 7)), atol=1e-6)


def test_maps_of_another_size_are_resized_bilinearly(model, few):
    small = np.abs(tf.image.resize(few[0], (7, 7)))
    resized = tf.image.resize(small, (25, 25)).numpy()
    found = Raw(size=7)(model, few[0])
    assert found.shape == (6, 25, 25, 1)
    np.testing.assert_allclose(found, resized / resized.max((1, 2, 3), keepdims=True), atol=1e-5)


def test_maps_are_as_large_as_images_of_a_model_that_leaves_their_size_open():
    stack = [keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((None, None, 1)), *stack])
    inside = tf.function(lambda x: Raw(size=7)(model, x, 0), input_signature=[tf.TensorSpec((None, None, None, 1))])
    for shape in ((25, 25, 1), (31, 19, 1)):
        x = helpers.random_images(2, shape)
        resized = tf.image.resize(tf.image.resize(x, (7, 7)), shape[:2]).numpy()
        for found in (Raw(size=7)(model, x), inside(x)):
            np.testing.assert_allclose(found, resized / resized.max((1, 2, 3), keepdims=True), atol=1e-5)


class InParts(Raw):
    """Not all images at a time."""

    def images_at_once(self, model, images):
        return 4


def test_a_part_of_the_images_at_a_time_is_explained_as_all_at_once(model, few):
    x = np.concatenate([few[0], few[0][:4]])
    for count in (4, 6, 8, 10):
        np.testing.assert_array_equal(InParts()(model, x[:count]), Raw()(model, x[:count]))
        np.testing.assert_array_equal(InParts().attributions(model, x[:count]), x[:count])
    divide = keras.layers.Lambda(lambda x: x / (1 - x[:, :1, :1]))
    stack = [divide, keras.layers.Flatten(), keras.layers.Dense(2)]
    broken = keras.Sequential([keras.Input(helpers.SHAPE), *stack])
    x[5, 0, 0] = 1
    with pytest.warns(NonFiniteOutputWarning, match=r"for 1 of 10 images \(image 5 the first\)"):
        InParts().attributions(broken, x)


@pytest.mark.parametrize(
    "form", [int, np.int64, np.array, tf.constant, lambda n: [n] * 6, lambda n: np.eye(10)[[n] * 6]]
)
def test_targets_in_every_form(form, few):
    ten = helpers.linear_model(np.zeros((625, 10)), helpers.SHAPE)
    expected = np.broadcast_to((np.arange(25) <= 4)[None, :, None, None], few[0].shape)
    np.testing.assert_array_equal(Targets()(ten, few[0], form(4)), expected)
    inside = tf.function(lambda x: Targets()(ten, x, form(4)))
    np.testing.assert_array_equal(inside(few[0]), expected)


def test_without_targets_each_images_own_prediction_is_explained(model, few):
    predictions = kax.ImageClassifier(model).forward(few[0]).predictions.numpy()
    np.testing.assert_array_equal(Targets()(model, few[0])[:, 1, 0, 0], predictions)


def test_a_map_without_height_and_width_is_refused(model, few):
    with pytest.raises(
        ValueError, match=r"Flat.attribute must return .* at any size. Received: shape=\(None, 25, 25\)"
    ):
        Flat()(model, few[0])


def test_blank_maps_are_counted_in_the_warning(model):
    x = np.zeros((4, *helpers.SHAPE), "float32")
    x[1, 0, 0, 0] = 1
    with pytest.warns(BlankHeatmapWarning, match=r"3 of 4 heatmaps of Raw\(.*\) are blank \(image 0 the first\)"):
        maps = Raw()(model, x)
    np.testing.assert_array_equal(maps, x)


def test_attributions_do_not_warn(model):
    assert (Raw().attributions(model, np.zeros((2, *helpers.SHAPE), "float32")) == 0).all()


@pytest.mark.slow
def test_a_pass_already_made_is_used_eagerly_too(build, few):
    explainer = kax.explainers.GradCAM()
    for head in helpers.HEADS:
        classifier = kax.ImageClassifier(build(head))
        forward = classifier.forward(few[0])
        for targets in (None, 1, few[1]):
            signed = kax.explainers.GradCAM(relu=False)
            found = signed(classifier, few[0], targets, forward=forward)
            np.testing.assert_allclose(found, signed(classifier, few[0], targets), atol=1e-4)
        np.testing.assert_allclose(
            explainer.attributions(classifier, few[0], forward=forward),
            explainer.attributions(classifier, few[0]),
            atol=1e-5,
        )


def test_the_score_is_checked():
    with pytest.raises(
        ValueError, match=r"`score` must be one of logit, probability, centered_logit. Received: score='margin'"
    ):
        kax.explainers.GradCAM(score="margin")


def test_an_abstract_explainer_cannot_be_built():
    with pytest.raises(TypeError, match="abstract"):
        Explainer()


def test_dropout_and_normalisation_are_at_rest():
    stack = [keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.9)]
    end = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input(helpers.SHAPE), *stack, *end])
    explainer = kax.explainers.GradCAM(relu=False)
    x = helpers.random_images(4)
    np.testing.assert_array_equal(explainer(model, x, 0), explainer(model, x, 0))
    assert (model.layers[1].moving_mean.numpy() == 0).all()


@pytest.mark.parametrize("name", ["grad_cam", "saliency", "integrated_gradients"])
def test_an_output_that_is_not_finite_is_warned_of_once_and_is_the_cause(name):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Lambda(lambda x: keras.ops.sqrt(0.6 - x)),
            keras.layers.Conv2D(2, 1, kernel_initializer="ones"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant([[1, 0], [1, 0]])),
        ]
    )
    x = np.full((3, 4, 4, 1), 0.2, "float32")
    x[1] = 0.8
    explainer = kax.explainers.get(name)
    for call in (explainer, explainer.attributions):
        with pytest.warns(NonFiniteOutputWarning, match=r"for 1 of 3 images \(image 1 the first\)") as caught:
            call(model, x)
        assert len(caught) == 1
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explainer(model, x[[0, 2]])
    forward = kax.ImageClassifier(model).forward(x)
    with pytest.warns(NonFiniteOutputWarning) as caught:
        explainer(model, x, forward=forward)
    assert len(caught) == 1


def test_heatmaps_of_nan_gradients_are_told_where_the_output_is_finite():
    """A root at a black pixel: the output is 0 there, and the slope infinite."""
    root = keras.layers.Lambda(keras.ops.sqrt)
    model = keras.Sequential([keras.Input((2, 2, 1)), root, keras.layers.Flatten(), keras.layers.Dense(2)])
    x = np.full((3, 2, 2, 1), 0.5, "float32")
    x[1, 0, 0] = 0.0
    with pytest.warns(
        NonFiniteHeatmapWarning, match=r"1 of 3 heatmaps of Saliency.* are NaN \(image 1 the first\)"
    ) as caught:
        kax.explainers.Saliency()(model, x)
    assert [item.category for item in caught] == [NonFiniteHeatmapWarning]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["grad_cam", "saliency", "integrated_gradients"])
def test_a_model_whose_weights_are_nan_is_not_said_to_be_blank(name):
    model = helpers.small_cnn()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.warns(NonFiniteOutputWarning, match="2 of 2 images") as caught:
        kax.explainers.get(name)(model, np.full((2, 25, 25, 1), 0.5, "float32"))
    assert len(caught) == 1
