"""Integrated Gradients in closed form, in float64, and by what its axioms promise."""

from __future__ import annotations

import functools

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.explainers import BlankHeatmapWarning, IntegratedGradients

pytestmark = pytest.mark.sampled(3)

SHAPE = (2, 3, 2)
METHODS = ("gausslegendre", "left", "right", "middle", "trapezoid")
WEIGHTS = np.random.default_rng(3).normal(size=(12, 3))


@functools.cache
def polynomial(power: int) -> kax.ImageClassifier:
    """Each score is a weighted sum of the pixels' powers; pixels are in [-1, 1]."""
    inputs = x = keras.Input(SHAPE)
    for _ in range(power - 1):
        x = keras.layers.Multiply()([x, inputs])
    head = keras.layers.Dense(3)
    model = keras.Model(inputs, head(keras.layers.Flatten()(x)))
    head.set_weights([WEIGHTS, np.zeros(3)])
    return kax.ImageClassifier(model, bounds=(-1, 1))


def images(count: int = 5) -> np.ndarray:
    return 2 * helpers.random_images(count, SHAPE) - 1


def of_class(targets) -> np.ndarray:
    return WEIGHTS.T[targets].reshape(-1, *SHAPE)


@pytest.mark.parametrize(("method", "steps"), [*((method, 2) for method in METHODS), ("left", 1), ("gausslegendre", 7)])
def test_a_linear_model_is_explained_exactly(method, steps):
    """Weight times distance from the baseline, however few steps there are."""
    x, baseline, targets = images(), images(6)[5], np.array([0, 1, 2, 1, 0])
    explainer = IntegratedGradients(steps=steps, method=method, baseline=baseline)
    found = explainer.attributions(polynomial(1), x, targets)
    np.testing.assert_allclose(found, of_class(targets) * (x - baseline), atol=1e-5)


def test_the_attributions_of_a_linear_model_add_up():
    x, targets = images(), np.array([0, 1, 2, 1, 0])
    black = IntegratedGradients(steps=1)
    np.testing.assert_allclose(black.attributions(polynomial(1), x, targets), of_class(targets) * (x + 1), atol=1e-5)
    assert (black.completeness_gap(polynomial(1), x, targets) < 1e-5).all()


@pytest.mark.parametrize(("method", "steps", "error"), [
    ("gausslegendre", 1, 0), ("gausslegendre", 2, 0), ("middle", 3, 0), ("trapezoid", 2, 0), ("left", 4, -1 / 4),
    ("right", 4, 1 / 4), ("left", 50, -1 / 50), ("right", 1, 1),
])  # fmt: skip
def test_a_quadratic_model_in_closed_form(method, steps, error):
    """`w (x^2 - baseline^2)`, and `w (x - baseline)^2` times the error of the sum over t."""
    x, baseline = images(), images(6)[5]
    found = IntegratedGradients(steps=steps, method=method, baseline=baseline).attributions(polynomial(2), x, 2)
    expected = of_class([2]) * (x**2 - baseline**2 + error * (x - baseline) ** 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("method", "steps", "mean_of_squares"), [
    ("gausslegendre", 1, 1 / 4), ("gausslegendre", 2, 1 / 3), ("left", 4, 7 / 32), ("right", 4, 15 / 32),
    ("middle", 4, 1 / 3 - 1 / 192), ("trapezoid", 5, 1 / 3 + 1 / 96),
])  # fmt: skip
def test_a_cubic_model_in_closed_form(method, steps, mean_of_squares):
    """From 0, `w x^3` times three times what the sum makes of the integral of t^2."""
    x = images()
    explainer = IntegratedGradients(steps=steps, method=method, baseline="gray")
    expected = 3 * mean_of_squares * of_class([1]) * x**3
    np.testing.assert_allclose(explainer.attributions(polynomial(3), x, 1), expected, atol=1e-5)


def test_the_gap_of_a_cubic_model_in_closed_form():
    """One Gauss-Legendre node misses a quarter of the change."""
    x, explainer = images(), IntegratedGradients(steps=1, baseline="gray")
    change = np.sum(of_class([1]) * x**3, axis=(1, 2, 3))
    np.testing.assert_allclose(explainer.completeness_gap(polynomial(3), x, 1), np.abs(change) / 4, atol=1e-5)
    np.testing.assert_allclose(explainer.completeness_gap(polynomial(3), x, 1, relative=True), 1 / 4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_two_implementations_of_one_function_are_explained_alike(method):
    """Sundararajan et al. 2017, figure 4: DeepLift and layer-wise relevance propagation distinguish the two."""
    relu = keras.ops.relu
    inputs = keras.Input((1, 2, 1))
    a, b = (keras.layers.Flatten()(inputs)[:, index : index + 1] for index in (0, 1))
    first, second = relu(relu(a) - 1 - relu(b)), relu(relu(a - 1) - relu(b))
    model = keras.Model(inputs, keras.layers.Concatenate()([first, second]))
    classifier = kax.ImageClassifier(model, bounds=(0, 3), from_logits=True)
    x = np.array([3, 1], "float32").reshape(1, 1, 2, 1)
    explainer = IntegratedGradients(steps=500, method=method)
    found = np.concatenate([explainer.attributions(classifier, x, target) for target in (0, 1)])
    np.testing.assert_allclose(found.reshape(2, 2), [[1.5, -0.5]] * 2, atol=0.01)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def by_hand_in_float64(model: keras.Model, x, activation) -> tf.Tensor:
    """The logits of `helpers.small_cnn`."""
    weights = [tf.constant(weight, tf.float64) for weight in model.get_weights()]
    for index in range(3):
        kernel, bias = weights[2 * index : 2 * index + 2]
        x = activation(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        x = x if index == 2 else tf.nn.max_pool2d(x, 2, 2, "VALID")
    return tf.reduce_mean(x, axis=(1, 2)) @ weights[6] + weights[7]


@pytest.mark.parametrize("score", ["logit", "probability"])
@pytest.mark.parametrize("activation", [tf.nn.tanh, tf.nn.relu], ids=["tanh", "relu"])
def test_a_trained_network_in_float64(activation, score, build):
    """Where a ReLU or maximum has its kink, rounding decides on which side a point lies; so a few pixels may differ."""
    model = build()
    for index in (1, 2, 3):
        model.get_layer(f"conv{index}").activation = keras.activations.get(activation.__name__)
    x, y = helpers.random_images(4), np.array([0, 1, 1, 0])
    nodes, weights = np.polynomial.legendre.leggauss(12)
    total = 0
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = tf.constant(0.3 + node * (x.astype("float64") - 0.3))
        with tf.GradientTape() as tape:
            tape.watch(point)
            logits = by_hand_in_float64(model, point, activation)
            values = logits if score == "logit" else tf.nn.softmax(logits)
            chosen = tf.gather(values, y, batch_dims=1)
        total += weight * tape.gradient(chosen, point).numpy()
    expected = total * (x - 0.3)
    explainer = IntegratedGradients(steps=12, score=score, baseline=np.full(helpers.SHAPE, 0.3))
    away = np.abs(explainer.attributions(model, x, y) - expected) / np.abs(expected).max((1, 2, 3), keepdims=True)
    tolerance = 1e-6 if score == "logit" else 1e-4  # of 1 - p, near 1, float32 keeps few digits
    assert (away > tolerance).mean() <= 0.05
    assert away.max() < 0.02
    maps = np.abs(expected) / np.abs(expected).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(explainer(model, x, y), maps, atol=0.02)


def changes(model, x, targets, baseline=0.0, score="logits") -> np.ndarray:
    """How far the score of each image is from that of a constant image."""
    forward = kax.ImageClassifier(model).forward
    before, after = (np.asarray(getattr(forward(item), score)) for item in (np.full_like(x, baseline), x))
    return np.take_along_axis(after - before, np.asarray(targets)[:, None], 1)[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["black", "white"])
def test_the_attributions_of_a_trained_network_add_up(baseline, model, test_faces):
    """Within 1 % of what the scores change by; an image whose own score hardly changes may miss more of that."""
    x, y = test_faces
    explainer = IntegratedGradients(steps=64, baseline=baseline)
    change = changes(model, x, y, float(baseline == "white"))
    total = explainer.attributions(model, x, y).sum(axis=(1, 2, 3), dtype="float64")
    gap = explainer.completeness_gap(model, x, y)
    np.testing.assert_allclose(gap, np.abs(total - change), atol=1e-4)
    assert np.median(gap / np.abs(change)) < 0.01
    assert (gap < 0.05 * np.median(np.abs(change))).all()
    assert np.median(gap) < 0.01 * np.median(np.abs(change))
    assert abs(total.sum() - change.sum()) < 0.01 * np.abs(change).sum()


@pytest.mark.slow
def test_more_steps_close_the_gap(model, test_faces):
    x, y = test_faces
    means = [IntegratedGradients(steps=steps).completeness_gap(model, x, y).mean() for steps in (2, 8, 64)]
    assert (np.diff(means) < 0).all()
    assert means[-1] < means[0] / 20


@pytest.mark.slow
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_the_gap_is_that_of_the_score_that_is_explained(score, model, few):
    x, y = few
    explainer = IntegratedGradients(steps=3, score=score)
    change = changes(model, x, y, score="logits" if score == "logit" else "probabilities")
    expected = np.abs(explainer.attributions(model, x, y).sum((1, 2, 3)) - change)
    gap = explainer.completeness_gap(model, x, y)
    assert gap.shape == (6,)
    assert gap.dtype == np.float32
    assert gap.max() > 1e-3
    np.testing.assert_allclose(gap, expected, atol=1e-5)
    relative = explainer.completeness_gap(model, x, y, relative=True)
    np.testing.assert_allclose(relative, expected / np.abs(change), rtol=1e-3, atol=1e-5)
    inside = tf.function(lambda x, y: explainer.completeness_gap(model, x, y))
    np.testing.assert_allclose(inside(x, y), gap, atol=1e-5)
    assert tf.is_tensor(explainer.completeness_gap(model, tf.constant(x), y))


def test_the_gap_of_the_predictions_unless_targets_are_named(model, few):
    explainer, x = IntegratedGradients(steps=3), few[0]
    predictions = kax.ImageClassifier(model).forward(x).predictions.numpy()
    np.testing.assert_allclose(
        explainer.completeness_gap(model, x), explainer.completeness_gap(model, x, predictions), atol=1e-3
    )
    assert not np.allclose(explainer.completeness_gap(model, x), explainer.completeness_gap(model, x, 1 - predictions))


@pytest.mark.slow
def test_every_option_changes_the_result(model, few):
    def attributions(**settings):
        return IntegratedGradients(**{"steps": 4, **settings}).attributions(model, *few)

    plain, noise = attributions(), attributions(baseline="noise", draws=2)
    scale = np.abs(plain).max()
    for name, settings in {
        "steps": {"steps": 5},
        "method": {"method": "left"},
        "baseline": {"baseline": "white"},
        "score": {"score": "probability"},
    }.items():
        assert np.abs(attributions(**settings) - plain).max() > 0.01 * scale, name
    for settings in ({"draws": 3}, {"seed": 1}):
        assert np.abs(attributions(**{"baseline": "noise", "draws": 2, **settings}) - noise).max() > 0.01 * scale
    np.testing.assert_array_equal(attributions(baseline="noise", draws=2), noise)


def test_the_probability_saturates_where_the_logit_does_not(build, few):
    """The probability of the class is 1 all along the path, so that nothing in the image changes it."""
    model, (x, _) = build(), few
    *body, kernel, bias = model.get_weights()
    model.set_weights([*body, kernel, np.add(bias, [0, 200])])
    probability = IntegratedGradients(score="probability")
    found = probability.attributions(model, x)
    assert np.abs(found).max() < 1e-6  # 0 but for rounding, which the kernels of oneDNN do not have here
    if not found.any():
        with pytest.warns(BlankHeatmapWarning, match=r"6 of 6 heatmaps of IntegratedGradients\(.* are blank"):
            assert (probability(model, x) == 0).all()
    assert (IntegratedGradients()(model, x).max((1, 2, 3)) == 1).all()


def test_the_classes_of_one_sigmoid_unit_are_opposite(build, few):
    one_unit, two_units = build("sigmoid"), build("linear")
    zero, one = (IntegratedGradients(steps=6).attributions(one_unit, few[0], target) for target in (0, 1))
    assert np.abs(one).max() > 0.01
    np.testing.assert_allclose(zero, -one, atol=1e-6)
    by_class = [IntegratedGradients(steps=6).attributions(two_units, few[0], target) for target in (0, 1)]
    np.testing.assert_allclose(one, by_class[1] - by_class[0], atol=1e-5)
    np.testing.assert_array_equal(*(IntegratedGradients(steps=6)(one_unit, few[0], target) for target in (0, 1)))


def test_the_heatmap_is_the_sum_of_absolute_attributions_over_the_channels():
    """Channels of opposite signs do not cancel out."""
    x, explainer = images(), IntegratedGradients(steps=2)
    assert not explainer.signed
    sums = np.abs(of_class([0]) * (x + 1)).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(explainer(polynomial(1), x, 0), sums / sums.max((1, 2, 3), keepdims=True), atol=1e-5)


@pytest.mark.slow
def test_a_score_that_no_image_changes_has_blank_maps_and_no_gap():
    x, flat, explainer = (
        helpers.random_images(5, SHAPE),
        helpers.linear_model(np.zeros((12, 2)), SHAPE),
        IntegratedGradients(steps=2),
    )
    with pytest.warns(BlankHeatmapWarning, match="5 of 5 heatmaps"):
        assert (explainer(flat, x) == 0).all()
    assert (explainer.attributions(flat, x) == 0).all()
    assert (explainer.completeness_gap(flat, x) == 0).all()
    assert not explainer.completeness_gap(flat, x, relative=True).any()  # neither a gap nor a change


def test_an_image_that_is_its_own_baseline_has_a_blank_map(model):
    x = np.stack([np.zeros(helpers.SHAPE, "float32"), helpers.random_images(1)[0]])
    with pytest.warns(BlankHeatmapWarning, match=r"1 of 2 heatmaps .* \(image 0 the first\)"):
        maps = IntegratedGradients(steps=2)(model, x)
    assert maps.max((1, 2, 3)).tolist() == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("explainer", "head"), [
    (IntegratedGradients(steps=2), "softmax"), (IntegratedGradients(steps=2), "sigmoid"),
    (IntegratedGradients(steps=2, baseline="noise", draws=3), "linear"),
], ids=str)  # fmt: skip
def test_a_pass_already_made_is_used_eagerly_and_in_a_graph(explainer, head, build, few):
    x, y = few
    classifier = kax.ImageClassifier(build(head))

    def inside(x, y):
        forward = classifier.forward(x)
        return [explainer.attributions(classifier, x, targets, forward=forward) for targets in (None, 1, y)]

    composed = tf.function(inside, autograph=False)(x, tf.constant(y, tf.int32))
    for targets, found in zip((None, 1, y), composed, strict=True):
        expected = explainer.attributions(classifier, x, targets)
        eager = explainer.attributions(classifier, x, targets, forward=classifier.forward(x))
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_allclose(eager, expected, atol=1e-5 * np.abs(expected).max())


def test_classes_that_the_model_does_not_have_are_refused(model, few):
    for call in (IntegratedGradients(), IntegratedGradients().attributions, IntegratedGradients().completeness_gap):
        for wrong in (2, -1, [0, 1, 0, 1, 0, 2]):
            with pytest.raises(ValueError, match=r"`targets` must lie in 0\.\.1, because the model has 2 classes"):
                call(model, few[0], wrong)
        with pytest.raises(ValueError, match=r"`targets` must have one label for each of the 6 images"):
            call(model, few[0], [0, 1])


@pytest.mark.parametrize("name", ["steps", "internal_batch_size", "draws"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "4"])
@pytest.mark.sampled(1)  # they take no time
def test_numbers_that_are_not_whole_and_positive_are_refused(name, wrong):
    message = rf"`{name}` must be an integer of at least 1. Received: {name}={wrong!r}"
    with pytest.raises(ValueError, match=message):
        IntegratedGradients(**{"baseline": "noise", name: wrong})


def test_draws_without_noise_are_refused_because_they_would_do_nothing():
    message = r"`draws` belongs to baseline='noise'.* Received: draws=2 with baseline='mean'"
    with pytest.raises(ValueError, match=message):
        IntegratedGradients(baseline="mean", draws=2)
    assert IntegratedGradients(baseline="noise", draws=2).draws == 2


def test_the_seed_and_the_score_are_checked():
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0. Received: seed=-1"):
        IntegratedGradients(seed=-1)
    with pytest.raises(ValueError, match=r"one of logit, probability, centered_logit. Received: score='loss'"):
        IntegratedGradients(score="loss")


def test_passes_are_steps_times_draws_and_no_layer_is_looked_at(model):
    assert IntegratedGradients(steps=7).passes == 7
    assert IntegratedGradients(steps=7, baseline="noise", draws=3).passes == 21
    assert IntegratedGradients(steps=7, baseline=np.zeros(helpers.SHAPE)).passes == 7
    assert IntegratedGradients().layers(kax.ImageClassifier(model)) == ()
    assert not IntegratedGradients().is_cheap(kax.ImageClassifier(model))
