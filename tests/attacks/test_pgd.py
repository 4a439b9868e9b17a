"""PGD in closed form, against cleverhans, on confident models, and every one of its options."""

from __future__ import annotations

import helpers
import keras
import linear_models as linear
import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

import keras_advxai as kax
from keras_advxai.attacks import FGSM, PGD
from keras_advxai.ops import losses

pytestmark = pytest.mark.sampled(3)
ON_THE_EDGE = 1
"""Of 50 or 150 images, how many may be found in one way and just not in another: other batches round otherwise."""

X, TWO, SIX = linear.images(), linear.weights(2), linear.weights(6)
NORMS = ("linf", "l2")


def predicted(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


def same(first, second, share: float = 0.005) -> bool:
    """Equal, but for pixels whose gradient is zero up to rounding."""
    return np.mean(np.abs(np.asarray(first) - second) > 1e-5) < share


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("start", ["zero", "uniform"])
@pytest.mark.parametrize("loss", ["log_odds", "cross_entropy", "margin"])
@pytest.mark.parametrize("norm", NORMS)
def test_of_two_linear_classes_it_reaches_the_optimum(norm, loss, start, activation):
    y = np.arange(12) % 2
    model = linear.model(TWO, activation)
    found = PGD(norm=norm, loss=loss, start=start, steps=40, step_size=0.5, keep="last")(model, X, y, 0.1)
    np.testing.assert_allclose(found, linear.optimum(X, y, TWO, 0.1, norm), atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bounds", [(-1, 1), (0, 255)])
def test_epsilon_is_a_fraction_of_the_width_of_the_bounds(bounds, norm):
    width, y = bounds[1] - bounds[0], np.arange(12) % 2
    classifier = kax.ImageClassifier(linear.model(TWO / width), bounds=bounds)
    x = (bounds[0] + width * X).astype("float32")
    found = PGD(norm=norm, keep="last", start="zero")(classifier, x, y, 0.1)
    np.testing.assert_allclose(found, linear.optimum(x, y, TWO, 0.1 * width, norm), atol=2e-5 * width)


@pytest.mark.parametrize("norm", NORMS)
def test_it_succeeds_exactly_where_an_attack_on_two_linear_classes_can(norm):
    x = linear.images(200)
    y = linear.predictions(linear.model(TWO), x)
    epsilon = 0.03 if norm == "linf" else 0.1
    possible = linear.leads(x, y, TWO, epsilon, norm).max(1)
    found = PGD(norm=norm, start="zero")(linear.model(TWO), x, y, epsilon)
    clear = np.abs(possible) > 1e-3
    assert 40 < (possible > 0).sum() < 160
    np.testing.assert_array_equal((linear.predictions(linear.model(TWO), found) != y)[clear], (possible > 0)[clear])


@pytest.fixture(scope="module")
def ends_in_logits(build):
    """A trained CNN that ends in logits, which is what cleverhans wants, and is unsure: see `test_fgsm.py`."""
    return helpers.scaled_logits(build("linear"), 0.05)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("epsilon", "step_size"), [(0.03, 0.3), (0.3, 0.1)])
@pytest.mark.parametrize("norm", NORMS)
def test_it_equals_cleverhans(norm, epsilon, step_size, targeted, ends_in_logits, test_faces):
    x, y = test_faces[0][:8], test_faces[1][:8].astype("int64")
    y = 1 - y if targeted else y
    epsilon *= 1 if norm == "linf" else 5
    attack = PGD(
        norm=norm, loss="cross_entropy", targeted=targeted, steps=6, step_size=step_size, start="zero", keep="last"
    )
    expected = projected_gradient_descent(
        ends_in_logits,
        x,
        epsilon,
        step_size * epsilon,
        6,
        np.inf if norm == "linf" else 2,
        clip_min=0.0,
        clip_max=1.0,
        y=tf.constant(y),
        targeted=targeted,
        rand_init=False,
        sanity_checks=False,
    ).numpy()
    found = attack(ends_in_logits, x, y, epsilon)
    assert helpers.same_attack(found, expected, norm, epsilon)
    assert np.abs(found - x).max() > 0.01


def by_hand(model, x, y, options, steps=6, epsilon=0.05) -> list[np.ndarray]:
    """Every iterate, from the image on, each by an attack of its own."""
    iterates = [PGD(steps=i, keep="last", start="zero", **options)(model, x, y, epsilon) for i in range(1, steps + 1)]
    return [x, *iterates]


@pytest.mark.slow
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_the_first_hit_is_the_first_misclassified_of_all_iterates(norm, targeted, model, test_faces):
    x, y = test_faces
    y = 1 - y if targeted else y
    options = {"norm": norm, "targeted": targeted, "step_size": 0.3}
    epsilon = 0.1 if norm == "linf" else 1.5
    iterates = by_hand(model, x, y, options, epsilon=epsilon)
    hits = np.array([(predicted(model, images) == y) == targeted for images in iterates])
    assert len(np.unique(hits.argmax(0)[hits.any(0)])) > 1  # at different steps
    chosen = np.where(hits.any(0), hits.argmax(0), len(iterates) - 1)
    expected = np.stack([iterates[step][index] for index, step in enumerate(chosen)])
    found = PGD(steps=6, start="zero", **options)(model, x, y, epsilon)
    assert same(found, expected, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["log_odds", "margin"])
def test_the_best_is_the_highest_of_those_that_succeed_or_of_all(loss, model, test_faces):
    x, y = test_faces
    classifier, options = kax.ImageClassifier(model), {"loss": loss, "step_size": 0.6}
    iterates = by_hand(model, x, y, options)
    passes = [classifier.forward(images) for images in iterates]
    hits = np.array([here.predictions != y for here in passes])
    values = np.array([losses.LOSSES[loss](here.logits, y) for here in passes])
    chosen = np.where(hits.any(0), np.where(hits, values, -np.inf).argmax(0), values.argmax(0))
    expected = np.stack([iterates[step][index] for index, step in enumerate(chosen)])
    found = PGD(steps=6, start="zero", keep="best", **options)(model, x, y, 0.05)
    assert np.mean(np.abs(found - expected).max((1, 2, 3)) > 1e-5) < 0.05


@pytest.mark.slow
def test_what_is_misclassified_already_is_not_attacked(model, test_faces):
    x, y = test_faces
    wrong = np.flatnonzero(predicted(model, x) == y)[:5]
    labels = y.copy()
    labels[wrong] = 1 - y[wrong]
    for restarts in (1, 2):
        found = PGD(steps=3, restarts=restarts)(model, x, labels, 0.1)
        np.testing.assert_array_equal(found[wrong], x[wrong])
        assert (np.abs(found - x).max((1, 2, 3)) > 0).sum() > len(x) / 2


@pytest.mark.slow
def test_early_stopping_does_not_change_what_is_misclassified(model, test_faces):
    x, y = test_faces
    stopping, running = (PGD(keep=keep)(model, x, y, 0.06) for keep in ("first_hit", "best"))
    assert np.sum(predicted(model, stopping) != predicted(model, running)) <= ON_THE_EDGE


@pytest.mark.slow
def test_images_that_are_misclassified_cost_no_further_steps(build, test_faces):
    model = build()
    spy = helpers.Executions()
    watched = keras.Sequential([keras.Input(helpers.SHAPE), spy, model])
    x, y = test_faces
    attack = PGD(steps=50, restarts=4, start="zero")
    attack(watched, x, 1 - y, 0.0)
    spy.seen.computed = 0
    attack(watched, x[:2], 1 - predicted(model, x[:2]), 0.1)
    assert spy.seen.computed == 1  # the clean pass alone
    attack(watched, x, y, 0.0)
    assert spy.seen.computed == 2  # no step at epsilon 0, either
    attack(watched, x, y, 0.5)
    assert spy.seen.computed < 20


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("options", [{}, {"restarts": 2}, {"keep": "best"}, {"start": "zero", "keep": "last"}])
def test_epsilon_0_returns_the_images(options, norm, model, few):
    np.testing.assert_array_equal(PGD(norm=norm, steps=3, **options)(model, *few, 0.0), few[0])
    several = PGD(norm=norm, steps=3, **options)(model, *few, [0.0, 0.1])
    np.testing.assert_array_equal(several[0], few[0])
    assert np.abs(several[1] - few[0]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("options", [{}, {"restarts": 2}, {"schedule": "cosine", "step_size": 2.0}])
def test_budget_and_bounds_are_kept(options, norm, model, test_faces):
    x, y = test_faces
    epsilon = 0.1 if norm == "linf" else 2.0
    found = PGD(norm=norm, steps=4, **options)(model, x, y, epsilon)
    assert linear.lengths(found - x, norm).max() <= epsilon * (1 + 1e-5)
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_neither_the_batch_nor_the_order_changes_what_is_misclassified(norm, model, train_faces):
    x, y = train_faces
    epsilon = 0.06 if norm == "linf" else 1.0
    attack = PGD(norm=norm, restarts=2, start="uniform")
    whole = predicted(model, attack(model, x, y, epsilon))
    assert 0.1 < np.mean(whole == y) < 0.9
    for size in (128, 37, 16):
        parts = [attack(model, x[i : i + size], y[i : i + size], epsilon) for i in range(0, len(x), size)]
        assert np.sum(predicted(model, np.concatenate(parts)) != whole) <= ON_THE_EDGE
    order = np.random.default_rng(0).permutation(len(x))
    assert np.sum(predicted(model, attack(model, x[order], y[order], epsilon)) != whole[order]) <= ON_THE_EDGE


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_the_scale_of_the_logits_and_the_head_do_not_matter(norm, build, train_faces):
    x, y = train_faces
    epsilon = 0.06 if norm == "linf" else 1.0

    def robust(factor, head):
        model = helpers.scaled_logits(build(head), factor)
        return np.mean(predicted(model, PGD(norm=norm)(model, x, y, epsilon)) == y)

    plain = robust(1, "linear")
    assert 0.1 < plain < 0.9
    for factor, head in ((20, "linear"), (100, "linear"), (1, "softmax"), (100, "softmax"), (20, "sigmoid")):
        assert abs(robust(factor, head) - plain) < 0.01


@pytest.mark.parametrize("norm", NORMS)
def test_the_smallest_gradients_are_followed_for_the_whole_budget(norm):
    y = np.arange(12) % 2
    found = PGD(norm=norm, start="zero", keep="last", loss="margin")(linear.model(1e-30 * TWO), X, y, 0.1)
    np.testing.assert_allclose(found, linear.optimum(X, y, TWO, 0.1, norm), atol=1e-5)


@pytest.mark.parametrize(
    "changed",
    [
        {"norm": "l2"},
        {"loss": "margin"},
        {"loss": "dlr"},
        {"targeted": True},
        {"steps": 3},
        {"step_size": 0.6},
        {"schedule": "linear"},
        {"schedule": "cosine"},
        {"restarts": 2, "keep": "best"},
        {"start": "uniform"},
        {"keep": "first_hit"},
        {"keep": "best", "loss": "dlr"},
        {"start": "uniform", "seed": 1},
    ],
    ids=str,
)
def test_every_option_changes_the_result(changed):
    x, y = linear.images(20), np.arange(20) % 6
    model = linear.model(SIX)
    plain = {"steps": 4, "keep": "last", "step_size": 0.1}
    before, after = (PGD(**{**plain, **more})(model, x, y, 0.05) for more in ({}, changed))
    assert np.abs(after - before).max() > 1e-3


def test_of_many_classes_log_odds_and_cross_entropy_have_one_direction():
    found = [
        PGD(norm="l2", loss=loss, keep="last")(linear.model(SIX), X, np.arange(12) % 6, 0.1)
        for loss in ("log_odds", "cross_entropy")
    ]
    np.testing.assert_allclose(*found, atol=1e-5)


@pytest.mark.parametrize("loss", losses.LOSSES)
@pytest.mark.parametrize("norm", NORMS)
def test_targeted_attacks_reach_their_targets(norm, loss):
    model = linear.model(SIX)
    targets = (linear.predictions(model, X) + 1) % 6
    found = PGD(norm=norm, loss=loss, targeted=True, steps=40)(model, X, targets, 0.25 if norm == "linf" else 1.0)
    assert np.mean(linear.predictions(model, found) == targets) > 0.9


@pytest.mark.slow
def test_restarts_get_more_images_misclassified(model, train_faces):
    x, y = train_faces
    few, many = (predicted(model, PGD(steps=1, restarts=n)(model, x, y, 0.06)) == y for n in (1, 12))
    assert (many <= few).all()
    assert many.sum() < few.sum()


@pytest.mark.slow
def test_a_start_is_drawn_from_the_seed_and_the_image(model, few):
    x, y = few
    options = {"start": "uniform", "steps": 1, "step_size": 1e-6, "keep": "last"}
    attack = PGD(**options)
    first = attack(model, x, y, 0.1)
    np.testing.assert_array_equal(first, attack(model, x, y, 0.1))
    np.testing.assert_array_equal(first, PGD(**options, seed=0)(model, x, y, 0.1))
    np.testing.assert_allclose(attack(model, x[::-1], y[::-1], 0.1)[::-1], first, atol=1e-6)
    other = PGD(**options, seed=1)(model, x, y, 0.1)
    assert np.abs(other - first).mean() > 0.01
    tf.random.set_seed(1)
    expected = tf.random.uniform([3]).numpy()
    tf.random.set_seed(1)
    attack(model, x, y, 0.1)
    np.testing.assert_array_equal(tf.random.uniform([3]), expected)


def test_it_is_stronger_than_a_single_step(model, train_faces):
    x, y = train_faces
    one, many = (np.mean(predicted(model, attack(model, x, y, 0.04)) == y) for attack in (FGSM(), PGD(steps=20)))
    assert many < one


@pytest.mark.slow
def test_without_labels_the_prediction_is_left(model, few):
    y = predicted(model, few[0])
    assert same(PGD()(model, few[0], epsilon=0.1), PGD()(model, few[0], y, 0.1))
