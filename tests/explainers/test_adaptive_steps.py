"""Integrated Gradients with as many steps as each image needs: closed forms, a fine fixed rule, and what is counted."""

from __future__ import annotations

import json

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf
from test_integrated_gradients import images, of_class, polynomial
from test_path import IMAGES, SHAPE, TARGETS, Batches, X, network

import keras_advxai as kax
from keras_advxai.explainers import IntegratedGradients
from keras_advxai.explainers.quadrature import nested

KINKED = IntegratedGradients(steps="auto", baseline="white")


def biased(*front: keras.layers.Layer) -> keras.Model:
    """With biases, so that the kinks of the ReLUs are spread along a path, and not all at its beginning."""
    model = network(*front)
    for name, shift in (("first", -0.3), ("last", 0.1)):
        model.get_layer(name).bias.assign(shift * np.linspace(0.2, 1.4, model.get_layer(name).bias.shape[0]))
    return model


@pytest.fixture(scope="module")
def spied():
    spy = Batches()
    return biased(spy), spy


@pytest.mark.parametrize("degree", range(15))
def test_the_first_two_rules_are_exact_for_polynomials(degree):
    rules = nested(15)
    exact = rules.weights @ rules.nodes**degree * (degree + 1) - 1
    assert abs(exact[1]) < 1e-12
    assert degree >= 8 or abs(exact[0]) < 1e-12  # of a symmetric rule, one degree more for nothing


def test_each_rule_has_the_nodes_of_the_one_before():
    rules = nested(16383)
    assert rules.sizes[:8] == (7, 15, 19, 23, 31, 47, 63, 95)
    assert rules.sizes[-1] == len(rules.nodes) == len(set(rules.nodes)) == 16383
    for size, weights in zip(rules.sizes, rules.weights, strict=True):
        assert (weights[:size] > 0).all()
        assert not weights[size:].any()
    assert np.allclose(rules.weights.sum(axis=1), 1)
    assert ((rules.nodes > 0) & (rules.nodes < 1)).all()
    # Trapezoidal rules, whose error falls to a quarter where all distances are halved.
    errors = np.abs(rules.weights @ rules.nodes**2 * 3 - 1)
    assert np.allclose(errors[3:-2:2] / errors[5::2], 4, rtol=0.1)


def test_a_polynomial_score_is_explained_exactly_with_the_fewest_steps():
    power = 3
    x, baseline, targets = images(), images(6)[5], np.array([0, 1, 2, 1, 0])
    explainer = IntegratedGradients(steps="auto", baseline=baseline, tolerance=1e-3)
    found = explainer.attributions(polynomial(power), x, targets)
    # The integral of t^i (1 - t)^j in closed form makes, of the power p, the sum of x^i b^(p - 1 - i) over i.
    sums = sum(x**i * baseline ** (power - 1 - i) for i in range(power))
    np.testing.assert_allclose(found, of_class(targets) * (x - baseline) * sums, atol=1e-5)
    assert explainer.completeness_gap(polynomial(power), x, targets).max() < 1e-5
    assert explainer.steps_used(polynomial(power), x, targets).tolist() == [7] * 5


def test_the_steps_of_all_draws_are_counted():
    explainer = IntegratedGradients(steps="auto", baseline="noise", draws=3)
    assert explainer.steps_used(polynomial(1), images(), np.array([0, 1, 2, 1, 0])).tolist() == [7 * 3] * 5


@pytest.mark.slow
def test_every_image_is_within_the_tolerance_and_near_a_fine_rule(spied):
    model, _ = spied
    fine = IntegratedGradients(steps=2000, method="middle", baseline="white").attributions(model, X, TARGETS)
    size = np.abs(fine).sum(axis=(1, 2, 3))
    before, away = np.zeros(len(X)), []
    for tolerance in (0.1, 0.003):
        explainer = IntegratedGradients(steps="auto", baseline="white", tolerance=tolerance, max_steps=4095)
        gap = explainer.completeness_gap(model, X, TARGETS, relative=True)
        assert gap.max() <= 1.01 * tolerance
        steps = explainer.steps_used(model, X, TARGETS)
        assert (steps >= before).all()
        assert set(steps) <= set(nested(4095).sizes)
        before = steps
        found = explainer.attributions(model, X, TARGETS)
        away.append(np.abs(found - fine).sum(axis=(1, 2, 3)) / size)
    assert away[1].max() < 0.06  # of a sum within 0.3 %: single pixels are off by more
    assert away[1].mean() < away[0].mean()
    assert len(set(before)) > 1  # each image has its own number


def test_steps_end_at_the_most_that_there_may_be(spied):
    model, _ = spied
    strict = IntegratedGradients(steps="auto", baseline="white", tolerance=0, max_steps=20)
    assert strict.steps_used(model, X, TARGETS).max() == 19
    assert strict.completeness_gap(model, X, TARGETS).max() > 0
    assert IntegratedGradients(steps=5).steps_used(model, X, TARGETS).tolist() == [5] * len(X)


def test_no_gradient_is_computed_twice_and_batches_are_bounded(spied):
    model, spy = spied
    found = {}
    for at_once in (3, None):
        explainer = IntegratedGradients(steps="auto", baseline="white", tolerance=0.02, internal_batch_size=at_once)
        steps = explainer.steps_used(model, X, TARGETS)
        spy.seen.clear()
        np.testing.assert_array_equal(explainer.steps_used(model, X, TARGETS), steps)
        assert sum(spy.seen) == steps.sum() + 2 * len(X)  # and a pass over the images, and over their baselines
        assert max(spy.seen) <= (at_once or 1024)
        found[at_once] = explainer.attributions(model, X, TARGETS)
    # What images that are done leave room for is taken by the others: a batch for each rule, and the two passes.
    rules = [size for size in nested(511).sizes if size <= steps.max()]
    assert len(spy.seen) <= 2 * (len(rules) + 2)
    np.testing.assert_allclose(found[3], found[None], atol=1e-5 * np.abs(found[None]).max())


def test_the_graph_does_not_grow_with_the_steps_and_one_trace_serves_all_batches(spied):
    model, _ = spied

    def operations(most):
        explainer = IntegratedGradients(steps="auto", max_steps=most)
        return helpers.counted_operations(tf.function(lambda x: explainer.attributions(model, x, 0)), IMAGES)

    few, many = operations(15), operations(4095)
    assert few == many
    assert few["Conv2DBackpropInput"] == 2
    inside = tf.function(lambda x, y: KINKED.completeness_gap(model, x, y), autograph=False, input_signature=[
        tf.TensorSpec([None, *SHAPE]), tf.TensorSpec([None], tf.int32)
    ])  # fmt: skip
    for count in (1, 3, 7):
        expected = KINKED.completeness_gap(model, X[:count], TARGETS[:count])
        np.testing.assert_allclose(inside(X[:count], TARGETS[:count].astype("int32")), expected, atol=1e-5)
    assert inside.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_draws_of_noise_stop_each_by_itself(spied):
    model, _ = spied
    two, one = (IntegratedGradients(steps="auto", baseline="noise", draws=n, tolerance=0.05) for n in (2, 1))
    second = two.steps_used(model, X, TARGETS) - one.steps_used(model, X, TARGETS)
    assert set(second) <= set(nested(511).sizes)


def test_a_score_that_is_not_a_number_or_never_changes_ends():
    x, flat = helpers.random_images(3, SHAPE), helpers.linear_model(np.zeros((128, 2)), SHAPE)
    assert IntegratedGradients(steps="auto").steps_used(flat, x).tolist() == [7] * 3
    broken = helpers.linear_model(np.full((128, 2), np.nan), SHAPE)
    with pytest.warns(kax.explainers.NonFiniteOutputWarning):
        assert IntegratedGradients(steps="auto").steps_used(broken, x, 0).tolist() == [7] * 3


def test_configurations_with_a_number_of_steps_are_what_they_were():
    assert set(IntegratedGradients().get_config()) == {
        *("steps", "baseline", "method", "internal_batch_size", "score", "draws", "seed")
    }
    explainer = IntegratedGradients(steps="auto", tolerance=0.05, max_steps=63)
    assert kax.explainers.get(kax.explainers.serialize(explainer)) == explainer
    assert explainer.name == "integrated_gradients_auto_tolerance0.05_max_steps63"
    assert explainer.with_score("probability").max_steps == 63


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": 0.1}, "`tolerance` has no effect where `steps` is a number. .* with steps=32"),
        ({"max_steps": 63}, "`max_steps` has no effect where `steps` is a number"),
        ({"steps": "auto", "method": "middle"}, "`method` has no effect where `steps` is auto"),
        ({"steps": "auto", "tolerance": -0.1}, "`tolerance` must be a number of at least 0"),
        ({"steps": "auto", "max_steps": 6}, "`max_steps` must be an integer of at least 7"),
        ({"steps": "auto", "max_steps": 10**6}, "`max_steps` must be at most 16383"),
        ({"steps": "Auto"}, "`steps` must be an integer"),
    ],
)
def test_what_has_no_effect_or_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        IntegratedGradients(**settings)


@pytest.mark.slow
def test_a_report_says_how_many_steps_were_used(spied):
    model, _ = spied
    report = kax.evaluate(
        model,
        (X, TARGETS),
        explainers=["integrated_gradients", KINKED],
        metrics="cosine_distance",
        attacks="fgsm",
        epsilons=(0.1,),
        noise_control=False,
        checks="cheap",
        progress=False,
    )
    clean = KINKED.steps_used(model, X)
    np.testing.assert_array_equal(report.measurements.at("steps_used", explainer=KINKED), clean)
    attacked = report.measurements.at("steps_used", explainer=KINKED, attack="fgsm", epsilon=0.1)
    both = np.concatenate([clean, attacked])
    assert report.steps_used(KINKED) == (np.median(both), both.max())
    text = f"steps: median {np.median(both):g}, largest {both.max()}"
    assert text in " ".join(str(report).split())
    again = kax.EvaluationReport.from_json(report.to_json())
    assert again.to_dict()["steps_used"] == {KINKED.name: report.steps_used(KINKED)._asdict()}
    assert (report.measurements.arrays["steps_used"][0] == -1).all()
    with pytest.raises(ValueError, match="'integrated_gradients' takes as many steps for every image"):
        report.steps_used("integrated_gradients")
    plain = json.loads(report.to_json())  # as of explainers that decide nothing
    del plain["measurements"]["quantities"]["steps_used"]
    assert "steps_used" not in kax.EvaluationReport.from_json(json.dumps(plain)).to_dict()
