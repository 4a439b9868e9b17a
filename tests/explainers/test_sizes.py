"""What explainers with passes of their own put through a model at once is bounded by its size, down to one image."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import IntegratedGradients, SmoothGrad
from keras_advxai.explainers.sizes import images_that_fit

MOST = 5_000_000
HERE = pathlib.Path(__file__).parent


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((8, 8, 1), 1024),
        ((28, 28, 3), 1024),
        ((224, 224, 3), 33),
        ((299, 299, 3), 18),
        ((512, 512, 3), 6),
        ((912, 912, 3), 2),
        ((913, 913, 3), 1),
        ((2000, 2000, 3), 1),
        ((16, 224, 224, 3), 2),
        ((10_000_000,), 1),
        ((0, 5, 1), 1024),
    ],
)
def test_the_number_is_bounded_by_the_values(shape, count):
    fixed = tf.TensorSpec((None, *shape))
    assert images_that_fit(fixed) == count
    if all(shape):
        assert count in (1, 1024) or (count + 1) * np.prod(shape) > MOST >= count * np.prod(shape)

    @tf.function(input_signature=[tf.TensorSpec((None,) * (1 + len(shape)))], autograph=False)
    def open_sides(images):
        return images_that_fit(images)

    assert int(open_sides(tf.zeros((0, *shape)))) == count


def spied(*shape):
    """A cheap model that notes how many images of which size each pass is of."""
    seen = []

    def look(images):
        with tf.control_dependencies(
            [tf.numpy_function(lambda size: seen.append(tuple(size)), [tf.shape(images)], [])]
        ):
            return tf.identity(images)

    layers = keras.layers
    stack = [layers.Conv2D(1, 3, strides=16), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    model = keras.Sequential([keras.Input(shape), *stack])
    return kax.ImageClassifier(model, preprocess=look), seen


@pytest.mark.parametrize(
    "explainer",
    [
        IntegratedGradients(steps=3),
        SmoothGrad(samples=2),
        SmoothGrad(samples=1, explainer=IntegratedGradients(steps=2)),
    ],
    ids=["integrated_gradients", "smooth_grad", "smooth integrated_gradients"],
)
@pytest.mark.parametrize("side", [1200, 2300])
def test_no_pass_is_of_more_than_fit(explainer, side):
    classifier, seen = spied(side, side, 1)
    images = np.zeros((4, side, side, 1), "float32")
    maps = explainer.attributions(classifier, images, 0)
    assert maps.shape == images.shape
    assert seen
    at_once = 3 if side == 1200 else 1
    assert max(size[0] for size in seen) == at_once


def test_sides_that_are_open_count_as_what_they_are():
    classifier, seen = spied(None, None, 1)
    signature = [tf.TensorSpec((None, None, None, 1))]
    explain = tf.function(
        lambda images: IntegratedGradients(steps=4).attributions(classifier, images, 0), input_signature=signature
    )
    explain(tf.zeros((1, 2300, 2300, 1)))
    assert {size[0] for size in seen} == {1}
    seen.clear()
    explain(tf.zeros((2, 32, 32, 1)))
    assert max(size[0] for size in seen) == 8  # all points of both


@pytest.mark.slow
def test_groups_do_not_change_the_result():
    model = spied(1200, 1200, 1)[0].model
    images = np.random.default_rng(0).random((4, 1200, 1200, 1)).astype("float32")
    for explainer in (IntegratedGradients(steps=3), SmoothGrad(samples=2)):
        together = explainer.attributions(model, images, 0)
        for index in range(4):
            alone = explainer.attributions(model, images[index : index + 1], 0)
            np.testing.assert_allclose(together[index : index + 1], alone, atol=1e-6 * np.abs(alone).max())


@pytest.mark.slow
def test_the_memory_of_a_large_image_is_that_of_one_point():
    """Sixteen times as many steps take no more; eight points at once took seven times a gradient's memory more."""
    program = """
import json, sys
import helpers, keras, numpy as np
import keras_advxai as kax
layers = keras.layers
stack = [layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
model = keras.Sequential([keras.Input((2000, 2000, 3)), *stack])
image = np.zeros((1, 2000, 2000, 3), "float32")
kax.explainers.Saliency().attributions(model, image, 0)
found = [helpers.peak_memory()]
for steps in (2, 32):
    kax.explainers.IntegratedGradients(steps=steps).attributions(model, image, 0)
    found.append(helpers.peak_memory())
sys.stdout.write(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE.parent)])},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    gradient, few, many = json.loads(done.stdout)
    assert many - few < 100
    assert few - gradient < 600  # the sum, the path's ends, a point: 48 MB each, and one more pass
