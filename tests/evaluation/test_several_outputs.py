"""Labels of models with several outputs, and images that were preprocessed already."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax

layers = keras.layers
IMAGES, Y = helpers.random_images(4, (8, 8, 2)), np.array([0, 1, 1, 0])


@pytest.fixture(scope="module", params=["dict", "list"])
def two_outputs(request) -> kax.ImageClassifier:
    inputs = keras.Input((8, 8, 2))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    classes, size = layers.Dense(2, name="classes")(x), layers.Dense(1, name="size")(x)
    outputs = {"classes": classes, "size": size} if request.param == "dict" else [size, classes]
    return kax.ImageClassifier(keras.Model(inputs, outputs), output="classes")


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_labels_are_given_as_to_fit(two_outputs, stream):
    sizes = np.ones((4, 1), "float32")
    as_dict = isinstance(two_outputs.model.output, dict)
    labels = {"classes": Y, "size": sizes} if as_dict else (sizes, Y)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(2) if stream else (IMAGES, labels)
    given = kax.evaluate(two_outputs, data, epsilons=(0.1,), progress=False)
    plain = kax.evaluate(two_outputs, (IMAGES, Y), epsilons=(0.1,), progress=False)
    np.testing.assert_array_equal(given.measurements.at("label"), Y)
    np.testing.assert_array_equal(
        given.measurements.at("prediction", attack="fgsm"), plain.measurements.at("prediction", attack="fgsm")
    )


def test_images_that_were_preprocessed_already_are_told():
    model = keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)])
    wrapped = kax.ExplainableModel(model, preprocess=lambda images: 2 * images - 1)
    with pytest.raises(ValueError, match=r"pass the images as they are before it. .`fit` and `predict` of most"):
        wrapped.explain(2 * IMAGES - 1)


def test_pixels_before_a_function_are_told_the_bounds():
    model = keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"as they are before `preprocess`, pass bounds=\(0, 255\)\.$"):
        kax.evaluate(model, 255 * IMAGES, preprocess=lambda images: images / 127.5 - 1, progress=False)
