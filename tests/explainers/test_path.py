"""Points on the path run through the model in batches of a bounded size, and nothing grows with their number.

What is computed is counted in what a layer of the model sees, and in the operations of the traced graph.
"""

from __future__ import annotations

from typing import Any

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import counted_operations

import keras_advxai as kax
from keras_advxai.explainers import IntegratedGradients, SmoothGrad
from keras_advxai.explainers.path import in_groups, paths

pytestmark = pytest.mark.sampled(3)

layers = keras.layers
SHAPE = (8, 8, 2)
IMAGES = tf.TensorSpec((None, *SHAPE))


class Batches(layers.Layer):
    """Passes its input on, and notes how many images came with each pass."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen: list[int] = []

    def call(self, inputs: Any) -> Any:
        seen = self.seen

        def note(count: Any) -> np.ndarray:
            seen.append(int(count))
            return np.float32(1.0)

        with tf.control_dependencies([tf.numpy_function(note, [tf.shape(inputs)[0]], tf.float32)]):
            return tf.identity(inputs)


def network(*front: layers.Layer) -> keras.Model:
    """Two convolutions with kinks, so that the gradient differs along the path."""
    glorot = keras.initializers.GlorotNormal
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            *front,
            layers.Conv2D(4, 3, activation="relu", kernel_initializer=glorot(seed=1), name="first"),
            layers.Conv2D(5, 3, activation="relu", kernel_initializer=glorot(seed=2), name="last"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, kernel_initializer=glorot(seed=3)),
        ]
    )


@pytest.fixture(scope="module")
def net() -> keras.Model:
    return network()


X = helpers.random_images(7, SHAPE, seed=5)
TARGETS = np.array([0, 1, 2, 2, 1, 0, 1])


def close(found, expected) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("steps", [1, 5, 12])
@pytest.mark.parametrize("at_once", [1, 3, 7, 8, 50, 1000])
def test_the_internal_batch_size_does_not_change_the_result(at_once, steps, net):
    expected = np.zeros_like(X)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        forward = kax.ImageClassifier(net).forward((node * X).astype("float32"))
        gradient = forward.gradient(lambda forward, targets: forward.score(targets), tf.constant(TARGETS))
        expected += weight * X * gradient.numpy()
    found = IntegratedGradients(steps=steps, internal_batch_size=at_once).attributions(net, X, TARGETS)
    close(found, expected)


@pytest.mark.parametrize("baseline", ["black", "mean", "noise"])
@pytest.mark.parametrize("at_once", [None, 4])
def test_a_batch_is_explained_as_its_images_one_by_one(at_once, baseline, net):
    explainer = IntegratedGradients(steps=6, baseline=baseline, internal_batch_size=at_once)
    whole = explainer.attributions(net, X, TARGETS)
    for size in (1, 2, 3, 5):
        parts = [explainer.attributions(net, X[i : i + size], TARGETS[i : i + size]) for i in range(0, 7, size)]
        close(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("count", "steps", "at_once"),
    [(7, 5, 1), (7, 5, 3), (7, 5, 4), (7, 9, 20), (1, 10, 4), (7, 5, 7), (7, 5, 35), (7, 5, 99), (2, 3, 5)],
)
def test_batches_are_bounded_and_each_point_is_computed_once(count, steps, at_once):
    spy = Batches()
    model = network(spy)
    explainer = IntegratedGradients(steps=steps, internal_batch_size=at_once)
    explainer.attributions(model, X[:count], 0)
    spy.seen.clear()
    explainer.attributions(model, X[:count], 0)
    path = list(spy.seen)
    groups = [min(at_once, count - start) for start in range(0, count, at_once)]
    if sum(path) == count * (steps + 1):
        for group in groups:
            path.remove(group)  # the passes over the images, where they are not pruned
    assert sum(path) == count * steps
    assert max(path) <= at_once
    assert len(path) <= sum(-(-steps // (at_once // group)) for group in groups)
    assert min(path) > 0


def test_by_default_batches_are_bounded_by_their_numbers_not_by_the_steps():
    spy = Batches()
    model = network(spy)
    IntegratedGradients(steps=2000, method="middle").attributions(model, X[:3], 0)
    assert max(spy.seen) <= 1024
    assert len(spy.seen) <= 10


def test_the_draws_of_noise_are_computed_one_after_the_other():
    spy = Batches()
    IntegratedGradients(steps=4, baseline="noise", draws=6, internal_batch_size=5).attributions(network(spy), X, 0)
    assert max(spy.seen) <= 7
    assert sum(spy.seen) in (7 * 4 * 6, 7 * 4 * 6 + 7)


def operations(explainer, model, call: str = "attributions"):
    return counted_operations(tf.function(lambda x: getattr(explainer, call)(model, x, 0)), IMAGES)


def test_the_graph_does_not_grow_with_the_steps(net):
    few, many = (operations(IntegratedGradients(steps=steps), net) for steps in (8, 128))
    assert few == many
    assert (few["Conv2D"], few["Conv2DBackpropInput"]) == (2, 2)
    gap = operations(IntegratedGradients(steps=128), net, "completeness_gap")
    assert (gap["Conv2D"], gap["Conv2DBackpropInput"]) == (6, 2)  # the images and their baselines, too


def test_the_graph_does_not_grow_with_the_draws(net):
    one, two, many = (operations(IntegratedGradients(baseline="noise", draws=draws), net) for draws in (1, 2, 64))
    assert two == many
    assert (one["Conv2DBackpropInput"], many["Conv2DBackpropInput"]) == (2, 4)


def test_the_graph_does_not_grow_with_the_noisy_copies(net):
    one, two, many = (operations(SmoothGrad(samples=samples), net) for samples in (1, 2, 64))
    assert two == many
    assert (one["Conv2D"], one["Conv2DBackpropInput"]) == (2, 2)
    assert (many["Conv2D"], many["Conv2DBackpropInput"]) == (4, 4)
    within = operations(SmoothGrad(explainer=IntegratedGradients(steps=64), samples=64), net)
    assert within["Conv2DBackpropInput"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("explainer", [
    IntegratedGradients(steps=6), IntegratedGradients(steps=6, internal_batch_size=4),
    IntegratedGradients(steps=2, baseline="noise", draws=2), IntegratedGradients(steps=2, baseline="blur"),
    SmoothGrad(samples=3),
], ids=repr)  # fmt: skip
def test_one_trace_serves_all_batch_sizes(explainer):
    spy = helpers.Executions()
    model = network(spy)
    calls = [explainer, explainer.attributions, *([explainer.completeness_gap] if hasattr(explainer, "steps") else [])]
    for call in calls:
        call(model, X, TARGETS)
    traced = spy.seen.traced
    for call in calls:
        for size in (1, 2, 3, 7):
            call(model, X[:size], TARGETS[:size])
            call(kax.ImageClassifier(model), X[:size].astype("float64"), list(TARGETS[:size]))
    assert spy.seen.traced == traced


@pytest.mark.slow
def test_other_inputs_go_along_with_their_images():
    """Each point needs the numbers that belong to its image, in whatever batch it comes."""
    image, scale = keras.Input(SHAPE, name="image"), keras.Input((1,), name="scale")
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(image))
    outputs = layers.Multiply()([layers.Dense(3)(hidden), scale])
    model = keras.Model([image, scale], outputs)
    classifier = kax.ImageClassifier(model, input="image", from_logits=True)
    scales = np.arange(1, 8, dtype="float32")[:, None]
    ones = np.ones_like(scales)
    for at_once in (1, 3, 10, None):
        explainer = IntegratedGradients(steps=5, internal_batch_size=at_once)
        plain = explainer.attributions(classifier, [X, ones], TARGETS)
        close(explainer.attributions(classifier, [X, scales], TARGETS), scales[:, :, None, None] * plain)
        assert (
            explainer.completeness_gap(classifier, [X, scales], TARGETS) < 1e-5
        ).all()  # the score is piecewise linear


@pytest.mark.slow
def test_the_points_on_the_path_are_not_checked_as_images(build, few):
    """They may be nearly black, for which images in [0, 255] are warned about."""
    classifier = kax.ImageClassifier(build(), bounds=(0, 255), preprocess=lambda images: images / 255)
    x, explainer = 255 * few[0], IntegratedGradients(steps=64, internal_batch_size=1)
    found = explainer.attributions(classifier, x, forward=classifier.forward(x))
    np.testing.assert_allclose(found, explainer.attributions(classifier, x), atol=1e-5)


def test_what_was_computed_for_a_pass_is_used_again(model):
    """Heatmap, attributions and completeness take one path together."""
    classifier, explainer = kax.ImageClassifier(model), IntegratedGradients(steps=4)

    def count(*calls) -> int:
        def run(x):
            forward = classifier.forward(x)
            return [call(forward) for call in calls]

        found = counted_operations(tf.function(run, autograph=False), tf.TensorSpec((None, *helpers.SHAPE)))
        return found["Conv2DBackpropInput"]

    def heatmap(forward):
        return explainer(classifier, forward.images, forward=forward)

    def attributions(forward):
        return explainer.attributions(classifier, forward.images, forward=forward)

    def completeness(forward):
        return explainer.completeness(classifier, forward.images, forward.predictions, forward)

    def other(forward):
        return IntegratedGradients(steps=5).attributions(classifier, forward.images, forward=forward)

    assert count(heatmap) == count(heatmap, attributions, attributions, completeness) == 3
    assert count(heatmap, other) == 6


@pytest.mark.parametrize(
    ("at_once", "begun"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (4, [0, 4]), (7, [0]), (9, [0])]
)
def test_groups_are_of_about_one_size_and_each_image_is_in_one(at_once, begun):
    rows = tf.reshape(tf.range(14.0), (7, 2))

    def group(start, size):
        return [2 * rows[start : start + size], tf.repeat(start, len(rows[start : start + size]))]

    doubled, starts = in_groups(tf.constant(7), at_once, group, [rows, tf.range(7)])
    np.testing.assert_array_equal(doubled, 2 * rows)
    assert np.unique(starts).tolist() == begun


@pytest.mark.parametrize("shape", [(1, 4, 1), (3, 4, 1)])
def test_each_group_of_images_has_its_own_baselines_or_the_one_of_all(shape):
    x = tf.constant(helpers.random_images(5, shape))
    for baseline in (helpers.random_images(5, shape, seed=1), helpers.random_images(1, shape, seed=1)):
        for start in (0, 2, 4):
            found = paths(x, x, tf.constant(baseline), tf.range(5), tf.constant(start), tf.constant(2))
            begin = np.broadcast_to(baseline, x.shape)[start : start + 2]
            np.testing.assert_array_equal(found.begin, begin)
            np.testing.assert_array_equal(found.change, x[start : start + 2] - begin)
            np.testing.assert_array_equal(found.targets, np.arange(5)[start : start + 2])


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["black", "noise", "mean", "blur", np.full(SHAPE, 0.3, "float32")], ids=str)
def test_several_groups_in_one_graph_are_those_of_one_group(baseline, net):
    """A call by itself is split beforehand; inside of a graph, as in an evaluation, the loop over groups does it."""
    few, all_at_once = (IntegratedGradients(steps=4, baseline=baseline, internal_batch_size=n) for n in (2, None))
    classifier = kax.ImageClassifier(net)
    signature = [tf.TensorSpec([None, *X.shape[1:]])]
    traced = tf.function(lambda x: few.attributions(classifier, x, 0), autograph=False, input_signature=signature)
    close(traced(tf.constant(X)).numpy(), all_at_once.attributions(net, X, 0))
