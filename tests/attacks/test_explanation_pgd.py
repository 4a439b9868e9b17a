"""Attacks on the explanation: the strongest one worked out by hand, gradients, and labels that stay."""

from __future__ import annotations

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.attacks import ExplanationPGD
from keras_advxai.attacks.explanation_objectives import displaced_mass
from keras_advxai.explainers import GradCAM, IntegratedGradients, Saliency

SHAPE = (6, 6, 1)
layers = keras.layers
IMAGES = tf.TensorSpec([None, *helpers.SHAPE])


def predictions(model, x) -> np.ndarray:
    return kax.ImageClassifier(model).forward(x).predictions.numpy()


def mirror(weights=(2.0, 1.0), bias=(0.0, 0.0)) -> keras.Model:
    """A convolution that returns the image: Grad-CAM of a class with a positive weight is the image itself."""
    model = keras.Sequential([
        keras.Input(SHAPE),
        layers.Conv2D(1, 1, kernel_initializer="ones", activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ])  # fmt: skip
    model.layers[-1].set_weights([np.array([weights], "float32"), np.array(bias, "float32")])
    return model


def smooth_network(activation="tanh") -> keras.Model:
    initializers = [keras.initializers.RandomNormal(stddev=0.7, seed=seed) for seed in range(3)]
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(3, 3, activation=activation, kernel_initializer=initializers[0], name="conv")(inputs)
    x = layers.Dense(4, activation=activation, kernel_initializer=initializers[1])(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(3, kernel_initializer=initializers[2])(x))


@pytest.mark.parametrize(("norm", "start"), [("linf", "zero"), ("l2", "uniform")])
def test_where_the_heatmap_is_the_image_the_strongest_attack_is_known(norm, start):
    """The share of the image's sum inside of a region falls fastest if the region darkens and the rest brightens."""
    x = helpers.random_images(3, SHAPE) * 0.2 + 0.4
    x[:, :2, :3] += 0.2
    inside = np.zeros(SHAPE, bool)
    inside[:2, :3] = True
    attack = ExplanationPGD(objective="top_k", k=6, norm=norm, start=start, steps=60)
    found = attack(mirror(), x, epsilon=0.1)
    if norm == "linf":
        np.testing.assert_allclose(found, x + np.where(inside, -0.1, 0.1), atol=1e-6)
        return
    mass = np.sum(x, (1, 2, 3), keepdims=True)
    share = np.sum(x * inside, (1, 2, 3), keepdims=True) / mass
    found_share = np.sum(found * inside, (1, 2, 3)) / np.sum(found, (1, 2, 3))
    slope = (share - inside) / mass  # the direction turns by little on so short a way
    straight = x + 0.1 * slope / np.linalg.norm(slope.reshape(3, -1), axis=1).reshape(3, 1, 1, 1)
    best = np.sum(straight * inside, (1, 2, 3)) / np.sum(straight, (1, 2, 3))
    np.testing.assert_allclose(found_share, best, rtol=2e-4)


def test_a_target_map_within_reach_is_reached():
    x = np.full((1, *SHAPE), 0.5, "float32")
    wanted = np.full(SHAPE[:2], 0.5)
    wanted[2, 2] = 0.55
    attack = ExplanationPGD(objective=wanted, start="zero", steps=100)
    heatmap = GradCAM()(mirror(), attack(mirror(), x, epsilon=0.1))
    np.testing.assert_allclose(heatmap[0, :, :, 0], wanted / 0.55, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("explainer", "objective"),
    [
        (GradCAM(layer="conv"), "mass_center"),
        (Saliency(), "top_k"),
        (Saliency(score="probability"), np.tri(6)),
        (IntegratedGradients(steps=2), "top_k"),
    ],
    ids=str,
)
def test_its_gradient_is_that_of_finite_differences(explainer, objective):
    """In a network without ReLUs, where the surrogate has nothing to do."""
    classifier = kax.ImageClassifier(smooth_network()).smoothed(5.0)
    attack = ExplanationPGD(explainer=explainer, objective=objective, keep_label=False)
    x, way = 0.2 + 0.6 * helpers.random_images(3, SHAPE), helpers.random_images(3, SHAPE, seed=1) - 0.5
    targets = tf.constant([0, 1, 2])
    reference = explainer(classifier, helpers.random_images(3, SHAPE, seed=2), targets)

    @tf.function
    def both(x):
        from keras_advxai.attacks.explanation_pgd import _Reference

        forward = classifier.forward(x)
        y = _Reference(targets, tf.zeros(3), tf.constant(reference))
        return attack.value(forward, y), attack.gradient(forward, y)

    width = 2e-3
    expected = (both(x + width * way)[0] - both(x - width * way)[0]) / (2 * width)
    np.testing.assert_allclose(np.sum(both(x)[1] * way, (1, 2, 3)), expected, rtol=0.03, atol=3e-3)


@pytest.mark.slow
def test_it_keeps_every_label_and_moves_the_heatmap_three_times_as_far_as_noise(model, test_faces):
    attacks = ["fgsm", ExplanationPGD(), ExplanationPGD(norm="l2")]
    report = kax.evaluate(
        model, test_faces, attacks=attacks, explainers="grad_cam", epsilons=(0.03, 0.4), batch_size=50, progress=False
    )
    label, attack, long, noise, long_noise = report.attacks
    assert report.aims == {
        label: "label", attack: "explanation", long: "explanation", noise: "noise", long_noise: "noise"
    }  # fmt: skip
    for name, control, epsilon in ((attack, noise, 0.03), (long, long_noise, 0.4)):
        assert report.mod(name, "grad_cam", epsilon) > 3 * report.mod(control, "grad_cam", epsilon)
        assert report.flip_rate(name, 0.03) == report.flip_rate(name, 0.4) == 0
    assert report.mod(attack, "grad_cam", 0.03) > report.mod(label, "grad_cam", 0.03)
    assert report.robust_accuracy(0.03, norm="linf") <= report.robust_accuracy(0.03, attack=label)
    assert {finding.id for finding in report.warnings} <= {"few-images", "l2-epsilon"}
    _, short, wide = str(report).split("MOD by what was aimed at ")
    for table, norm, order in ((short, "linf", (attack, label, noise)), (wide, "l2", (long, long_noise))):
        assert table.splitlines()[0].strip() == f"({norm})"
        said = [{attack: "explanation:", long: "explanation:", label: "label:"}.get(name, "noise:") for name in order]
        assert [line.split() for line in table.splitlines()[2:4]] == [
            ["explainer", "and", *said],
            ["epsilon", *order, "chance"],
        ]
        mods = [f"{report.mod(name, 'grad_cam', 0.03):.3f}" for name in order]
        assert ["0.03", *mods, f"{report.chance('grad_cam'):.3f}"] in [line.split() for line in table.splitlines()]


@pytest.mark.slow
def test_without_the_surrogate_a_saliency_map_of_relus_has_nothing_to_follow():
    """Second derivatives are zero, so no step goes anywhere; through the surrogate they do."""
    model, x = smooth_network("relu"), helpers.random_images(4, SHAPE)

    def run(**settings):
        attack = ExplanationPGD(explainer="saliency", objective="top_k", steps=10, **settings)
        return attack(model, x, epsilon=0.1)

    start = run(beta=None)
    np.testing.assert_array_equal(run(beta=None, step_size=3.0), start)
    found = run()
    clean, *shares = (Saliency()(model, images, predictions(model, x)) for images in (x, start, found))
    start_share, share = (displaced_mass(clean, maps, 0.1).numpy().mean() for maps in shares)
    assert share > start_share + 0.01


@pytest.mark.slow
def test_the_label_stays_only_if_it_is_to_stay():
    """Two classes that lead by little, one in bright images and one in dark ones."""
    model = mirror(weights=(2.0, 1.0), bias=(-0.5, 0.0))  # class 0 from a mean brightness of 0.5 on
    x = helpers.random_images(4, SHAPE) * 0.2 + 0.42
    x[2:] -= 0.05
    before = predictions(model, x)
    assert set(before) == {0, 1}
    kept, free = (
        ExplanationPGD(objective=np.eye(6), keep_label=keep, start="zero", steps=20)(model, x, epsilon=0.2)
        for keep in (True, False)
    )
    np.testing.assert_array_equal(predictions(model, kept), before)
    assert (predictions(model, free) != before).any()
    target = np.eye(6)[..., None]
    distance = [np.mean((GradCAM()(model, images, before) - target) ** 2) for images in (x, kept, free)]
    assert distance[0] > distance[1] > distance[2]


def test_an_iterate_is_judged_by_its_own_heatmap_and_not_by_the_smoothed_one():
    """Smoothed rectifiers show the way; what a user sees is the heatmap of the model itself."""
    from keras_advxai.attacks.explanation_pgd import _Reference

    own = kax.ImageClassifier(smooth_network("relu"))
    x, attack = tf.constant(helpers.random_images(4, SHAPE)), ExplanationPGD(explainer="saliency", objective="nissim")
    targets = tf.constant([0, 1, 2, 0])
    reference = tf.constant(Saliency()(own, helpers.random_images(4, SHAPE, seed=2), targets))

    def judged(classifier):
        y = _Reference(targets, tf.zeros(4), reference)
        run = tf.function(lambda images: attack.value(classifier.forward(images), y))
        return run(x).numpy()

    expected = kax.metrics.nissim(reference, Saliency()(own, x, targets))
    smoothed = kax.metrics.nissim(reference, Saliency()(own.smoothed(5.0), x, targets))
    assert np.abs(smoothed - expected).max() > 1e-3
    for classifier in (own, own.smoothed(5.0)):
        np.testing.assert_allclose(judged(classifier), expected, atol=1e-5)


def test_an_image_that_has_lost_its_prediction_goes_back():
    """Along the gradient of the clean prediction's margin; the others maximise the objective."""
    model = smooth_network("relu")
    classifier, x = kax.ImageClassifier(model).smoothed(5.0), helpers.random_images(6, SHAPE)
    now = predictions(model, x)
    clean = np.where([True, False] * 3, now, (now + 1) % 3)
    reference = np.eye(6, dtype="float32")[None, ..., None].repeat(6, axis=0)

    def gradient(keep_label):
        from keras_advxai.attacks.explanation_pgd import _Reference

        attack = ExplanationPGD(explainer="saliency", objective="top_k", keep_label=keep_label)
        y = _Reference(tf.constant(clean), tf.zeros(6), tf.constant(reference))
        return tf.function(lambda images: attack.gradient(classifier.forward(images), y))(tf.constant(x)).numpy()

    with tf.GradientTape() as tape:
        images = tf.Variable(x)
        logits = model(images)
        own = tf.gather(logits, clean, batch_dims=1)
        lead = own - tf.reduce_max(tf.where(tf.one_hot(clean, 3) > 0, -np.inf, logits), axis=1)
    back, found, free = tape.gradient(lead, images), gradient(keep_label=True), gradient(keep_label=False)
    np.testing.assert_allclose(found[::2], free[::2], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[1::2], back[1::2], rtol=1e-4, atol=1e-6)
    assert not np.allclose(found[1::2], free[1::2], atol=1e-3)


@pytest.mark.slow
def test_in_a_wider_budget_the_explanation_can_be_changed_further(model, test_faces):
    """Though far more iterates lose their prediction there."""
    x, before = test_faces[0], predictions(model, test_faces[0])
    clean, mods = GradCAM()(model, x, before), []
    for epsilon in (0.1, 0.2):
        found = ExplanationPGD()(model, x, epsilon=epsilon)
        np.testing.assert_array_equal(predictions(model, found), before)
        mods.append(kax.metrics.nissim(clean, GradCAM()(model, found, before)).mean())
    assert mods[1] > 1.05 * mods[0]


@pytest.mark.slow
def test_labels_do_not_matter_and_blank_maps_are_no_trouble():
    model = mirror(weights=(-1.0, -2.0))  # nothing speaks for class 0, which is always predicted
    x = helpers.random_images(2, SHAPE) * 0.8 + 0.1
    attack = ExplanationPGD(objective="mass_center", steps=3)
    for y in ([1, 1], None):
        np.testing.assert_array_equal(attack(model, x, y, epsilon=0.1), x)  # no iterate has a centre of mass


@pytest.mark.slow
def test_further_options_change_the_result():
    model, x = smooth_network("relu"), helpers.random_images(4, SHAPE)

    def run(**settings):
        return ExplanationPGD(**{"objective": "top_k", "steps": 4, **settings})(model, x, epsilon=0.05)

    plain = run()
    for settings in (
        {"k": 10},
        {"beta": 1.0},
        {"steps": 5},
        {"step_size": 0.1},
        {"schedule": "constant"},
        {"restarts": 2},
        {"seed": 1},
    ):
        assert not np.allclose(run(**settings), plain, atol=1e-4), settings


@pytest.mark.slow
def test_the_graph_grows_neither_with_steps_nor_with_epsilons(model):
    """Before the loop a pass; after it the last iterate's and the result's; in it a pass and its gradient, and both
    for the way back."""
    classifier = kax.ImageClassifier(model)

    def convolutions(explainer, steps, epsilon):
        attack = ExplanationPGD(explainer=explainer, objective="top_k", steps=steps)
        step = tf.function(lambda x: attack(classifier, x, None, epsilon))
        found = helpers.counted_operations(step, IMAGES)
        return found["Conv2D"], found["Conv2DBackpropInput"]

    assert convolutions("grad_cam", 2, 0.1) == convolutions("grad_cam", 50, [0.1, 0.2]) == (5 * 3, 3 + 3)
    forward, backward = convolutions("saliency", 2, 0.1)
    assert (forward, backward) == convolutions("saliency", 50, [0.1, 0.2])
    # Three gradients of the logit: at the image, at an iterate as the model sees it, at the last. In the loop one more
    # through the surrogate, whose derivative runs once forward, along with the gradient, and once backward.
    assert (forward, backward) == (5 * 3 + 3, 3 * 3 + 3 + 3 + 3)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (ExplanationPGD(objective=np.eye(5)), r"shape of one heatmap, \(6, 6\). .* a target map of shape \(5, 5\)"),
        (ExplanationPGD(objective="top_k", k=36), "`k` must be below the number of positions, 36. Received: k=36"),
        (ExplanationPGD(explainer=GradCAM(layer="cnv")), "cnv"),
    ],
    ids=repr,
)
def test_what_does_not_fit_the_model_is_refused_before_anything_is_computed(attack, message):
    spy = helpers.Executions()
    model = keras.Sequential([keras.Input(SHAPE), spy, mirror()])
    for run in (
        lambda: attack(model, helpers.random_images(2, SHAPE), epsilon=0.1),
        lambda: kax.evaluate(model, helpers.random_images(2, SHAPE), attacks=attack, progress=False),
    ):
        with pytest.raises(ValueError, match=message):
            run()
    assert spy.seen.computed == 0


@keras.saving.register_keras_serializable(package="tests")
class Rounded(layers.Layer):
    """Has no gradient."""

    def call(self, x):
        return tf.round(x * 8) / 8


@pytest.mark.slow
def test_heatmaps_that_cannot_be_changed_along_a_gradient():
    x = helpers.random_images(2, SHAPE)
    with pytest.raises(ValueError, match=r"heatmaps of GradCAM.* do not depend on the images in a differentiable way"):
        ExplanationPGD()(keras.Sequential([keras.Input(SHAPE), Rounded(), mirror()]), x, epsilon=0.1)
    linear = helpers.linear_model(np.random.default_rng(0).normal(size=(36, 2)), SHAPE)
    with pytest.raises(ValueError, match=r"heatmaps of Saliency.* do not depend on the images"):
        ExplanationPGD(explainer="saliency")(linear, x, epsilon=0.1)


def test_an_eager_pass_is_not_needed_and_does_no_harm(model, few):
    attack, classifier = ExplanationPGD(objective="top_k", steps=3), kax.ImageClassifier(model)
    found = attack(classifier, few[0], epsilon=0.05, forward=classifier.forward(few[0]))
    np.testing.assert_array_equal(found, attack(classifier, few[0], epsilon=0.05))
