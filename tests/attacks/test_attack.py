"""What calling an attack does for every subclass: labels, epsilons, budget, bounds, kinds of arrays."""

from __future__ import annotations

import warnings

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import FGSM, Attack, UniformNoise


class Add(Attack):
    """Adds a constant, whatever the budget."""

    def __init__(self, *, amount: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.amount = amount

    def perturb(self, model, x, y, epsilon, forward):
        return x + self.amount


class Shaped(Attack):
    def perturb(self, model, x, y, epsilon, forward):
        return tf.concat([x, x], axis=-1)


class Labels(Attack):
    """Writes the label into the image."""

    def perturb(self, model, x, y, epsilon, forward):
        return tf.zeros_like(x) + tf.cast(y, tf.float32)[:, None, None, None] / 2


X = np.full((3, *helpers.SHAPE), 0.5, "float32")


@pytest.mark.parametrize("amount", [5.0, -5.0, 0.2, 1e30])
def test_the_budget_is_kept_whatever_the_subclass_returns(model, amount):
    found = Add(amount=amount)(model, X, epsilon=0.1)
    np.testing.assert_allclose(found, 0.5 + 0.1 * np.sign(amount), rtol=1e-6)
    found = Add(amount=amount, norm="l2")(model, X, epsilon=0.1)
    np.testing.assert_allclose(found, 0.5 + 0.1 / 25 * np.sign(amount), rtol=1e-5)


def test_what_is_within_the_budget_is_left_as_it_is(model):
    np.testing.assert_allclose(Add(amount=0.05)(model, X, epsilon=0.1), 0.55, rtol=1e-6)
    np.testing.assert_allclose(Add(amount=0.001, norm="l2")(model, X, epsilon=0.1), 0.501, rtol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("amount", [float("inf"), float("nan")])
def test_what_is_not_finite_never_leaves_the_budget(model, amount, norm):
    """It is the image's own pixel, with a warning, or the end of the budget."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = Add(amount=amount, norm=norm)(model, X, epsilon=0.1)
    assert (np.abs(found - X) <= 0.1 + 1e-6).all()
    assert (len(caught) == 1) == (found == X).all()


def test_the_bounds_are_kept(model):
    assert Add(amount=5.0)(model, X, epsilon=0.9).max() == 1
    classifier = kax.ImageClassifier(model, bounds=(0.45, 0.55))
    found = Add(amount=5.0)(classifier, X, epsilon=1)
    np.testing.assert_allclose(found, 0.55)


def test_images_of_another_shape_are_refused(model):
    with pytest.raises(
        ValueError, match=r"Shaped.perturb must return images shaped as `x`, .* Received: .*shape.*, 2\)"
    ):
        Shaped()(model, X)


def test_labels_in_every_form(build, few):
    three = helpers.linear_model(np.random.default_rng(0).normal(size=(625, 3)), helpers.SHAPE)
    x, y = few[0], np.array([0, 1, 2, 0, 1, 2])
    expected = np.clip(y[:, None, None, None] / 2, x - 0.3, x + 0.3)
    for given in (y, y.tolist(), y.astype("float32"), y[:, None], np.eye(3)[y], tf.constant(y), tf.one_hot(y, 3)):
        np.testing.assert_allclose(Labels()(three, x, given, 0.3), expected, atol=1e-6)
        inside = tf.function(lambda x, y=given: Labels()(three, x, y, 0.3))(x)
        np.testing.assert_allclose(inside, expected, atol=1e-6)


def test_without_labels_the_prediction_is_attacked(model, few):
    predictions = kax.ImageClassifier(model).forward(few[0]).predictions
    for call in (lambda x: Labels()(model, x, epsilon=0.3), tf.function(lambda x: Labels()(model, x, epsilon=0.3))):
        np.testing.assert_array_equal(call(few[0]), Labels()(model, few[0], predictions, 0.3))


@pytest.mark.parametrize("epsilon", [0.1, np.float64(0.1), np.array(0.1), tf.constant(0.1)])
def test_one_epsilon_in_every_form(model, epsilon):
    assert Add(amount=1.0)(model, X, epsilon=epsilon).shape == X.shape


@pytest.mark.parametrize("epsilon", [[0.1], (0.1, 0.2), np.array([0.1, 0.2]), tf.constant([0.3, 0.1, 0.2])])
def test_several_epsilons_in_every_form(model, epsilon):
    found = Add(amount=1.0)(model, X, epsilon=epsilon)
    assert found.shape == (len(epsilon), *X.shape)
    np.testing.assert_allclose(found[:, 0, 0, 0, 0], 0.5 + np.array(epsilon), rtol=1e-6)


def test_numpy_for_numpy_and_a_tensor_for_a_tensor(model):
    assert isinstance(Add()(model, X), np.ndarray)
    assert tf.is_tensor(Add()(model, tf.constant(X)))
    assert Add()(model, X.astype("float64")).dtype == np.float32
    assert Add()(model, tf.constant(X, tf.float16)).dtype == tf.float32


@pytest.mark.parametrize("attack", [FGSM(), UniformNoise()], ids=repr)
def test_a_pass_already_made_is_the_only_one(attack, build, few):
    model, spy = build("linear"), helpers.Executions()
    classifier = kax.ImageClassifier(keras.Sequential([keras.Input(helpers.SHAPE), spy, model]))
    forward = classifier.forward(few[0])
    before = spy.seen.computed
    found = attack(classifier, *few, [0.05, 0.1], forward=forward)
    assert spy.seen.computed == before
    assert np.mean(np.abs(found - attack(classifier, *few, [0.05, 0.1])) > 1e-5) < 0.01


@pytest.mark.slow
def test_a_pass_already_made_is_used_eagerly_too(build, few):
    x, y = few
    for head in helpers.HEADS:
        classifier = kax.ImageClassifier(build(head))
        forward = classifier.forward(x)
        for attack in (FGSM(), UniformNoise()):
            found = attack(classifier, x, y, [0.05, 0.1], forward=forward)
            assert np.mean(np.abs(found - attack(classifier, x, y, [0.05, 0.1])) > 1e-5) < 0.01


def test_it_runs_inside_of_a_training_step(build, few):
    """Adversarial training: the attack inside of a user's own step, under a tape of the user's own."""
    model = build("linear")
    classifier = kax.ImageClassifier(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.05)

    @tf.function
    def step(x, y):
        adversarial = tf.stop_gradient(FGSM()(classifier, x, y, 0.1))
        with tf.GradientTape() as tape:
            value = loss(y, model(adversarial, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    values = [float(step(*map(tf.constant, few))) for _ in range(12)]
    assert values[-1] < 0.8 * values[0]


def test_the_model_is_not_run_in_training_mode():
    stack = [keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.9)]
    end = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input(helpers.SHAPE), *stack, *end])
    x = helpers.random_images(8)
    first = FGSM()(model, x, np.zeros(8))
    np.testing.assert_array_equal(first, FGSM()(model, x, np.zeros(8)))
    assert (model.layers[1].moving_mean.numpy() == 0).all()


def test_an_abstract_attack_cannot_be_built():
    with pytest.raises(TypeError, match="abstract"):
        Attack()
    with pytest.raises(ValueError, match="Attack is what every attack is built on, and none itself"):
        kax.attacks.get(Attack)


def test_attacks_that_are_equal_share_what_was_compiled(build, few):
    model = build()
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, model])
    FGSM()(watched, *few)
    traced = spy.seen.traced
    FGSM(norm="linf")(watched, *few)
    kax.attacks.get("FGSM")(watched, *few)
    assert spy.seen.traced == traced
    FGSM(norm="l2")(watched, *few)
    assert spy.seen.traced == traced + 1
