"""The checks of images, labels and epsilons by themselves: what passes, what comes back, what is refused."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from keras_advxai.models.inputs import check_bounds, check_epsilons, check_images, describe
from keras_advxai.models.labels import check_labels, check_multi_hot, traced_labels

IMAGES = np.linspace(0, 1, 32, dtype="float32").reshape(2, 4, 4, 1)


def with_pixel(value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[1, 2, 3, 0] = value
    return images


def test_images_that_are_right_come_back_as_they_are_and_uncopied():
    assert check_images(IMAGES, (0, 1), (4, 4, 1)) is IMAGES
    assert check_images(IMAGES, (0, 1), (None, 4, None)) is IMAGES
    assert check_images(IMAGES, (0, 1)) is IMAGES


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ml_dtypes.bfloat16])
def test_floats_of_any_width_pass(dtype):
    check_images(IMAGES.astype(dtype), (0, 1))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_integers_pass_as_pixels_only(dtype):
    pixels = (IMAGES * 255).astype(dtype)
    assert check_images(pixels, (0, 255)) is pixels
    for bounds in ((0, 1), (-1, 1)):
        with pytest.raises(ValueError, match=rf"holds integers \({dtype}\) .*Pass bounds=\(0, 255\) .* / 255"):
            check_images((IMAGES > 0.5).astype(dtype), bounds)


def test_tensors_and_lists_pass():
    np.testing.assert_array_equal(check_images(tf.constant(IMAGES), (0, 1)), IMAGES)
    np.testing.assert_array_equal(check_images(IMAGES.tolist(), (0, 1)), IMAGES)


@pytest.mark.parametrize(
    "images", ["cat.png", None, [[None]], IMAGES.astype(bool), IMAGES.astype(complex), IMAGES.astype(str), object()]
)
def test_what_is_not_an_array_of_numbers(images):
    with pytest.raises(TypeError, match=r"`x` must be an array of numbers. Received: "):
        check_images(images, (0, 1))


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((), ""),
        ((16,), ""),
        ((4, 4, 1), r"For one image pass x\[None\]; for grayscale images without channels x\[..., None\]"),
        ((2, 4, 4), r"For one image pass x\[None\]"),
        ((2, 4, 4, 3), ""),
        ((2, 5, 4, 1), ""),
        ((2, 4, 4, 1, 1), ""),
    ],
)
def test_wrong_shapes(shape, hint):
    pattern = rf"`x` must have the shape \(batch, 4, 4, 1\). Received: shape=\({', '.join(map(str, shape))},?\).*{hint}"
    with pytest.raises(ValueError, match=pattern):
        check_images(np.zeros(shape, "float32"), (0, 1), (4, 4, 1))


def test_no_images():
    with pytest.raises(ValueError, match=r"at least one image. Received: shape=\(0, 4, 4, 1\)"):
        check_images(IMAGES[:0], (0, 1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_counted_and_found(value):
    with pytest.raises(
        ValueError, match=r"NaN or infinite pixels .in 1 of 2 images, the first at index 1.. Clean or drop"
    ):
        check_images(with_pixel(value), (0, 1))


@pytest.mark.parametrize(
    ("images", "bounds", "message"),
    [
        (with_pixel(200), (0, 1), r"values from 0 to 200. These images fit bounds=\(0, 255\)"),
        (2 * IMAGES - 1, (0, 1), r"values from -1 to 1. These images fit bounds=\(-1, 1\)"),
        (with_pixel(-0.1), (0, 255), r"values from -0.1 to 1. These images fit bounds=\(-1, 1\)"),
        (with_pixel(-120), (0, 255), "went through a `preprocess_input` .* pass the pixels and preprocess="),
        (with_pixel(1.0001), (0, 1), r"must lie within the bounds \(0, 1\)"),
    ],
)
def test_values_outside_of_the_bounds(images, bounds, message):
    with pytest.raises(ValueError, match=message):
        check_images(images, bounds)


def test_rounding_is_not_outside_of_the_bounds():
    check_images(with_pixel(1.0000005), (0, 1))
    check_images(with_pixel(255.0001), (0, 255))


def test_images_in_0_to_1_with_the_bounds_of_pixels_are_pointed_out():
    with pytest.warns(
        UserWarning,
        match=r"0 to 1 while the bounds are \(0, 255\), which is nearly black.* bounds=\(0, 1\)",
    ):
        check_images(IMAGES, (0, 255))


def test_images_in_0_to_1_with_the_bounds_of_minus_1_to_1_are_pointed_out():
    with pytest.warns(UserWarning, match=r"below 0, while the bounds are \(-1, 1\)\. .*, pass bounds=\(0, 1\)"):
        check_images(np.concatenate([IMAGES] * 4), (-1, 1))


def test_a_few_bright_images_and_gray_ones_are_fine():
    check_images(IMAGES[:1], (-1, 1))
    check_images(np.zeros((8, 4, 4, 1), "float32"), (-1, 1))
    check_images(2 * np.concatenate([IMAGES] * 4) - 1, (-1, 1))


def test_black_images_are_fine():
    check_images(np.zeros_like(IMAGES), (0, 255))


def test_messages_call_the_images_what_the_caller_calls_them():
    with pytest.raises(ValueError, match=r"^batch 3 of the data: NaN"):
        check_images(with_pixel(np.nan), (0, 1), where="batch 3 of the data")


@pytest.mark.parametrize(
    "labels",
    [
        [0, 2, 1],
        (0, 2, 1),
        np.array([0.0, 2.0, 1.0]),
        np.array([[0], [2], [1]], "uint8"),
        np.eye(3)[[0, 2, 1]],
        tf.constant([0, 2, 1]),
    ],
    ids=["list", "tuple", "floats", "column", "one-hot", "tensor"],
)
def test_labels_in_every_form_come_back_as_indices(labels):
    found = check_labels(labels, 3, 3)
    assert found.dtype == np.int32
    assert found.tolist() == [0, 2, 1]


def test_labels_of_one_unit():
    assert check_labels(np.array([[0], [1]]), 2, 2, binary=True).tolist() == [0, 1]
    assert check_labels(np.array([False, True]), 2, 2, binary=True).tolist() == [0, 1]
    with pytest.raises(
        ValueError, match=r"must be 0 or 1 for each image.* one sigmoid unit.*shape \(2, 2\); pass y.argmax\(-1\)"
    ):
        check_labels(np.eye(2), 2, 2, binary=True)
    for labels in ([-1, 1], [[-1.0], [1.0]]):
        with pytest.raises(
            ValueError, match=r"Received: labels from -1 to 1. If .* pass \(labels > 0\).astype\('int32'\)"
        ):
            check_labels(np.array(labels), 2, 2)
    with pytest.raises(ValueError, match=r"Received: labels from -1 to 1$"):  # of three, 0 is one of them
        check_labels(np.array([-1, 0, 1]), 3, 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"one label for each of the 3 images. Received: shape=\(2,\)"),
        (1, r"one label for each of the 3 images. Received: shape=\(\)"),
        ([0, 1, 3], "must lie in 0..2, .* 3 classes. Received: labels from 0 to 3"),
        ([0, -1, 2], "Received: labels from -1 to 2"),
        ([0, 0.5, 1], "must be integers"),
        ([0, np.nan, 1], "must be integers"),
        (["a", "b", "c"], r"must be class indices.* names of classes, .* \[names.index\(name\) for name in labels\]"),
        (np.eye(4)[:3], r"one-hot rows, \(batch, 3\). Received: shape=\(3, 4\)"),
        (np.full((3, 3), 1 / 3), "with rows that are not one-hot"),
        (0.9 * np.eye(3) + 0.1 / 3, r"smoothed or mixed labels, pass the class of each image: labels\.argmax\(-1\)"),
        (np.ones((3, 3)), "with rows that are not one-hot"),
        (np.full((3, 3), 0.4), r"not one-hot\. If the model predicts numbers, pass task='regression'"),
        (np.zeros((3, 2, 2)), "must be class indices"),
    ],
)
def test_labels_that_are_wrong(labels, message):
    with pytest.raises(ValueError, match=f"^`y` .*{message}"):
        check_labels(labels, 3, 3)


def test_smoothed_labels_are_refused_with_what_to_pass():
    with pytest.raises(ValueError, match=r"must be integers.*\(labels > 0\.5\)\.astype"):
        check_labels([0.05, 0.95], 2, 2, binary=True)
    with pytest.raises(ValueError, match=r"predicts several labels.*\(labels > 0\.5\)\.astype"):
        check_multi_hot([[0.05, 0.95], [0.95, 0.95]], 2, 2)
    with pytest.raises(ValueError, match=r"task='regression'\.$"):
        check_labels([[0.05, 1.95], [3.2, 0.1]], 2, 2)


def test_epsilons_come_back_as_floats():
    assert check_epsilons(0.1) == (0.1,)
    assert check_epsilons(np.float32(0.5)) == (0.5,)
    assert check_epsilons([0, 1, 0.5]) == (0.0, 1.0, 0.5)
    assert check_epsilons(tf.constant([0.25, 0.5])) == (0.25, 0.5)
    assert all(type(value) is float for value in check_epsilons(np.array([0, 1])))


@pytest.mark.parametrize(
    ("epsilons", "message"),
    [
        (-0.1, "fractions of the bounds' width, in .0, 1.: .* Received: .*-0.1"),
        ([0.1, 1.5], "Received: .*1.5"),
        (8, "eight grey levels are 8/255"),
        (float("nan"), "Received: .*nan"),
        (float("inf"), "Received: .*inf"),
        ([], "at least one"),
        ([0.1, 0.2, 0.1], "twice|duplicates|once"),
        ("strong", "must be numbers in .0, 1.. Received: .*'strong'"),
        ([[0.1, 0.2]], "must be numbers"),
        (None, "epsilons"),
    ],
)
def test_epsilons_that_are_wrong(epsilons, message):
    with pytest.raises(ValueError, match=f"Argument `epsilons` .*{message}"):
        check_epsilons(epsilons)


def test_bounds_come_back_as_floats():
    assert check_bounds((0, 255)) == (0.0, 255.0)
    assert check_bounds(np.array([-1, 1])) == (-1.0, 1.0)


def test_labels_are_settled_in_a_graph():
    images = tf.constant(IMAGES)
    as_they_are = np.array([0, 2])
    assert traced_labels(as_they_are, images) is as_they_are
    tensor = tf.constant([0, 2])
    assert traced_labels(tensor, images) is tensor
    for given in (np.eye(3)[[0, 2]], tf.one_hot([0, 2], 3), np.array([[0], [2]]), tf.constant([[0], [2]])):
        np.testing.assert_array_equal(traced_labels(given, images), [0, 2])
    np.testing.assert_array_equal(traced_labels(1, images), [1, 1])
    np.testing.assert_array_equal(traced_labels(tf.constant(1), images), [1, 1])


def test_values_are_described_for_messages():
    assert describe(IMAGES) == "ndarray of shape (2, 4, 4, 1)"
    assert describe("x") == "str"
