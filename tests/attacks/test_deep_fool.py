"""DeepFool in closed form on linear models, within bounds, and on networks."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.attacks import DeepFool

pytestmark = pytest.mark.sampled(2)

SHAPE = (4, 4, 1)
X = np.random.default_rng(1).uniform(0.45, 0.55, (8, *SHAPE)).astype("float32")


def problem(classes: int, scale: float = 0.1) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """A linear model, the leads of each image's class over the others, `(8, classes)`, and their weights."""
    weights = np.random.default_rng(0).normal(size=(16, classes)).astype("float32")
    logits = X.reshape(8, 16) @ weights
    bias = -logits.mean(axis=0) * (1 - scale)
    model = helpers.linear_model(weights, SHAPE, bias=bias)
    logits = logits + bias
    y = logits.argmax(-1)
    leads = np.take_along_axis(logits, y[:, None], 1) - logits
    slopes = weights.T[None] - weights.T[y][:, None]
    return model, y, leads, slopes


def nearest(leads: np.ndarray, slopes: np.ndarray, norm: str) -> np.ndarray:
    dual = np.abs(slopes).sum(-1) if norm == "linf" else np.sqrt((slopes**2).sum(-1))
    with np.errstate(invalid="ignore"):
        return np.nanmin(np.where(leads > 0, leads / dual, np.nan), axis=1)


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_linear_model_has_an_exact_answer(norm, classes):
    model, y, leads, slopes = problem(classes)
    found = DeepFool(norm=norm).distances(model, X, y)
    assert (found < 0.45).all()  # no pixel reaches a bound
    np.testing.assert_allclose(found, nearest(leads, slopes, norm), rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_one_step_reaches_it(norm):
    model, y, leads, slopes = problem(3)
    np.testing.assert_allclose(
        DeepFool(norm=norm, steps=1).distances(model, X, y), nearest(leads, slopes, norm), rtol=1e-3
    )


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_bounds_are_kept_and_what_they_leave_open_is_used_best(norm):
    """Of 16 equal weights, four pixels can move by 0.05 only; the other twelve take over what they cannot."""
    weights = np.stack([np.zeros(16), np.ones(16)], axis=1)
    model = helpers.linear_model(weights, SHAPE, bias=[0, -11])
    x = np.full((1, *SHAPE), 0.5, "float32")
    x[0, 0] = 0.95
    need = 11 - float(x.sum())
    rest = (need - 4 * 0.05) / 12
    expected = rest if norm == "linf" else np.sqrt(12 * rest**2 + 4 * 0.05**2)
    np.testing.assert_allclose(DeepFool(norm=norm).distances(model, x, [0]), expected, rtol=2e-3)
    adversarial = DeepFool(norm=norm)(model, x, [0], epsilon=1.0 if norm == "linf" else 4.0)
    np.testing.assert_allclose(adversarial[0, 0], 1.0, atol=1e-3)
    assert adversarial.max() <= 1


@pytest.mark.parametrize(("norm", "background"), [("linf", 0.0), ("l2", 1.0), ("l2", 0.0), ("linf", 1.0)])
def test_a_background_at_a_bound_takes_no_part_in_a_step(norm, background):
    """Of 16 equal weights one pixel alone can follow, and a single step brings it to the boundary."""
    away = 1 - 2 * background  # the way that the background cannot go is the one that makes the other class lead
    weights = np.stack([np.zeros(16), np.full(16, -away)], axis=1)
    x = np.full((1, *SHAPE), background, "float32")
    x[0, 1, 2] = 0.5
    model = helpers.linear_model(weights, SHAPE, bias=[0, away * float(x.sum()) - 0.4])
    np.testing.assert_allclose(DeepFool(norm=norm, steps=1).distances(model, x, [0]), 0.4, rtol=2e-3)


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 255)])
def test_steps_are_not_multiplied_by_the_width_of_the_bounds(bounds):
    model, y, leads, slopes = problem(2)
    width = bounds[1] - bounds[0]
    classifier = kax.ImageClassifier(model, bounds=bounds, preprocess=lambda x: (x - bounds[0]) / width)
    x = (bounds[0] + width * X).astype("float32")
    found = DeepFool(steps=1).distances(classifier, x, y)
    np.testing.assert_allclose(found, nearest(leads, slopes, "l2"), rtol=2e-3)


def test_more_candidates_find_nearer_boundaries():
    """The class with the second largest logit is far away, the one with the third is near."""
    weights = np.zeros((16, 3), "float32")
    weights[0, 1], weights[:, 2] = 0.1, 1.0
    model = helpers.linear_model(weights, SHAPE, bias=[0.0, -0.06, -8.1])
    x = np.full((1, *SHAPE), 0.5, "float32")
    one = DeepFool(candidates=1).distances(model, x, [0])
    two = DeepFool(candidates=2).distances(model, x, [0])
    np.testing.assert_allclose(one, 0.1, rtol=1e-3)
    np.testing.assert_allclose(two, 0.1 / 4, rtol=1e-3)


@pytest.mark.slow
def test_every_option_changes_the_result(model, few):
    plain = DeepFool()(model, *few, 0.3)
    assert np.abs(DeepFool(norm="linf")(model, *few, 0.3) - plain).max() > 0.01
    assert np.abs(DeepFool(steps=1)(model, *few, 0.3) - plain).max() > 1e-3
    assert np.abs(DeepFool(overshoot=0.5)(model, *few, 0.3) - plain).max() > 1e-3


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_is_stronger_than_one_step_of_the_whole_budget(norm, model, test_faces):
    x, y = test_faces
    classifier = kax.ImageClassifier(model)
    distances = DeepFool(norm=norm).distances(model, x, y)
    assert np.isfinite(distances).all()
    for epsilon in np.quantile(distances, [0.25, 0.5, 0.75]):
        fgsm = kax.attacks.FGSM(norm=norm)(model, x, y, float(epsilon))
        assert np.mean(distances > epsilon) <= np.mean(classifier.forward(fgsm).predictions.numpy() == y) + 0.02


def test_wrong_arguments_say_what_to_pass():
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 1"):
        DeepFool(steps=0)
    with pytest.raises(ValueError, match="`candidates`"):
        DeepFool(candidates=0)
    with pytest.raises(ValueError, match="`overshoot` must be a number of at least 0"):
        DeepFool(overshoot=-0.1)
    with pytest.raises(ValueError, match="`norm` must be one of linf, l2"):
        DeepFool(norm="l1")


def test_a_model_without_a_gradient_is_refused():
    layers = [keras.Input(SHAPE), keras.layers.Lambda(keras.ops.round, name="levels"), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"(?s)no gradient.*'levels'.*Square"):
        DeepFool().distances(model, X)
