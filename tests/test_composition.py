"""Public calls that share one pass inside of a `tf.function`: the same results, and no more work than needed.

Work is counted in convolutions of the traced graph, so that no clock is needed. The model has n = 3.
"""

from __future__ import annotations

import helpers
import numpy as np
import pytest
import tensorflow as tf
from helpers import counted_operations

import keras_advxai as kax

N = 3
IMAGES = tf.TensorSpec([None, *helpers.SHAPE])
LABELS = tf.TensorSpec([None], tf.int32)
FGSM, GRAD_CAM = kax.attacks.FGSM(), kax.explainers.GradCAM()


def convolutions(function, *specs) -> tuple[int, int, int]:
    """How many convolutions run forward, backward to their inputs, and backward to their filters."""
    found = counted_operations(function, *specs)
    return found["Conv2D"], found["Conv2DBackpropInput"], found["Conv2DBackpropFilter"]


@pytest.fixture(params=helpers.HEADS)
def classifier(request, build):
    return kax.ImageClassifier(build(request.param))


def drift(classifier, attack=FGSM, explainer=GRAD_CAM, epsilon=0.1):
    """The main job: attack, and compare the explanations before and after."""

    @tf.function
    def step(x, y):
        clean = classifier.forward(x)
        adversarial = attack(classifier, x, y, epsilon, forward=clean)
        after = classifier.forward(adversarial)
        before_map = explainer(classifier, x, forward=clean)
        after_map = explainer(classifier, adversarial, forward=after)
        return adversarial, before_map, after_map, after.predictions

    return step


def test_fgsm_and_grad_cam_take_two_passes_and_one_backward_pass(classifier):
    """Grad-CAM at the last convolution differentiates no convolution, before or after the attack."""
    assert convolutions(drift(classifier), IMAGES, LABELS) == (2 * N, N, 0)


def test_composed_equals_separate(classifier, few):
    x, y = few
    adversarial, before, after, predictions = drift(classifier)(x, y)
    expected = FGSM(classifier, x, y, 0.1)
    assert np.mean(np.abs(adversarial - expected) > 1e-6) < 0.01
    adversarial = adversarial.numpy()
    np.testing.assert_allclose(before, GRAD_CAM(classifier, x), atol=1e-5)
    np.testing.assert_allclose(after, GRAD_CAM(classifier, adversarial), atol=1e-5)
    np.testing.assert_array_equal(predictions, classifier.forward(adversarial).predictions)


def test_an_attack_at_five_epsilons_takes_one_gradient(model):
    classifier = kax.ImageClassifier(model)
    epsilons = [0.01, 0.02, 0.03, 0.04, 0.05]

    @tf.function
    def together(x, y):
        return FGSM(classifier, x, y, epsilons)

    @tf.function
    def one_by_one(x, y):
        forward = classifier.forward(x)
        return [FGSM(classifier, x, y, epsilon, forward=forward) for epsilon in epsilons]

    assert convolutions(together, IMAGES, LABELS) == (N, N, 0)
    assert counted_operations(together, IMAGES, LABELS, inside=False)["Conv2DBackpropInput"] == N  # not in a loop
    assert convolutions(one_by_one, IMAGES, LABELS) == (N, N, 0)


def test_the_epsilon_may_be_a_loop_variable_around_one_gradient(model, few):
    classifier = kax.ImageClassifier(model)

    @tf.function
    def step(x, y):
        forward = classifier.forward(x)
        epsilons = tf.constant([0.02, 0.1])
        return tf.map_fn(lambda epsilon: FGSM(classifier, x, y, epsilon, forward=forward), epsilons)

    assert convolutions(step, IMAGES, LABELS) == (N, N, 0)
    assert counted_operations(step, IMAGES, LABELS, inside=False)["Conv2DBackpropInput"] == N  # not in the loop
    np.testing.assert_allclose(step(*few), FGSM(classifier, *few, [0.02, 0.1]), atol=1e-6)


def test_grad_cam_alone_takes_one_pass(classifier):
    assert convolutions(tf.function(lambda x: GRAD_CAM(classifier, x)), IMAGES) == (N, 0, 0)


def test_grad_cam_pays_for_the_layers_behind_its_own_and_nothing_else(model):
    for layer, behind in (("conv3", 0), ("pool2", 1), ("conv2", 1), ("pool1", 2), ("conv1", 2)):
        explainer = kax.explainers.GradCAM(layer=layer)
        assert convolutions(tf.function(lambda x, e=explainer: e(model, x)), IMAGES) == (N, behind, 0)


def test_every_target_on_one_pass_costs_no_further_pass(model):
    classifier = kax.ImageClassifier(model)

    @tf.function
    def step(x, y):
        forward = classifier.forward(x)
        return [GRAD_CAM(classifier, x, targets, forward=forward) for targets in (None, y, 0, 1)]

    assert convolutions(step, IMAGES, LABELS) == (N, 0, 0)


def test_every_layer_on_one_pass_takes_one_backward_pass(model):
    classifier = kax.ImageClassifier(model)
    names = tuple(info.name for info in classifier.layers())

    @tf.function
    def step(x):
        forward = classifier.forward(x, layers=names)
        targets = forward.predictions
        return [kax.explainers.GradCAM(layer=name)(classifier, x, targets, forward=forward) for name in names]

    assert len(names) == 5
    assert convolutions(step, IMAGES) == (N, N - 1, 0)


def test_noise_takes_no_pass_when_the_predictions_are_not_needed(model):
    noise = kax.attacks.UniformNoise()
    assert convolutions(tf.function(lambda x, y: noise(model, x, y, 0.1)), IMAGES, LABELS) == (0, 0, 0)
    assert convolutions(drift(kax.ImageClassifier(model), noise), IMAGES, LABELS) == (2 * N, 0, 0)


def test_a_strangers_attack_is_composed_like_ours(model):
    class Twice(kax.attacks.GradientAttack):
        """Two half steps, each along a gradient of its own."""

        def perturb(self, model, x, y, radius, forward):
            half = x + radius / 2 * tf.sign(self.gradient(forward, y))
            return half + radius / 2 * tf.sign(self.gradient(model.forward(half), y))

    assert convolutions(drift(kax.ImageClassifier(model), Twice()), IMAGES, LABELS) == (3 * N, 2 * N, 0)


def test_counting_is_honest():
    """Dead operations do not count; those in called functions, branches and loops do."""
    kernel = tf.ones((1, 1, 1, 1))

    def convolve(x):
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    inner = tf.function(convolve)

    @tf.function
    def outer(x):
        convolve(x + 1)
        looped = tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, convolve(x)), (0, x))[1]
        branched = tf.cond(tf.reduce_sum(x) > 0, lambda: convolve(x), lambda: x)
        return inner(x) + looped + branched

    spec = tf.TensorSpec([1, 2, 2, 1])
    assert counted_operations(outer, spec)["Conv2D"] == 3
    assert counted_operations(outer, spec, inside=False)["Conv2D"] == 0
