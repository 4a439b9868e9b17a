"""Grad-CAM at every layer: which layers, what it costs, and that sharing the pass changes nothing.

Work is counted in convolutions of the traced graph, so that no clock is needed.
"""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.evaluation.measure import Measure
from keras_advxai.evaluation.plan import MeasurementPlan
from keras_advxai.explainers import GradCAM

SHAPE = (64, 64, 3)
IMAGES = tf.TensorSpec((None, *SHAPE))
LABELS = tf.TensorSpec((None,), tf.int32)
STRENGTHS = tf.TensorSpec((2,))


def vgg16() -> keras.Model:
    return keras.applications.VGG16(weights=None, input_shape=SHAPE, classes=5)


def nested_mobilenet_v2() -> keras.Model:
    backbone = keras.applications.MobileNetV2(weights=None, input_shape=SHAPE, include_top=False, alpha=0.35)
    layers = keras.layers
    stack = [layers.Rescaling(1 / 127.5, -1), backbone, layers.GlobalAveragePooling2D(), layers.Dense(5)]
    return keras.Sequential([keras.Input(SHAPE), *stack])


COUNTS = {vgg16: 13, nested_mobilenet_v2: 52}
"""How many convolutions each has."""


def passes(function, *specs) -> tuple[int, int]:
    """How many convolutions run forward, and how many backward to their inputs."""
    found = helpers.counted_operations(function, *specs)
    forward = found["Conv2D"] + found["DepthwiseConv2dNative"]
    return forward, found["Conv2DBackpropInput"] + found["DepthwiseConv2dNativeBackpropInput"]


@pytest.mark.slow
@pytest.mark.parametrize("build", COUNTS, ids=lambda build: build.__name__)
def test_every_convolution_costs_one_forward_and_one_backward_pass(build):
    """The backward pass ends at the first convolution's output, so that convolution is not differentiated."""
    count = COUNTS[build]
    classifier = kax.ImageClassifier(build())
    explainers = GradCAM.every_layer(classifier)
    assert len(explainers) == count
    names = tuple(explainer.layer for explainer in explainers)

    @tf.function
    def together(x):
        forward = classifier.forward(x, layers=names)
        return [explainer(classifier, x, forward.predictions, forward=forward) for explainer in explainers]

    assert passes(together, IMAGES) == (count, count - 1)

    plan = MeasurementPlan((kax.attacks.FGSM(),), tuple(explainers), (kax.metrics.get("nissim"),), "predicted")
    step = Measure(plan)
    run = tf.function(lambda x, y, epsilons: step(classifier, x, y, epsilons, tf.constant(0)))
    fgsm, clean, attacked = count, count - 1, count - 1
    assert passes(run, IMAGES, LABELS, STRENGTHS) == (2 * count, fgsm + clean + attacked)


def test_convolutions_are_in_the_order_in_which_they_run():
    names = [explainer.layer for explainer in GradCAM.every_layer(vgg16())]
    assert names == [f"block{block}_conv{index}" for block in range(1, 6) for index in range(1, 3 + (block > 2))]


def test_every_spatial_layer_has_an_output_of_its_own(model):
    convolutions = [explainer.layer for explainer in GradCAM.every_layer(model)]
    every = [explainer.layer for explainer in GradCAM.every_layer(model, kind="all")]
    assert convolutions == ["conv1", "conv2", "conv3"]
    assert every == ["conv1", "pool1", "conv2", "pool2", "conv3"]


def test_settings_are_passed_on(model):
    explainers = GradCAM.every_layer(model, score="probability", relu=False)
    assert {(explainer.score, explainer.relu) for explainer in explainers} == {("probability", False)}


@pytest.mark.slow
def test_each_is_what_it_is_by_itself(model, few):
    x, y = few
    explainers = GradCAM.every_layer(model, kind="all")
    report = kax.evaluate(model, (x, y), explainers=explainers, epsilons=(0.02, 0.1), progress=False)
    adversarial = kax.attacks.FGSM()(model, x, y, 0.1)
    for explainer in explainers:
        alone = kax.metrics.nissim(explainer(model, x), explainer(model, adversarial))
        np.testing.assert_allclose(report.dissimilarity("fgsm", explainer, 0.1), alone, atol=1e-5)


def test_a_model_without_such_a_layer_is_refused(model):
    flat = helpers.linear_model(np.eye(4)[:, :2], (2, 2, 1))
    with pytest.raises(ValueError, match="has no convolution with a spatial output"):
        GradCAM.every_layer(flat)
    with pytest.raises(ValueError, match="has no layer with a spatial output between its images and its classes"):
        GradCAM.every_layer(flat, kind="all")
    with pytest.raises(ValueError, match=r"must be 'conv' or 'all'. Received: kind='dense'"):
        GradCAM.every_layer(model, kind="dense")
