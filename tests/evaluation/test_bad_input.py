"""Whatever is wrong is said before anything is computed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import evaluator

import keras_advxai as kax


def dataset(*arrays, batch: int | None = 8):
    found = tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])
    return found if batch is None else found.batch(batch)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epsilons": ()}, ValueError, "at least one epsilon"),
        ({"epsilons": (-0.1,)}, ValueError, "fractions of the bounds' width"),
        ({"epsilons": (8,)}, ValueError, "eight grey levels are 8/255"),
        ({"epsilons": (float("nan"),)}, ValueError, "fractions of the bounds' width"),
        ({"epsilons": ("a",)}, ValueError, "must be numbers"),
        ({"epsilons": (0.1, 0.1)}, ValueError, "the same epsilon twice"),
        ({"attacks": ["fgms"]}, ValueError, "Unknown attack 'fgms'. Did you mean 'fgsm'"),
        ({"attacks": []}, ValueError, "at least one attack"),
        ({"attacks": [3]}, TypeError, "must be the name of a known attack"),
        ({"attacks": ["fgsm", "fgsm"]}, ValueError, "fgsm twice"),
        ({"attacks": [kax.attacks.FGSM(targeted=True)]}, ValueError, "needs target classes: pass attack_targets="),
        ({"explainers": ["gradcma"]}, ValueError, "Unknown explainer 'gradcma'. Did you mean 'grad_cam'"),
        ({"explainers": [kax.explainers.GradCAM(layer="convolution")]}, ValueError, "has no layer 'convolution'"),
        ({"explainers": [kax.explainers.GradCAM(relu=False)]}, ValueError, "whose heatmaps are signed"),
        ({"target": "true"}, ValueError, "`target` must be one of predicted, clean, label"),
        ({"bounds": (1, 0)}, ValueError, "`bounds` must be"),
        ({"preprocess": "resnet5"}, ValueError, "Did you mean 'resnet50'"),
        ({"preprocess": 3}, TypeError, "`preprocess` must be a callable"),
    ],
)
def test_settings(faces_model, settings, error, message):
    with pytest.raises(error, match=message):
        evaluator(faces_model, **settings)


def test_a_classifier_has_bounds_of_its_own(faces_model):
    with pytest.raises(ValueError, match="has bounds and preprocessing of its own"):
        evaluator(kax.ImageClassifier(faces_model), bounds=(0, 255))


def test_a_model_without_a_spatial_layer():
    mlp = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    with pytest.raises(ValueError, match="no layer with a spatial output"):
        evaluator(mlp)
    x = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32")
    found = kax.evaluate(mlp, (x, [0, 1, 0, 1]), explainers=(), progress=False)
    assert len(found.samples) == 4


def broken(x, y):
    nan, outside = x.copy(), x.copy()
    nan[11, 0, 0] = np.nan
    outside[11, 0, 0] = 1.5
    return {
        "outside": ((outside, y), "must lie within the bounds (0, 1). Received: values from .* to 1.5"),
        "nan": ((nan, y), "NaN or infinite pixels (in 1 of 50 images, the first at index 11)"),
        "integers": (((x * 255).astype("uint8"), y), "holds integers (uint8) while the bounds are (0, 1)"),
        "rank": ((x[0], y), "must have the shape (batch, 25, 25, 1). Received: shape=(25, 25, 1). For one image"),
        "channels": ((np.repeat(x, 3, -1), y), "the shape (batch, 25, 25, 1). Received: shape=(50, 25, 25, 3)"),
        "range": ((x, y + 1), "because the model has 2 classes. Received: labels from 1 to 2"),
        "length": ((x, y[:-1]), "one label for each of the 50 images. Received: shape=(49,)"),
        "one_hot": ((x, np.eye(3)[y]), "one-hot rows, (batch, 2). Received: shape=(50, 3)"),
        "soft": ((x, np.full((50, 2), 0.5)), "with rows that are not one-hot"),
        "fraction": ((x, y + 0.5), "must be integers"),
        "empty": ((x[:0], y[:0]), "at least one image"),
        "dictionaries": (
            dataset({"image": x, "label": y}),
            "must be pairs of images and labels. Received: dictionaries",
        ),
        "empty_dataset": (dataset(x[:0], y[:0]), "The dataset is empty"),
        "infinite": (dataset(x, y).repeat(), "The dataset is infinite. Say how many of its batches are to be read"),
        "not_batched": (dataset(x, y, batch=None), "must be batched. Received: elements of shape (25, 25, 1)"),
        "filtered": (dataset(x, y).filter(lambda a, b: tf.constant(False)), "The dataset is empty"),
    }


NAMES = tuple(broken(np.zeros((50, 25, 25, 1), "float32"), np.zeros(50, "int32")))


@pytest.mark.parametrize("name", NAMES)
def test_data(faces_model, test_faces, name):
    data, message = broken(*test_faces)[name]
    pattern = message.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=pattern):
        kax.evaluate(faces_model, data, progress=False)


@pytest.mark.parametrize("data", [3, "images", [[1.0]], None])
def test_what_is_not_data(faces_model, data):
    with pytest.raises(TypeError, match="`data` must be"):
        kax.evaluate(faces_model, data, progress=False)


@pytest.mark.slow
def test_a_stream_is_checked_batch_by_batch_and_the_message_names_the_batch(faces_model, test_faces):
    x, y = test_faces
    outside = x.copy()
    outside[20] = -0.5
    with pytest.raises(ValueError, match="batch 2 of the data must lie within the bounds"):
        kax.evaluate(faces_model, dataset(outside, y), progress=False)
    with pytest.raises(ValueError, match=r"the labels of batch 3 of the data must lie in 0\.\.1"):
        kax.evaluate(faces_model, dataset(x, np.where(np.arange(50) == 30, 7, y)), progress=False)


def test_arrays_are_checked_before_the_model_is_run(faces_model, test_faces):
    x, y = test_faces
    outside = x.copy()
    outside[-1] = 2.0
    seen = []

    class Watching(kax.attacks.FGSM):
        def perturb(self, model, x, y, epsilon, forward):
            seen.append(x)
            return x

    with pytest.raises(ValueError, match="must lie within the bounds"):
        kax.evaluate(faces_model, (outside, y), attacks=[Watching()], batch_size=8, progress=False)
    assert not seen


def test_nearly_black_images_are_pointed_out(faces_model, test_faces):
    classifier = kax.ImageClassifier(faces_model, bounds=(0, 255), preprocess=lambda pixels: pixels / 255.0)
    with pytest.warns(UserWarning, match="nearly black"):
        evaluator(classifier).batches(test_faces)


@pytest.mark.slow
def test_sample_weights_are_ignored_and_the_report_says_so(faces_model, test_faces):
    x, y = test_faces
    found = kax.evaluate(faces_model, dataset(x, y, np.ones(50)), progress=False)
    assert "The data have sample weights, which were not used." in found.warnings
