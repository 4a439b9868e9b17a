"""Baselines: named in image space, an array, or a function, and what is refused."""

from __future__ import annotations

import functools

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from kinds import KINDS, Case
from scipy import ndimage

import keras_advxai as kax
from keras_advxai.explainers import IntegratedGradients
from keras_advxai.explainers.baselines import baselines

pytestmark = pytest.mark.sampled(3)

SHAPE = (6, 5, 3)
BOUNDS = [(0, 1), (-1, 1), (0, 255)]


@functools.cache
def bright(bounds=(0, 1), preprocess=None, shape=SHAPE) -> kax.ImageClassifier:
    """A model whose score 0 is the sum of all pixels."""
    columns = np.stack([np.ones(np.prod(shape)), np.zeros(np.prod(shape))], axis=-1)
    return kax.ImageClassifier(helpers.linear_model(columns, shape), bounds=bounds, preprocess=preprocess)


def images(bounds=(0, 1), count: int = 4) -> np.ndarray:
    low, high = bounds
    return (low + (high - low) * helpers.random_images(count, SHAPE)).astype("float32")


def used(baseline, bounds=(0, 1), x=None, **settings) -> np.ndarray:
    """The baselines that attributions of the sum of all pixels were computed with."""
    x = images(bounds) if x is None else x
    explainer = IntegratedGradients(steps=1, baseline=baseline, **settings)
    return x - explainer.attributions(bright(bounds), x, 0)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize(("name", "part"), [("black", 0), ("gray", 0.5), ("white", 1)])
def test_black_gray_and_white_are_places_in_the_bounds(name, part, bounds):
    low, high = bounds
    np.testing.assert_allclose(used(name, bounds), low + part * (high - low), atol=1e-6 * (high - low))


@pytest.mark.slow
def test_black_is_a_pixel_of_0_and_not_what_the_preprocessing_centres_on():
    """A baseline of zeros after "caffe" preprocessing would be the mean colour of ImageNet."""
    x = images((0, 255))
    for name, expected in {"black": 0, "gray": 127.5, "white": 255}.items():
        explainer = IntegratedGradients(steps=1, baseline=name)
        found = x - explainer.attributions(bright((0, 255), "resnet50"), x, 0)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        scaled = kax.ImageClassifier(bright().model, bounds=(0, 255), preprocess=lambda pixels: pixels / 127.5 - 1)
        found = x - 127.5 * explainer.attributions(scaled, x, 0)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_zero_is_in_the_middle_of_symmetric_bounds():
    np.testing.assert_allclose(used("gray", (-1, 1)), used(0.0, (-1, 1)), atol=1e-7)
    assert np.abs(used("gray", (-1, 1)) - used("black", (-1, 1))).min() > 0.9


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_mean_is_each_images_own_mean_colour(bounds):
    x = images(bounds)
    expected = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    np.testing.assert_allclose(used("mean", bounds, x), expected, rtol=1e-4, atol=1e-5)


def test_blur_is_a_gaussian_whose_width_is_a_15th_of_the_sides():
    """At the edges, what is there counts for what is not."""
    x = helpers.random_images(2, (60, 45, 3), seed=4)
    found = np.asarray(baselines("blur", bright(shape=(60, 45, 3)), tf.constant(x), tf.constant([0, 0])))
    sigma = (0, 4, 3, 0)
    plain = ndimage.gaussian_filter(x.astype("float64"), sigma, mode="constant", truncate=20)
    there = ndimage.gaussian_filter(np.ones(x.shape), sigma, mode="constant", truncate=20)
    np.testing.assert_allclose(found, plain / there, atol=1e-5)
    middle = ndimage.gaussian_filter1d(x[:, :, 22].astype("float64"), 4, axis=1)
    along_one = np.asarray(
        baselines("blur", bright(shape=(60, 1, 3)), tf.constant(x[:, :, 22:23]), tf.constant([0, 0]))
    )
    np.testing.assert_allclose(along_one[:, 25:35, 0], middle[:, 25:35], atol=1e-4)  # scipy cuts off at 4 sigma


def test_blur_keeps_constant_images_and_about_the_mean_colour():
    constant = np.broadcast_to(np.array([0.2, 0.9, 1.0], "float32"), (2, 30, 30, 3))
    smooth = helpers.photos(3, 30) / 255
    classifier = bright(shape=(30, 30, 3))
    kept, blurred = (
        np.asarray(baselines("blur", classifier, tf.constant(x), tf.constant([0, 0]))) for x in (constant, smooth)
    )
    np.testing.assert_allclose(kept, constant, atol=1e-6)
    np.testing.assert_allclose(blurred.mean(axis=(1, 2)), smooth.mean(axis=(1, 2)), atol=0.02)
    assert (blurred.std(axis=(1, 2)) < smooth.std(axis=(1, 2))).all()
    assert np.abs(blurred - smooth).max() > 0.05
    np.testing.assert_allclose(
        used("blur", x=images()), baselines("blur", bright(), tf.constant(images()), [0, 0]), atol=1e-5
    )


def test_mean_and_blur_of_an_image_do_not_depend_on_the_others():
    for name in ("mean", "blur"):
        whole = used(name)
        np.testing.assert_allclose(
            np.concatenate([used(name, x=images()[i : i + 1]) for i in range(4)]), whole, atol=1e-6
        )


def of_kind(name: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    case = Case(KINDS[kind])
    return np.asarray(baselines(name, case.classifier, tf.constant(case.images), tf.constant([0, 0]))), case.images


@pytest.mark.parametrize("kind", ["channels_first", "channels_first_backbone"])
@pytest.mark.parametrize("name", ["mean", "blur"])
def test_channels_are_not_mixed_where_they_come_first(name, kind):
    found, x = of_kind(name, kind)
    expected, last = of_kind(name, "functional")
    np.testing.assert_array_equal(np.moveaxis(x, 1, -1), last)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, atol=1e-6)
    if name == "mean":
        np.testing.assert_allclose(found, np.broadcast_to(x.mean(axis=(2, 3), keepdims=True), x.shape), atol=1e-6)


def test_mean_and_blur_of_signals_and_videos():
    found, x = of_kind("mean", "signals")
    np.testing.assert_allclose(found, np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape), atol=1e-6)
    found, x = of_kind("mean", "time_distributed")
    np.testing.assert_allclose(found, np.broadcast_to(x.mean(axis=(1, 2, 3), keepdims=True), x.shape), atol=1e-6)
    for kind, dimensions in {"signals": 1, "time_distributed": 3}.items():
        found, x = of_kind("blur", kind)
        sigma = (0, *(side / 15 for side in x.shape[1 : 1 + dimensions]), 0)
        plain, there = (
            ndimage.gaussian_filter(item.astype("float64"), sigma, mode="constant", truncate=40)
            for item in (x, np.ones(x.shape))
        )
        np.testing.assert_allclose(found, plain / there, atol=1e-3)


def test_pixels_in_a_row_are_blurred_as_the_image_that_the_model_makes_of_them():
    inputs = keras.Input((64,))
    hidden = keras.layers.Conv2D(3, 3, activation="relu")(keras.layers.Reshape((8, 8, 1))(inputs))
    row = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(hidden)))
    grid = helpers.linear_model(np.ones((64, 2)), (8, 8, 1))
    x = helpers.random_images(3, (64,))
    for name in ("mean", "blur"):
        found = baselines(name, kax.ImageClassifier(row), tf.constant(x), tf.constant([0, 0]))
        expected = baselines(name, kax.ImageClassifier(grid), tf.constant(x.reshape(3, 8, 8, 1)), tf.constant([0, 0]))
        assert found.shape == (3, 64)
        np.testing.assert_allclose(found, np.reshape(expected, (3, 64)), atol=1e-6)


@pytest.mark.parametrize("bounds", [(0, 255), (-1, 1)], ids=str)
def test_what_a_function_returns_is_held_to_the_bounds_and_as_much_beyond_as_images_may_be(bounds):
    x, width = images(bounds), bounds[1] - bounds[0]
    for beyond, kept in ((0.5e-6, 0.5e-6), (1, 1e-6)):
        for end, sign in zip(bounds, (-1, 1), strict=True):
            given = tf.fill(x.shape, np.float32(end + sign * beyond * width))
            found = baselines(lambda _, given=given: given, bright(bounds), tf.constant(x), tf.constant([0, 0]))
            np.testing.assert_allclose(found, end + sign * kept * width, rtol=0, atol=0.2e-6 * width)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_noise_is_uniform_between_the_bounds_and_the_same_for_each_image(bounds):
    low, high = bounds
    drawn = np.asarray(baselines("noise", bright(bounds), tf.zeros((2, 50, 50, 3)), tf.constant([0, 0])))
    assert drawn.shape == (1, 50, 50, 3)
    assert low <= drawn.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < drawn.max() <= high
    counts, _ = np.histogram(drawn, bins=10, range=bounds)
    assert np.ptp(counts) < 0.3 * counts.mean()
    found = used("noise", bounds, draws=1)
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-5 * (high - low))
    assert np.ptp(found[0]) > 0.5 * (high - low)


def drawn(seed: int, draws: int) -> np.ndarray:
    """The mean of some draws, none of which has the numbers of a draw of SmoothGrad, (seed, 0), (seed, 1), ..."""
    return np.mean([tf.random.stateless_uniform((1, *SHAPE), (seed, -1 - draw)) for draw in range(draws)], axis=0)


def test_no_draw_of_the_noise_is_one_of_smooth_grad_around_it():
    found = used("noise", seed=5, draws=2)
    np.testing.assert_allclose(found, np.broadcast_to(drawn(5, 2), found.shape), atol=1e-5)


@pytest.mark.slow
def test_the_noise_is_drawn_from_the_seed_and_the_number_of_the_draw():
    for seed, draws in ((0, 1), (0, 3), (5, 2)):
        found = used("noise", seed=seed, draws=draws)
        np.testing.assert_allclose(found, np.broadcast_to(drawn(seed, draws), found.shape), atol=1e-5)
        np.testing.assert_allclose(used("noise", seed=seed, draws=draws, x=images()[2:3]), found[2:3], atol=1e-6)
    assert np.abs(used("noise", seed=0) - used("noise", seed=1)).max() > 0.1


@pytest.mark.slow
def test_attributions_from_noise_add_up_in_the_mean_over_the_draws(model, few):
    x, y = few
    explainer = IntegratedGradients(steps=64, baseline="noise", draws=3, seed=2)
    scores = kax.ImageClassifier(model).forward(x).logits.numpy()[np.arange(6), y]
    noise = [tf.random.stateless_uniform((1, *helpers.SHAPE), (2, -1 - draw)) for draw in range(3)]
    before = np.mean([kax.ImageClassifier(model).forward(item).logits.numpy()[0] for item in noise], axis=0)[y]
    total = explainer.attributions(model, x, y).sum((1, 2, 3))
    np.testing.assert_allclose(explainer.completeness_gap(model, x, y), np.abs(total - (scores - before)), atol=1e-4)
    assert np.median(np.abs(total - (scores - before))) < 0.01 * np.median(np.abs(scores - before))


def test_an_array_may_be_an_image_a_batch_of_one_or_a_number():
    image = images(count=5)[4]
    for array in (image, image[None], image.astype("float64"), image.tolist(), tf.constant(image)):
        np.testing.assert_allclose(used(array), np.broadcast_to(image, (4, *SHAPE)), atol=1e-6)
    np.testing.assert_allclose(used(0.25), 0.25, atol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
def mirrored(x):
    """Each image, mirrored."""
    return keras.ops.flip(x, axis=2)


def test_a_function_makes_a_baseline_of_each_image():
    np.testing.assert_allclose(used(mirrored), images()[:, :, ::-1], atol=1e-6)
    np.testing.assert_allclose(used(lambda x: tf.zeros_like(x, tf.float64) + 0.5), 0.5, atol=1e-6)
    assert (np.abs(IntegratedGradients(baseline=lambda x: x).attributions(bright(), images(), 0)) == 0).all()


def test_baselines_may_touch_the_bounds_as_images_may():
    """Both are the results of computations in float32."""
    x = np.full((2, *SHAPE), 1 + 5e-7, "float32")
    for baseline in (x[0], lambda images: images):
        assert (IntegratedGradients(steps=1, baseline=baseline).attributions(bright(), x, 0) == 0).all()


@pytest.mark.parametrize(("baseline", "message"), [
    (np.zeros((5, 6, 3)), r"`baseline` must have the shape of one image, \(6, 5, 3\)\. .* of shape \(5, 6, 3\)"),
    (np.zeros((4, *SHAPE)), r"must have the shape of one image, \(6, 5, 3\)\. .* of shape \(4, 6, 5, 3\)"),
    (np.zeros(3), r"must have the shape of one image.* of shape \(3,\)"),
    (np.full(SHAPE, 1.1), r"must lie in image space, from 0 to 1\. Received: values from 1\.1\d* to 1\.1\d*\. Give it"),
    (-0.5, r"must lie in image space, from 0 to 1\. Received: values from -0\.5 to -0\.5\. .*preprocessing"),
    (lambda x: x[:1], r"must return baselines of the images' shape, \(4, 6, 5, 3\)\. .* of shape \(1, 6, 5, 3\)"),
    (lambda x: x[..., :1], r"must return baselines of the images' shape.* of shape \(4, 6, 5, 1\)"),
    (lambda x: x + 2, r"must lie in image space, from 0 to 1\. Received: values from 2\.\d+ to"),
    (lambda x: x * np.nan, r"must lie in image space, from 0 to 1\. Received: values from nan to nan"),
])  # fmt: skip
def test_a_baseline_that_does_not_fit_is_refused_before_anything_is_computed(baseline, message):
    spy = helpers.Executions()
    model = keras.Sequential([keras.Input(SHAPE), spy, keras.layers.Flatten(), keras.layers.Dense(2)])
    explainer = IntegratedGradients(baseline=baseline)
    smooth = kax.explainers.SmoothGrad(explainer=explainer)
    calls = explainer, explainer.attributions, explainer.completeness_gap, smooth, smooth.attributions
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(model, images(), 0)
    assert spy.seen.computed == 0


def test_an_array_is_checked_in_a_graph_too():
    """Where it would be broadcast without a word."""
    for wrong, message in {(5, 3): r"the shape of one image, \(6, 5, 3\)", SHAPE: "lie in image space"}.items():
        explainer = IntegratedGradients(baseline=np.full(wrong, 7.0))
        with pytest.raises(ValueError, match=message):
            tf.function(lambda x, e=explainer: e.attributions(bright(), x, 0), autograph=False)(images())


@pytest.mark.parametrize("wrong", [None, object(), ["a", "b"], {"black": 1}, [], True])
@pytest.mark.sampled(1)  # they take no time
def test_what_is_no_baseline_is_refused(wrong):
    with pytest.raises(
        TypeError, match=r"`baseline` must be a name, a number, an array .* or a function of the images. Received:"
    ):
        IntegratedGradients(baseline=wrong)


def test_unknown_names_and_infinite_numbers_are_refused():
    with pytest.raises(
        ValueError, match=r"must be one of black, .*noise, an array or .*Did you mean 'blur'\? Received"
    ):
        IntegratedGradients(baseline="blurr")
    for wrong in (np.nan, np.inf, [0, np.nan]):
        with pytest.raises(ValueError, match=r"`baseline` must have finite values\. Received:"):
            IntegratedGradients(baseline=wrong)


def test_a_function_made_of_numpy_is_told_what_it_should_be_made_of():
    for function in (np.zeros_like, lambda x: x.numpy()):
        with pytest.raises(ValueError, match=r"`baseline` must be a function made of TensorFlow or Keras operations"):
            IntegratedGradients(baseline=function)(bright(), images())


def test_arrays_make_equal_explainers_that_cannot_be_changed():
    array = np.linspace(0, 1, 90).reshape(SHAPE)
    first, second = (IntegratedGradients(baseline=item) for item in (array, array.tolist()))
    other = IntegratedGradients(baseline=1 - array)
    assert first == second
    assert hash(first) == hash(second)
    assert first.name == second.name
    assert first != other
    assert first.name != other.name
    array[:] = 0
    assert first == second  # it was copied
    with pytest.raises(ValueError, match="read-only"):
        first.baseline[0] = 1


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [np.linspace(0, 1, 90).reshape(SHAPE), 0.5, mirrored, "blur"], ids=type)
def test_baselines_are_saved_with_the_explainer(baseline):
    explainer = IntegratedGradients(steps=3, baseline=baseline)
    for item in (explainer, kax.explainers.SmoothGrad(explainer=explainer, samples=2)):
        again = kax.explainers.deserialize(kax.explainers.serialize(item))
        assert again == item
        assert hash(again) == hash(item)
        np.testing.assert_array_equal(
            again.attributions(bright(), images(), 0), item.attributions(bright(), images(), 0)
        )
    assert IntegratedGradients.from_config(explainer.get_config()) == explainer
