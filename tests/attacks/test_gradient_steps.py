"""The loop of iterative attacks: what they refuse, what graphs hold, how often the model runs, parts of your own."""

from __future__ import annotations

import helpers
import keras
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import (
    FGSM,
    PGD,
    Attack,
    Direction,
    GradientAttack,
    GradientSteps,
    Objective,
    at_images,
    ball_then_bounds,
    bounds_ball_bounds,
    misclassification,
    momentum,
    steepest,
    step_sizes,
    uniform_start,
)

TWO = linear.weights(2)
IMAGES, LABELS = tf.TensorSpec([None, *helpers.SHAPE]), tf.TensorSpec([None], tf.int32)


def predicted(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


def same(first, second, share: float = 0.005) -> bool:
    """Equal, but for pixels whose gradient is zero up to rounding."""
    return np.mean(np.abs(np.asarray(first) - second) > 1e-5) < share


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "`steps` must be an integer of at least 1. Received: steps=0"),
        ({"steps": 2.5}, "`steps` must be an integer of at least 1. Received: steps=2.5"),
        ({"restarts": 0}, "`restarts` must be an integer of at least 1. Received: restarts=0"),
        ({"step_size": -0.1}, "`step_size` must be a number of at least 0. Received: step_size=-0.1"),
        ({"step_size": 0}, "`step_size` must be above 0, .* or None for steps that fit .* Received: step_size=0"),
        ({"step_size": float("nan")}, "`step_size` must be a number"),
        ({"norm": "l1"}, "`norm` must be one of linf, l2. Received: norm='l1'"),
        ({"loss": "logodds"}, "`loss` must be one of .* Did you mean 'log_odds'. Received: loss='logodds'"),
        ({"schedule": "cosin"}, "constant, linear, cosine. Did you mean 'cosine'. Received: schedule='cosin'"),
        ({"start": "random"}, "`start` must be one of zero, uniform. Received: start='random'"),
        ({"keep": "bests"}, "first_hit, best, last. Did you mean 'best'.* Received: keep='bests'"),
        (
            {"keep": "last", "restarts": 2},
            "Pass keep='first_hit' or keep='best', or restarts=1. Received: .*restarts=2",
        ),
        ({"keep": "last", "restarts": 2}, "restarts before the last one have no effect"),
        ({"seed": 2**31}, "`seed` must be an integer"),
    ],
    ids=str,
)
def test_bad_options_are_refused_with_what_to_do(options, message):
    with pytest.raises(ValueError, match=message):
        PGD(**options)


def test_dlr_needs_three_classes_and_says_so_before_anything_is_computed(build, few):
    model = build()
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, model])
    with pytest.raises(
        ValueError, match=r"'dlr' compares the first class with the third.* 2 classes. Pass loss='margin'"
    ):
        PGD(loss="dlr")(watched, *few, 0.1)
    assert spy.seen.computed == 0


def test_a_targeted_attack_asks_for_the_targets(model, few):
    with pytest.raises(ValueError, match="needs the target classes: pass them as `y`"):
        PGD(targeted=True)(model, few[0])


@keras.saving.register_keras_serializable(package="tests")
class Steps(keras.layers.Layer):
    """Rounds to eight levels, which has no gradient."""

    def call(self, x):
        return tf.round(x * 8) / 8


@pytest.mark.parametrize("attack", [FGSM(), PGD(), PGD(start="uniform", restarts=2)], ids=repr)
def test_a_layer_without_a_gradient_is_named(attack, build, few):
    model = build()
    blocked = keras.Sequential([keras.Input(helpers.SHAPE), keras.layers.Rescaling(1.0), Steps(name="steps"), model])
    with pytest.raises(
        ValueError, match=r"No gradient flows through the layer 'steps'. .* black-box attack such as Sq"
    ):
        attack(blocked, *few, 0.1)
    classifier = kax.ImageClassifier(model, bounds=(0, 1), preprocess=tf.round)
    with pytest.raises(ValueError, match=r"No gradient flows through the preprocessing. .* black-box"):
        attack(classifier, *few, 0.1)


@pytest.mark.slow
def test_the_graph_does_not_grow_with_steps_restarts_or_epsilons(model):
    classifier = kax.ImageClassifier(model)

    def convolutions(attack, epsilon=0.1):
        step = tf.function(lambda x, y: attack(classifier, x, y, epsilon))
        found = helpers.counted_operations(step, IMAGES, LABELS)
        return found["Conv2D"], found["Conv2DBackpropInput"]

    # The clean pass and its gradient, one pass and gradient in the loop, and with restarts a pass behind the last step.
    assert convolutions(PGD(steps=2)) == convolutions(PGD(steps=50)) == (6, 6)
    uniform = {"start": "uniform"}
    assert convolutions(PGD(steps=2, **uniform)) == convolutions(PGD(steps=20, **uniform), [0.1, 0.2, 0.3]) == (6, 3)
    assert convolutions(PGD(restarts=2, steps=2)) == convolutions(PGD(restarts=9)) == (9, 6)
    assert convolutions(PGD(keep="last")) == (6, 6)
    assert convolutions(PGD(keep="best")) == convolutions(PGD(keep="best", restarts=5)) == (9, 6)


@pytest.mark.slow
def test_one_trace_serves_all_batch_sizes_and_epsilons(build, test_faces):
    model = build()
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, model])
    x, y = test_faces
    for attack in (PGD(steps=2, restarts=2), PGD(steps=2, keep="best")):
        attack(watched, x[:3], y[:3], 0.1)
        attack(watched, x[:3], y[:3], [0.1])
        before = spy.seen.traced
        for size in (1, 2, 7):
            attack(watched, x[:size], y[:size], 0.2)
            attack(watched, x[:size], y[:size], [0.05, 0.1])
        assert spy.seen.traced == before


def test_a_step_takes_one_pass_and_there_is_none_behind_the_last(build, test_faces):
    """k steps take k passes with the clean one, because hits are read off the pass that gives the gradient."""
    model = build()
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, model])
    x, y = test_faces
    robust = predicted(model, x) == y
    attack = PGD(steps=7, start="zero")
    attack(watched, x[robust], y[robust], 1e-6)
    spy.seen.computed = 0
    attack(watched, x[robust], y[robust], 1e-6)
    assert spy.seen.computed == 7


@pytest.mark.slow
def test_it_runs_eagerly_on_a_pass_already_made(build, few):
    classifier = kax.ImageClassifier(build("linear"))
    forward = classifier.forward(few[0])
    for attack in (PGD(steps=3), PGD(steps=3, restarts=2, start="zero"), PGD(steps=3, keep="best", start="zero")):
        found = attack(classifier, *few, [0.05, 0.1], forward=forward)
        assert same(found, attack(classifier, *few, [0.05, 0.1]), 0.01)


def test_the_other_inputs_of_a_model_follow_their_images():
    """The second input says which of two opposite models is meant."""
    image, side = keras.Input(linear.SHAPE, name="image"), keras.Input((1,), name="side")
    flat = keras.layers.Flatten()(image)
    logits = keras.layers.Dense(2, use_bias=False, name="head")(flat)
    model = keras.Model([image, side], keras.layers.Multiply()([logits, side]))
    model.get_layer("head").set_weights([TWO])
    classifier = kax.ImageClassifier(model, input="image", from_logits=True)
    x, y = linear.images(40), np.arange(40) % 2
    signs = np.where(np.arange(40) % 4 < 2, 1.0, -1.0).astype("float32")[:, None]
    expected = np.stack([linear.optimum(x[i : i + 1], y[i : i + 1], TWO * signs[i], 0.1, "linf")[0] for i in range(40)])
    last = PGD(keep="last")(classifier, [x, signs], y, 0.1)
    np.testing.assert_allclose(last, expected, atol=1e-5)
    possible = np.array(
        [linear.leads(x[i : i + 1], y[i : i + 1], TWO * signs[i], 0.1, "linf").max() for i in range(40)]
    )
    hit = PGD(restarts=2)(classifier, [x, signs], y, 0.1)
    logits = (hit.reshape(40, 16) @ TWO) * signs
    np.testing.assert_array_equal(logits.argmax(1) != y, possible > 0)


class Own(GradientAttack):
    """An iterative attack of a user's, put together from parts."""

    iterative = True

    def __init__(self, *, parts: tuple = (), **options) -> None:
        super().__init__(**options)
        self.parts = parts

    def perturb(self, model, x, y, epsilon, forward):
        plain = {
            "objective": misclassification(self),
            "direction": steepest(self.norm),
            "project": bounds_ball_bounds(self.norm),
            "sizes": step_sizes("constant", 6, 0.3),
        }
        return GradientSteps(**{**plain, **dict(self.parts)}).run(model, forward, y, epsilon)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_attack_of_ones_own_from_our_parts_is_pgd(norm, model, few):
    for parts, options in (
        ((), {}),
        ((("keep", "best"),), {"keep": "best"}),
        (
            (("from_clean_pass", False), ("start", uniform_start(norm, 3)), ("attempts", 2)),
            {"start": "uniform", "seed": 3, "restarts": 2},
        ),
    ):
        found, expected = (
            attack(model, *few, 0.06)
            for attack in (Own(norm=norm, parts=parts), PGD(norm=norm, steps=6, step_size=0.3, **options))
        )
        assert same(found, expected)
        assert np.abs(found - few[0]).max() > 0.01


def test_a_first_step_from_the_images_is_the_same_with_and_without_the_clean_pass(model, few):
    first = Own()(model, *few, 0.06)
    assert same(first, Own(parts=(("from_clean_pass", False), ("start", at_images)))(model, *few, 0.06))


RESTARTING = {"keep": "best", "from_clean_pass": False, "start": uniform_start("l2", 0)}


@pytest.mark.parametrize(
    ("plain", "changed"),
    [
        ({}, {"direction": momentum("l2", 1.0)}),
        ({}, {"sizes": np.array([0.5, 0.1], "float32")}),
        ({}, {"project": lambda x, moved, epsilon, bounds: ball_then_bounds("l2")(x, moved, epsilon / 2, bounds)}),
        ({}, {"from_clean_pass": False, "start": uniform_start("l2", 0)}),
        ({}, {"keep": "first_hit"}),
        ({}, {"objective": misclassification(PGD(loss="dlr"))}),
        (RESTARTING, {"attempts": 2}),
        (RESTARTING, {"start": uniform_start("l2", 1)}),
    ],
    ids=lambda parts: "-".join(parts) or "plain",
)
def test_every_part_changes_the_result(plain, changed):
    x, y = linear.images(20), np.arange(20) % 6
    model, base = linear.model(linear.weights(6)), {"sizes": step_sizes("constant", 2, 0.3), "keep": "last", **plain}
    before, after = (Own(norm="l2", parts=tuple({**base, **more}.items()))(model, x, y, 0.3) for more in ({}, changed))
    assert np.abs(after - before).max() > 1e-3


class Brighter(Attack):
    """Raises the brightness of the first row, whatever the label, until the model runs out of budget."""

    def perturb(self, model, x, y, epsilon, forward):
        def value(forward, y):
            return tf.reduce_mean(forward.images[:, 0], axis=[1, 2])

        objective = Objective(
            value=value,
            gradient=lambda forward, y: forward.gradient(value, y),
            succeeds=lambda forward, y: value(forward, y) > 0.75,
        )
        steps = GradientSteps(objective, steepest("linf"), ball_then_bounds("linf"), step_sizes("constant", 4, 0.25))
        return steps.run(model, forward, y, epsilon)


def test_an_objective_of_ones_own_is_raised_until_it_is_reached():
    x = np.full((2, 4, 4, 1), 0.5, "float32")
    x[1] = 0.69
    found = Brighter()(linear.model(TWO), x, [0, 1], 0.4)
    np.testing.assert_allclose(found[0, 0], 0.8, rtol=1e-6)  # three steps of a tenth
    np.testing.assert_allclose(found[1, 0], 0.79, rtol=1e-6)  # one
    np.testing.assert_array_equal(found[:, 1:], x[:, 1:])


def test_the_memory_of_a_direction_belongs_to_each_image_also_when_others_leave():
    """Each step is as long as the number of steps that this image has taken says."""

    def update(gradient, count):
        return tf.reshape(count, [-1, 1, 1, 1]) * tf.sign(gradient), count + 1

    counting = Direction(lambda x: tf.zeros([tf.shape(x)[0]]), update)
    parts = (("direction", counting), ("sizes", np.full(4, 0.1, "float32")))
    model, x = linear.model(TWO), linear.images(40)
    y = linear.predictions(model, x)
    whole = Own(parts=parts)(model, x, y, 0.06)
    assert 0 < np.mean(linear.predictions(model, whole) == y) < 1
    for index in range(0, 40, 5):
        alone = Own(parts=parts)(model, x[index : index + 1], y[index : index + 1], 0.06)
        np.testing.assert_allclose(whole[index : index + 1], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]),
    ],
)
def test_steps_begin_with_their_size_and_shorten_or_add_up_to_a_path(schedule, factors):
    np.testing.assert_allclose(step_sizes(schedule, 4, 0.5), 0.5 * np.array(factors), rtol=1e-6)
    np.testing.assert_allclose(step_sizes(schedule, 4), 2.5 * np.array(factors) / np.sum(factors), rtol=1e-6)
    np.testing.assert_allclose(step_sizes(schedule, 7, path=1).sum(), 1, rtol=1e-6)
