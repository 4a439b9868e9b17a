"""What minimum-norm attacks share: one search for all epsilons, distances, images that are really misclassified."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import DDN, DeepFool
from keras_advxai.attacks.minimum_norm_attack import MinimumNormAttack
from keras_advxai.ops import norms

pytestmark = pytest.mark.sampled(4)

ATTACKS = [DeepFool(), DeepFool(norm="linf"), DDN()]
attacks = pytest.mark.parametrize("attack", ATTACKS, ids=repr)

SHAPE = (4, 4, 1)
X = np.random.default_rng(1).uniform(0.45, 0.55, (8, *SHAPE)).astype("float32")


class Upper(MinimumNormAttack):
    """Looks at one image only, that at the upper bound."""

    def minimize(self, model, inputs, y, forward):
        return tf.ones_like(model.images_of(inputs)) * model.bounds[1]


class Half(MinimumNormAttack):
    """Stops half on the way to the boundary of the linear model of these tests."""

    def minimize(self, model, inputs, y, forward):
        return model.images_of(inputs) + 0.1


def brightness(threshold: float) -> keras.Model:
    """Class 1 where the mean pixel is above a threshold."""
    weights = np.stack([np.zeros(16), np.full(16, 1 / 16)], axis=1)
    return helpers.linear_model(weights, SHAPE, bias=[0, -threshold])


def predictions(model, x) -> np.ndarray:
    classifier = model if isinstance(model, kax.ImageClassifier) else kax.ImageClassifier(model)
    return classifier.forward(x).predictions.numpy()


def test_what_was_found_is_brought_near_on_a_straight_line():
    x = np.full((3, *SHAPE), 0.5, "float32") * np.array([1, 0.5, 0.2], "float32")[:, None, None, None]
    found = Upper().distances(brightness(0.7), x, [0, 0, 0])
    np.testing.assert_allclose(found, [0.2, 0.45, 0.6], rtol=1e-3)
    adversarial = Upper()(brightness(0.7), x, [0, 0, 0], epsilon=1.0)
    np.testing.assert_allclose(adversarial, 0.7, atol=2e-4)
    assert (predictions(brightness(0.7), adversarial) == 1).all()


def test_a_search_that_stops_in_front_of_the_boundary_goes_on_behind_it():
    x = np.full((1, *SHAPE), 0.5, "float32")
    for threshold, rtol in ((0.601, 1e-3), (0.65, 2e-2), (0.75, 5e-2)):
        found = Half().distances(brightness(threshold), x, [0])
        assert found >= threshold - 0.5
        np.testing.assert_allclose(found, threshold - 0.5, rtol=rtol)


@pytest.mark.parametrize("mask", [-np.inf, -3e38, -1e9, -1e4])
def test_a_class_that_is_masked_does_not_make_the_others_robust(mask):
    """Its logit says nothing of how far another class must lead: nothing was ever found beside minus infinity."""
    weights = np.stack([np.zeros(16), np.full(16, 1 / 16), np.zeros(16)], axis=1)
    masked = helpers.linear_model(weights, SHAPE, bias=[1.0, 0.3, mask], activation="softmax")
    labels = np.zeros(len(X), int)
    mean = X.mean(axis=(1, 2, 3))
    for attack in ATTACKS:
        expected = (0.7 - mean) * (4 if attack.norm == "l2" else 1)
        np.testing.assert_allclose(attack.distances(masked, X, labels), expected, rtol=2e-3)
    np.testing.assert_array_equal(predictions(masked, DeepFool(norm="linf")(masked, X, labels, epsilon=0.5)), 1)


def test_a_class_that_is_level_with_another_one_leads_by_nothing():
    """As of a model whose last layer is zero: no image of it is found to be misclassified, however near."""
    for attack in (DDN(), DDN(targeted=True), DeepFool()):
        for level in (0.0, 2.0, -1e4):
            assert not attack.reaches(tf.fill([2, 3], level), tf.constant([0, 1])).numpy().any()
    blind = helpers.linear_model(np.zeros((16, 2)), SHAPE)
    assert np.isinf(Upper().distances(blind, X, np.zeros(8, int))).all()


def test_an_image_for_which_nothing_was_found_is_not_brought_to_where_the_search_ended():
    """Beside one that is reached, and though the budget would let it go all the way."""

    class Astray(MinimumNormAttack):
        """Darkens dark images, which brings them nowhere, and brightens the others."""

        def minimize(self, model, inputs, y, forward):
            images = model.images_of(inputs)
            return images + tf.where(images < 0.4, -0.1, 0.1)

    x = np.full((2, *SHAPE), 0.5, "float32")
    x[1] -= 0.2
    attack = Astray()
    found = attack(brightness(0.59), x, [0, 0], epsilon=1.0)
    np.testing.assert_allclose(found[0], 0.59, atol=1e-3)
    np.testing.assert_array_equal(found[1], x[1])
    np.testing.assert_allclose(attack.distances(brightness(0.59), x, [0, 0]), [0.09, np.inf], rtol=1e-2)


@pytest.mark.slow
def test_where_nothing_is_found_the_distance_is_infinite_and_the_image_stays():
    blind = helpers.linear_model(np.zeros((16, 2)), SHAPE, bias=[1.0, 0.0])
    for attack in ATTACKS:
        assert np.isinf(attack.distances(blind, X, np.zeros(8, int))).all()
        np.testing.assert_array_equal(attack(blind, X, np.zeros(8, int), epsilon=0.5), X)


@pytest.mark.slow
@attacks
def test_images_that_are_misclassified_from_the_beginning_are_not_attacked(attack, model, test_faces):
    x, y = test_faces[0][:8], test_faces[1][:8].copy()
    y[:] = predictions(model, x)
    y[2:4] = 1 - y[2:4]
    distances = attack.distances(model, x, y)
    assert (distances[2:4] == 0).all()
    assert (np.delete(distances, [2, 3]) > 0).all()
    np.testing.assert_array_equal(attack(model, x, y, epsilon=0.5)[2:4], x[2:4])
    assert (attack.distances(model, x, 1 - predictions(model, x)) == 0).all()


@pytest.mark.slow
@attacks
@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (0, 255)])
def test_accuracy_at_every_epsilon_is_the_share_of_larger_distances(attack, bounds, build, test_faces):
    x, y = test_faces[0][:12], test_faces[1][:12]
    lower, width = bounds[0], bounds[1] - bounds[0]
    classifier = kax.ImageClassifier(build(), bounds=bounds, preprocess=lambda images: (images - lower) / width)
    x = (lower + width * x).astype("float32")
    distances = attack.distances(classifier, x, y)
    assert distances.dtype == np.float32
    assert distances.shape == (12,)
    assert np.isfinite(distances).all()
    epsilons = sorted(float(epsilon) for epsilon in np.quantile(distances[distances > 0], [0.1, 0.45, 0.9]))
    for epsilon, images in zip(epsilons, attack(classifier, x, y, epsilons), strict=True):
        right = predictions(classifier, images) == y
        np.testing.assert_array_equal(right, distances > epsilon)
        size = np.ravel(norms.vector_norm(images - x, attack.norm)) / width
        assert (size <= epsilon * (1 + 1e-4)).all()
        np.testing.assert_allclose(size, np.minimum(distances, epsilon), rtol=1e-3)


@pytest.mark.slow
@attacks
def test_distances_do_not_depend_on_the_bounds(attack, build, few):
    x, y = few
    model = build()
    shifted = kax.ImageClassifier(model, bounds=(-1, 1), preprocess=lambda images: (images + 1) / 2)
    np.testing.assert_allclose(attack.distances(shifted, 2 * x - 1, y), attack.distances(model, x, y), rtol=2e-2)


@pytest.mark.slow
@attacks
def test_one_search_serves_all_epsilons(attack):
    counter = helpers.Executions()
    weights = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    model = keras.Sequential([keras.Input(SHAPE), counter, keras.layers.Flatten(), keras.layers.Dense(2)])
    model.layers[-1].set_weights([weights, np.zeros(2, "float32")])
    y = predictions(model, X)
    attack(model, X, y, epsilon=0.1)
    attack(model, X, y, epsilon=[0.1, 0.2])

    def passes(epsilon) -> int:
        before = counter.seen.computed
        attack(model, X, y, epsilon=epsilon)
        return counter.seen.computed - before

    one = passes(0.1)
    assert one > 10
    assert passes([0.01, 0.02, 0.05, 0.1, 0.2]) == one
    before = counter.seen.computed
    attack.distances(model, X, y)
    attack.distances(model, X, y)
    assert counter.seen.computed - before == 2 * one


@attacks
def test_distances_depend_neither_on_the_batch_nor_on_its_order(attack, model, few):
    x, y = few
    whole = attack.distances(model, x, y)
    order = [3, 5, 0, 1, 4, 2]
    np.testing.assert_allclose(attack.distances(model, x[order], y[order]), whole[order], rtol=1e-2)
    singles = [attack.distances(model, x[i : i + 1], y[i : i + 1])[0] for i in range(len(x))]
    np.testing.assert_allclose(singles, whole, rtol=1e-2)


@pytest.mark.slow
@attacks
@pytest.mark.parametrize("scale", [20, 100])
def test_confidence_is_not_robustness(attack, scale, build, few):
    x, y = few
    model = build("linear")
    confident = helpers.scaled_logits(build("linear"), scale)
    np.testing.assert_allclose(attack.distances(confident, x, y), attack.distances(model, x, y), rtol=2e-2)
    np.testing.assert_allclose(attack.distances(build("softmax"), x, y), attack.distances(model, x, y), rtol=2e-2)


def test_labels_and_images_are_checked_and_the_prediction_stands_for_missing_labels(model, few):
    x, y = few
    attack = DeepFool()
    with pytest.raises(ValueError, match="one label for each of the 6 images"):
        attack.distances(model, x, y[:3])
    with pytest.raises(ValueError, match="within the bounds"):
        attack.distances(model, x * 255, y)
    with pytest.raises(ValueError, match="target classes"):
        DDN(targeted=True).distances(model, x)
    named = attack.distances(model, x, predictions(model, x))
    np.testing.assert_allclose(attack.distances(model, x), named, rtol=1e-2)


@pytest.mark.slow
def test_tensors_give_tensors_and_a_pass_may_be_given(model, few):
    x, y = few
    attack = DeepFool()
    plain = attack.distances(model, x, y)
    tensor = attack.distances(model, tf.constant(x), tf.constant(y))
    assert tf.is_tensor(tensor)
    np.testing.assert_allclose(tensor, plain, rtol=1e-3)
    classifier = kax.ImageClassifier(model)

    @tf.function
    def composed(images, labels):
        forward = classifier.forward(images)
        images = attack(classifier, images, labels, 0.1, forward=forward)
        return attack.distances(classifier, images, labels, forward=forward)

    np.testing.assert_allclose(composed(tf.constant(x), tf.constant(y)), plain, rtol=1e-3)
    operations = helpers.counted_operations(
        composed, tf.TensorSpec([None, *x.shape[1:]]), tf.TensorSpec([None], y.dtype)
    )
    assert operations["Conv2D"] == 3 * 4  # the clean pass, two passes of each step, and the way back


@pytest.mark.slow
@attacks
def test_other_inputs_follow_their_images(attack):
    """The second input decides how far away the boundary is."""
    image, number = keras.Input(SHAPE, name="image"), keras.Input((1,), name="number")
    mean = keras.layers.GlobalAveragePooling2D()(image)
    outputs = keras.layers.Dense(2, name="head")(keras.layers.Subtract()([mean, number]))
    model = keras.Model([image, number], outputs)
    model.get_layer("head").set_weights([np.array([[0, 1]], "float32"), np.zeros(2, "float32")])
    classifier = kax.ImageClassifier(model, input="image")
    x = np.full((5, *SHAPE), 0.5, "float32")
    thresholds = np.array([[0.6], [0.4], [0.7], [0.8], [0.55]], "float32")
    found = attack.distances(classifier, [x, thresholds], np.zeros(5, int))
    size = 1 if attack.norm == "linf" else 4  # 16 pixels
    np.testing.assert_allclose(found, size * np.array([0.1, 0, 0.2, 0.3, 0.05]), rtol=5e-3)
