"""What `helpers.usable` does for applications with random weights, and what they are without it."""

from __future__ import annotations

import application_checks
import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

SIDE = 64
FAMILIES = {"MobileNetV2": "mobilenet_v2", "ResNet50": "resnet"}


def untrained(name: str) -> keras.Model:
    return application_checks.build(name, SIDE, classifier_activation=None)


def looked_at(model: keras.Model, preprocess: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits of eight images, and how much one grey level everywhere can move the highest, at most."""
    x = tf.constant(helpers.photos(8, SIDE, seed=1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        inputs = getattr(keras.applications, preprocess).preprocess_input(x)
        logits = model(inputs, training=False)
        highest = tf.reduce_max(logits, axis=-1)
    gradient = tape.gradient(highest, x).numpy()
    return logits.numpy(), np.abs(gradient).sum(axis=(1, 2, 3))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preprocess"), FAMILIES.items())
def test_usable_makes_a_model_behave_like_a_trained_one(name, preprocess):
    logits, slopes = looked_at(helpers.usable(untrained(name), preprocess=preprocess), preprocess)
    assert np.all(logits.std(axis=0) > 0.1), "logits are the same for all images"
    assert len(set(logits.argmax(-1))) >= 3, "nearly one class for all images"
    assert np.abs(logits).max() < 20
    assert tf.nn.softmax(logits).numpy().max() < 0.99, "a saturated softmax"
    assert np.all(np.isfinite(slopes))
    assert np.all(slopes > 1)


@pytest.mark.slow
def test_without_it_mobilenet_does_not_see_the_images_at_all():
    logits, slopes = looked_at(untrained("MobileNetV2"), "mobilenet_v2")
    assert np.abs(logits).max() < 1e-6
    assert slopes.max() < 1e-6


@pytest.mark.slow
def test_without_it_resnet_says_one_class_for_everything():
    logits, _ = looked_at(untrained("ResNet50"), "resnet")
    assert len(set(logits.argmax(-1))) == 1


@pytest.mark.slow
def test_usable_restores_the_settings_of_the_layers():
    model = untrained("MobileNetV2")
    before = model.get_config()
    helpers.usable(model, preprocess="mobilenet_v2")
    assert model.get_config() == before
    assert model.get_layer("bn_Conv1").momentum == 0.999


@pytest.mark.slow
def test_the_seed_decides_what_is_drawn():
    heads = [
        helpers.usable(untrained("MobileNetV2"), seed, preprocess="mobilenet_v2").get_layer("predictions").get_weights()
        for seed in (0, 0, 1)
    ]
    biases = [bias for _, bias in heads]
    np.testing.assert_array_equal(biases[0], biases[1])
    assert np.abs(biases[0] - biases[2]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("preprocess", ["mobilenet_v2", None, lambda pixels: pixels / 100])
def test_batch_normalisation_takes_over_the_statistics_of_preprocessed_images(preprocess):
    model = helpers.usable(untrained("MobileNetV2"), preprocess=preprocess)
    x = helpers.photos(48, SIDE)[:32]
    scaled = {"mobilenet_v2": x / 127.5 - 1, None: x / 255}.get(preprocess, x / 100)
    outputs = keras.Model(model.input, model.get_layer("Conv1").output)(scaled, training=False).numpy()
    found = model.get_layer("bn_Conv1")
    np.testing.assert_allclose(found.moving_mean, outputs.mean((0, 1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.moving_variance, outputs.var((0, 1, 2)), rtol=1e-3)
