"""cleverhans' attacks: against ours, against cleverhans called by hand, and what stands between them and the user."""

from __future__ import annotations

import gc
import weakref

import helpers
import keras
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.carlini_wagner_l2 import carlini_wagner_l2
from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method
from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent
from cleverhans.tf2.utils import compute_gradient

import keras_advxai as kax
from keras_advxai.attacks import FGSM
from keras_advxai.attacks.bim import BIM
from keras_advxai.attacks.mifgsm import MIFGSM
from keras_advxai.attacks.pgd import PGD
from keras_advxai.contrib import CleverHans

pytestmark = pytest.mark.sampled(6)

NORMS = ("linf", "l2")
GRADIENT_METHODS = (
    "fast_gradient_method",
    "projected_gradient_descent",
    "basic_iterative_method",
    "madry_et_al",
    "momentum_iterative_method",
)
SPSA = {"nb_iter": 3, "spsa_samples": 8}


def same(first, second, share: float = 0.005) -> bool:
    """Equal, but for pixels whose gradient is zero up to rounding."""
    return np.mean(np.abs(np.asarray(first) - second) > 1e-5) < share


def predicted(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


@pytest.fixture(scope="module")
def ends_in_logits(build):
    """A trained CNN that ends in logits, as cleverhans wants, and is unsure: else cross-entropy is but rounding."""
    return helpers.scaled_logits(build("linear"), 0.05)


OURS = {
    "fast_gradient_method": ({}, FGSM, {}),
    "projected_gradient_descent": ({"nb_iter": 5}, PGD, {"steps": 5, "keep": "last"}),
    "basic_iterative_method": ({"nb_iter": 5}, BIM, {"steps": 5, "keep": "last"}),
    "madry_et_al": ({"nb_iter": 5, "seed": 3}, PGD, {"steps": 5, "keep": "last", "start": "uniform", "seed": 3}),
    "momentum_iterative_method": (
        {"nb_iter": 5, "decay_factor": 0.7},
        MIFGSM,
        {"steps": 5, "keep": "last", "decay": 0.7},
    ),
}


@pytest.mark.parametrize(("loss", "targeted"), [("log_odds", False), ("cross_entropy", True)])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_it_equals_ours(method, norm, loss, targeted, model, few):
    """Directions, steps, losses, and random starts of one seed."""
    x, y = few
    # Towards the class that is there, the model is confident, and cleverhans' cross-entropy is little but rounding.
    y = 1 - y if targeted else y
    common = {"norm": norm, "targeted": targeted, "loss": loss}
    theirs, ours, own = OURS[method]
    epsilon = 0.04 if norm == "linf" else 0.5
    found = CleverHans(method, **theirs, **common)(model, x, y, epsilon)
    expected = ours(**own, **common)(model, x, y, epsilon)
    assert np.abs(found - x).max() > 0.01
    assert helpers.same_attack(found, expected, norm, epsilon, 0.01)


def by_hand(method, model, x, y, epsilon, norm, targeted):
    """cleverhans' function as its users call it, with six steps of a fifth of epsilon."""
    order = np.inf if norm == "linf" else 2
    options = {"clip_min": 0.0, "clip_max": 1.0, "y": tf.constant(y), "targeted": targeted, "sanity_checks": False}
    if method == "fast_gradient_method":
        return fast_gradient_method(model, x, epsilon, order, **options).numpy()
    if method == "momentum_iterative_method":
        return momentum_iterative_method(model, x, epsilon, epsilon / 5, 6, order, **options).numpy()
    return projected_gradient_descent(model, x, epsilon, epsilon / 5, 6, order, rand_init=False, **options).numpy()


@pytest.mark.parametrize(("epsilon", "targeted"), [(0.03, True), (0.2, False)])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", [name for name in GRADIENT_METHODS if name != "madry_et_al"])
def test_it_equals_cleverhans_called_by_hand(method, norm, targeted, epsilon, ends_in_logits, test_faces):
    x, y = test_faces[0][:8], test_faces[1][:8].astype("int64")
    steps = {} if method == "fast_gradient_method" else {"nb_iter": 6, "eps_iter": 0.2}
    attack = CleverHans(method, norm=norm, targeted=targeted, loss="cross_entropy", **steps)
    epsilon *= 1 if norm == "linf" else 5
    found = attack(ends_in_logits, x, y, epsilon)
    assert helpers.same_attack(found, by_hand(method, ends_in_logits, x, y, epsilon, norm, targeted), norm, epsilon)
    assert np.abs(found - x).max() > 0.01


def test_short_gradients_shorten_its_steps_in_l2_as_they_do_in_cleverhans():
    """The floor of 1e-6 under the length of a gradient is one in the images' units, whatever epsilon is."""
    x, y, weights = linear.images(), np.arange(12) % 2, linear.weights(2)
    model = linear.model(1e-7 * weights)
    attack = CleverHans("projected_gradient_descent", norm="l2", loss="cross_entropy", nb_iter=6, eps_iter=0.2)
    for epsilon in (0.01, 0.1):
        found = attack(model, x, y, epsilon)
        expected = by_hand("projected_gradient_descent", model, x, y, epsilon, "l2", False)
        np.testing.assert_allclose(found - x, expected - x, rtol=1e-2, atol=1e-7)
        assert 0.1 < linear.lengths(found - x, "l2").max() / epsilon < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "bounds"), [("linf", (-1, 1)), ("l2", (0, 255))])
@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_of_two_linear_classes_it_reaches_the_optimum_in_any_bounds(method, norm, bounds):
    x, y, weights = linear.images(), np.arange(12) % 2, linear.weights(2)
    width = bounds[1] - bounds[0]
    classifier = kax.ImageClassifier(linear.model(weights / width), bounds=bounds)
    steps = {} if method == "fast_gradient_method" else {"nb_iter": 30, "eps_iter": 0.5}
    images = (bounds[0] + width * x).astype("float32")
    found = (CleverHans(method, norm=norm, **steps)(classifier, images, y, 0.1) - bounds[0]) / width
    np.testing.assert_allclose(found, linear.optimum(x, y, weights, 0.1, norm), atol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_log_odds_flips_what_cross_entropy_cannot_move(method, norm):
    """A softmax of logits 50,000 times too large: all that is left of cross-entropy's gradient is zero."""
    x = linear.images()
    model = linear.model(50_000 * linear.weights(2), "softmax")
    y = predicted(model, x)
    epsilon = 0.3 if norm == "linf" else 1.5
    steps = {} if method == "fast_gradient_method" else {"nb_iter": 5}
    found, silent = (
        CleverHans(method, norm=norm, loss=loss, **steps)(model, x, y, epsilon)
        for loss in ("log_odds", "cross_entropy")
    )
    assert (predicted(model, found) != y).all()
    assert (predicted(model, silent) == y).any()
    if method != "madry_et_al":  # which begins elsewhere
        np.testing.assert_array_equal(silent, x)


@pytest.mark.slow
def test_every_head_is_attacked_in_front_of_it(build, few):
    for attack in (CleverHans(), CleverHans("madry_et_al", nb_iter=2)):
        softmax, one, two = (attack(build(head), *few, 0.1) for head in helpers.HEADS)
        assert same(softmax, two, 0.01)
        assert same(one, two, 0.01)


@pytest.mark.parametrize("method", [*GRADIENT_METHODS, "spsa"])
def test_with_epsilon_0_the_images_come_back(method, model, few):
    options = {"fast_gradient_method": {}, "spsa": SPSA}.get(method, {"nb_iter": 3})
    x, y = few
    found = CleverHans(method, **options)(model, x, y, [0.0, 0.05])
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_allclose(np.abs(found[1] - x).max(), 0.05, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("method", [*GRADIENT_METHODS, "spsa"])
def test_it_is_traced_as_often_for_many_steps_as_for_few_and_never_again(method, build, few):
    """cleverhans' own `compute_gradient` is not used: it would keep every model's graph for good."""
    x, y = few
    traces = 0

    def preprocess(images):
        nonlocal traces
        traces += 1
        return images

    def attack(steps):
        return CleverHans(method, **({} if method == "fast_gradient_method" else {"nb_iter": steps}), **extra)

    extra = {"spsa_samples": 8, "spsa_iters": 3} if method == "spsa" else {}
    theirs = len(compute_gradient._list_all_concrete_functions())
    classifier = kax.ImageClassifier(build(), preprocess=preprocess)
    classifier.forward(x)
    counts = []
    for steps in (2, 2, 9):
        before = traces
        attack(steps)(classifier, x, y, [0.01, 0.02, 0.03])
        attack(steps)(classifier, x[:3], y[:3], [0.01, 0.02])
        attack(steps)(classifier, x[:3], y[:3], [0.2, 0.1])
        counts.append(traces - before)
    assert counts[0] > 0
    assert counts[1] == 0
    assert counts[2] == (0 if method == "fast_gradient_method" else counts[0])
    assert counts[0] == 2  # the clean images, and those that are attacked
    assert len(compute_gradient._list_all_concrete_functions()) == theirs


@pytest.mark.slow
def test_the_model_is_freed(build, few):
    model = build()
    for method in ("madry_et_al", "spsa"):
        CleverHans(method, nb_iter=2)(model, *few, 0.1)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


@pytest.mark.slow
def test_an_eager_pass_serves_it_and_is_traced_once(build, few):
    x, y = few
    traces = 0

    def preprocess(images):
        nonlocal traces
        traces += 1
        return images

    classifier = kax.ImageClassifier(build(), preprocess=preprocess)
    for attack in (CleverHans("madry_et_al", nb_iter=2), CleverHans("spsa", **SPSA)):
        expected = attack(classifier, x, y, 0.1)
        first = attack(classifier, x, y, 0.1, forward=classifier.forward(x))
        before = traces
        forward = classifier.forward(x)
        eager = traces - before
        second = attack(classifier, x, y, 0.1, forward=forward)
        assert traces - before == eager
        for found in (first, second):
            assert same(found, expected, 0.01)


@pytest.mark.slow
def test_models_with_other_inputs(few):
    x, y = few
    images, gain = keras.Input(helpers.SHAPE, name="images"), keras.Input((1,), name="gain")
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(5)(images))
    logits = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=1))(pooled * gain)
    net = keras.Model({"images": images, "gain": gain}, logits)
    classifier = kax.ImageClassifier(net, input="images")
    inputs = {"images": x, "gain": np.array([[1.0], [-1.0]] * 3, "float32")}
    for attack in (CleverHans(), CleverHans("momentum_iterative_method", nb_iter=3), CleverHans("spsa", **SPSA)):
        found = attack(classifier, inputs, y, 0.1)
        one = attack(classifier, {key: value[1:2] for key, value in inputs.items()}, y[1:2], 0.1)
        assert same(found[1:2], one, 0.01)
        turned = attack(classifier, {**inputs, "gain": -inputs["gain"]}, y, 0.1)
        assert np.abs(found - turned).max() > 0.01


CHANGES = {
    "fast_gradient_method": {"norm": "l2", "targeted": True},
    "projected_gradient_descent": {"norm": "l2", "targeted": True, "nb_iter": 2, "eps_iter": 0.01, "rand_init": True},
    "basic_iterative_method": {"norm": "l2", "targeted": True, "eps_iter": 0.01, "nb_iter": 30},
    "madry_et_al": {"norm": "l2", "targeted": True, "nb_iter": 2, "eps_iter": 0.01, "seed": 1},
    "momentum_iterative_method": {"norm": "l2", "targeted": True, "nb_iter": 2, "eps_iter": 0.01, "decay_factor": 0.0},
    "spsa": {
        "targeted": True,
        "nb_iter": 3,
        "learning_rate": 0.001,
        "delta": 0.3,
        "spsa_samples": 4,
        "spsa_iters": 3,
        "seed": 5,
    },
}


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, names in CHANGES.items() for name in names], ids=str
)
def test_every_option_changes_the_result(method, name, model, few):
    base = {"fast_gradient_method": {}, "spsa": {"nb_iter": 2, "spsa_samples": 8}}.get(method, {"nb_iter": 4})
    plain, other = CleverHans(method, **base), CleverHans(method, **(base | {name: CHANGES[method][name]}))
    assert plain != other
    assert plain.name != other.name or name == "seed"
    assert np.abs(plain(model, *few, 0.1) - other(model, *few, 0.1)).max() > 1e-4


def test_the_loss_changes_the_result_where_it_saturates(few):
    """Of these three logits, the sign of the gradient is the same for both losses until one of them is zero."""
    x = linear.images()
    model = linear.model(1000 * linear.weights(2), "softmax")
    y = predicted(model, x)
    found, other = (CleverHans(loss=loss)(model, x, y, 0.1) for loss in ("log_odds", "cross_entropy"))
    assert np.abs(found - other).max() > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "carlini_wagner_l2"}, r"does not work under Keras 3.*kax\.attacks\.DDN\(\)"),
        ({"method": "fast_gradient"}, r"must be one of fast_gradient_method.*Did you mean 'fast_gradient_method'"),
        ({"method": "spsa", "norm": "l2"}, "keeps the norm 'linf' only"),
        (
            {"method": "spsa", "loss": "log_odds"},
            "'spsa' does not take `loss`.*It takes norm, targeted, nb_iter, learn",
        ),
        ({"method": "madry_et_al", "spsa_iters": 2}, "does not take `spsa_iters`.*Did you mean .*nb_iter"),
        ({"method": "fast_gradient_method", "nb_iter": 2}, "It takes norm, targeted, loss. Received: nb_iter=2"),
        ({"method": "basic_iterative_method", "rand_init": True}, "does not take `rand_init`"),
        ({"method": "projected_gradient_descent", "seed": 1}, "no effect without a random start"),
        ({"method": "projected_gradient_descent", "rand_init": "yes"}, "must be True or False"),
        ({"method": "madry_et_al", "eps_iter": 1.5}, "above 0 and at most 1. Received: eps_iter=1.5"),
        ({"method": "madry_et_al", "eps_iter": 0}, "above 0 and at most 1. Received: eps_iter=0"),
        ({"method": "madry_et_al", "nb_iter": 0}, "integer of at least 1"),
        ({"method": "madry_et_al", "loss": "margin"}, "must be one of log_odds, cross_entropy"),
        ({"method": "momentum_iterative_method", "decay_factor": -1}, "at least 0"),
        ({"method": "spsa", "learning_rate": 0}, "above 0. Received: learning_rate=0"),
        ({"method": "spsa", "delta": float("inf")}, "`delta`"),
        ({"method": "spsa", "spsa_samples": 7}, "must be even"),
        ({"method": "spsa", "spsa_samples": 0}, "at least 2"),
        ({"method": "spsa", "seed": 0.5}, "`seed` must be an integer"),
        ({"norm": "l1"}, "must be one of linf, l2"),
    ],
    ids=str,
)
@pytest.mark.sampled(1)  # they take no time
def test_what_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        CleverHans(**arguments)


def test_the_reason_against_carlini_and_wagner_holds(ends_in_logits, few):
    with pytest.raises(TypeError, match="'list' object is not callable"):
        carlini_wagner_l2(ends_in_logits, few[0])


def test_where_functions_run_eagerly_it_is_the_same(model, few):
    expected = CleverHans()(model, *few)
    tf.config.run_functions_eagerly(True)
    try:
        np.testing.assert_allclose(CleverHans()(model, *few), expected, atol=1e-6)
    finally:
        tf.config.run_functions_eagerly(False)


def test_the_name_leaves_out_the_seed():
    assert CleverHans().name == "clever_hans"
    assert CleverHans("spsa", seed=3, delta=0.1).name == "clever_hans_spsa_delta0.1"
    assert CleverHans("madry_et_al", norm="l2", eps_iter=0.1).name == "clever_hans_madry_et_al_l2_eps_iter0.1"
