"""ReLUs that are differentiated smoothly: against networks that really have such an activation."""

from __future__ import annotations

import functools
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models import rectifiers
from keras_advxai.testing import unchanged

BETA = 4.0
SHAPE = (6, 6, 2)
X = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype("float32")
layers = keras.layers


def scaled(x):
    axes = tuple(range(1, len(x.shape)))
    return BETA / tf.stop_gradient(tf.sqrt(tf.reduce_mean(tf.square(x), axis=axes, keepdims=True)))


@tf.custom_gradient
def smooth_relu(x):
    return tf.nn.relu(x), lambda upstream: upstream / (1 + tf.exp(-scaled(x) * x))


@tf.custom_gradient
def smooth_relu6(x):
    scale = scaled(x)
    return tf.nn.relu6(x), lambda upstream: upstream * tf.sigmoid(scale * x) * tf.sigmoid(scale * (6 - x))


@tf.custom_gradient
def smooth_leaky_relu(x):
    scale = scaled(x)
    return tf.nn.leaky_relu(x, 0.3), lambda upstream: upstream * (0.3 + 0.7 * tf.sigmoid(scale * x))


@keras.saving.register_keras_serializable(package="tests")
class Called(layers.Layer):
    """A function of TensorFlow inside of a layer of your own."""

    def call(self, x):
        return tf.nn.relu(x)


KINDS = {
    "argument": (lambda x, conv: conv(activation="relu")(x), smooth_relu),
    "ReLU layer": (lambda x, conv: layers.ReLU()(conv()(x)), smooth_relu),
    "Activation layer": (lambda x, conv: layers.Activation("relu")(conv()(x)), smooth_relu),
    "keras.ops": (lambda x, conv: keras.ops.relu(conv()(x)), smooth_relu),
    "tf.nn in a layer": (lambda x, conv: Called()(conv()(x)), smooth_relu),
    "in a nested model": (
        lambda x, conv: keras.Sequential([keras.Input(SHAPE), conv(activation="relu")])(x),
        smooth_relu,
    ),
    "relu6": (lambda x, conv: layers.ReLU(max_value=6)(conv()(x)), smooth_relu6),
    "LeakyReLU": (lambda x, conv: layers.LeakyReLU(negative_slope=0.3)(conv()(x)), smooth_leaky_relu),
}


def network(rectified) -> keras.Model:
    """Two convolutions with the rectifier after each; the second runs through it as it runs through the first."""

    def conv(seed):
        initializer = keras.initializers.RandomNormal(stddev=1.5, seed=seed)
        return lambda **settings: layers.Conv2D(2, 3, padding="same", kernel_initializer=initializer, **settings)

    inputs = keras.Input(SHAPE)
    x = rectified(rectified(inputs, conv(1)), conv(2))
    head = layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(seed=3))
    return keras.Model(inputs, head(layers.Flatten()(x)))


def derivatives(classifier):
    """Logits, the gradient of one of them, and the gradient of that gradient's square."""

    def first(forward, labels):
        return forward.score(labels)

    def squared(forward, labels):
        return tf.reduce_sum(tf.square(forward.gradient(first, labels)), axis=[1, 2, 3])

    @tf.function
    def step(x, labels):
        forward = classifier.forward(x)
        exact = forward.with_classifier(classifier.smoothed(None))
        return (
            forward.logits,
            forward.gradient(first, labels),
            forward.gradient(squared, labels),
            exact.gradient(first, labels),
        )

    return [tensor.numpy() for tensor in step((X + 3) / 6, np.array([0, 1, 2]))]


@functools.cache
def expected_of(activation):
    return derivatives(kax.ImageClassifier(network(lambda x, conv: conv(activation=activation)(x))))


@pytest.mark.parametrize("kind", KINDS)
def test_both_derivatives_are_those_of_a_network_with_a_smooth_activation(kind):
    rectified, activation = KINDS[kind]
    classifier = kax.ImageClassifier(network(rectified))
    with unchanged(classifier.model):
        logits, first, second, exact = derivatives(classifier.smoothed(BETA))
    expected = expected_of(activation)
    np.testing.assert_allclose(logits, expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(first, expected[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, expected[2], rtol=1e-3, atol=1e-3 * np.abs(expected[2]).max())
    assert np.abs(second).max() > 0.1
    assert not np.allclose(first, exact, atol=1e-2)


def test_without_smoothing_the_second_derivative_is_zero_which_is_why_it_is_needed():
    classifier = kax.ImageClassifier(network(KINDS["argument"][0]))
    logits, first, second, exact = derivatives(classifier)
    assert np.abs(first).max() > 0.1
    assert np.abs(second).max() == 0
    np.testing.assert_array_equal(first, exact)
    smoothed = derivatives(classifier.smoothed(BETA))
    np.testing.assert_allclose(smoothed[0], logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(smoothed[3], first, rtol=1e-4, atol=1e-5)


def test_a_factor_on_a_layer_does_not_sharpen_or_blunt_the_step():
    def slope(factor, beta=BETA):
        inputs = keras.Input((2, 1, 1))
        scaled = layers.Rescaling(factor)(inputs)
        model = keras.Model(inputs, layers.Dense(2, kernel_initializer="ones")(layers.Flatten()(layers.ReLU()(scaled))))
        classifier = kax.ImageClassifier(model, bounds=(-9, 9)).smoothed(beta)
        step = tf.function(lambda x: classifier.forward(x).gradient(lambda found, labels: found.score(labels), [0]))
        return step(tf.constant([3.0, -4.0], shape=(1, 2, 1, 1))).numpy().ravel() / factor

    expected = 1 / (1 + np.exp(-BETA * np.array([3, -4]) / np.sqrt(12.5)))
    np.testing.assert_allclose(slope(1.0), expected, rtol=1e-5)
    np.testing.assert_allclose(slope(1000.0), expected, rtol=1e-5)
    np.testing.assert_allclose(slope(1.0, 200.0), [1, 0], atol=1e-6)


def test_what_is_compiled_for_one_is_not_taken_for_another():
    model = network(KINDS["argument"][0])
    classifier = kax.ImageClassifier(model)

    def gradient(classifier, x):
        return classifier.forward(x).gradient(lambda found, labels: found.score(labels), tf.zeros(3, tf.int32))

    x = tf.constant((X + 3) / 6)
    found = [item.compiled("gradient", gradient, x) for item in (classifier, classifier.smoothed(1.0))]
    found += [item.compiled("gradient", gradient, x) for item in (classifier, classifier.smoothed(9.0))]
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.allclose(found[1], found[0], atol=1e-3)
    assert not np.allclose(found[1], found[3], atol=1e-3)


def test_it_holds_for_one_thread_and_one_block():
    seen = []
    with rectifiers.smooth(1.0):
        other = threading.Thread(target=lambda: seen.append(relu_gradient()))
        other.start()
        other.join()
        seen.append(relu_gradient())
        with rectifiers.smooth(None):
            seen.append(relu_gradient())
    seen.append(relu_gradient())
    np.testing.assert_allclose(seen, [1, 1 / (1 + np.exp(-1)), 1, 1], rtol=1e-6)  # 2 is its own root mean square


def relu_gradient() -> float:
    @tf.function
    def step(x):
        with rectifiers.marked():
            y = tf.nn.relu(x)
        return tf.gradients(y, x)[0]

    return float(step(tf.constant([[2.0]]))[0, 0])
