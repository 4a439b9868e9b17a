"""Models that are random when they run: each pass draws anew, by the evaluation's seed, and not from the user's."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import AlwaysDropout

import keras_advxai as kax
from keras_advxai.attacks import BIM, DDN, FGSM, MIFGSM, PGD, DeepFool, MultiTargetPGD
from keras_advxai.models import draws

PIXELS = (16, 16, 1)
STEPS = 8


class KerasNoise(keras.layers.Layer):
    """Noise from Keras' global seed generator."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


class TensorFlowNoise(keras.layers.Layer):
    """Noise from TensorFlow's own generator, inside of a function."""

    def call(self, x):
        return tf.function(lambda x: x + tf.random.normal(tf.shape(x)), autograph=False)(x)


class SometimesNoise(keras.layers.Layer):
    """Noise that is drawn in the branch of a condition."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, x):
        return tf.cond(tf.size(x) > 0, lambda: x + keras.random.normal(keras.ops.shape(x), seed=self.seeds), lambda: x)


class FixedNoise(keras.layers.Layer):
    """The same noise each time, which makes nothing random."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=3)


class FractionalPooling(keras.layers.Layer):
    """Pooling over regions that are drawn, anew each time if the seed is 0."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def call(self, x):
        return tf.nn.fractional_max_pool(x, 1.5, True, seed=self.seed)[0]


class DistortedBox(keras.layers.Layer):
    """Adds the mean of a crop that is drawn."""

    def call(self, x):
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(x)[1:], tf.zeros((1, 0, 4)), use_image_if_no_bounding_boxes=True
        )
        return x + tf.reduce_mean(tf.slice(x[0], begin, size))


def behind(layer, shape=PIXELS):
    """Logits `(2 * sum of what the layer makes of pixel - 1/2, 0)`, so that class 0 has a positive sum."""
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Rescaling(1.0, offset=-0.5),
            layer,
            keras.layers.Flatten(),
            keras.layers.Dense(2, use_bias=False, name="head"),
        ]
    )
    model.get_layer("head").set_weights([np.array([[2.0, 0.0]] * int(np.prod(shape)))])
    return model


@pytest.fixture(scope="module")
def model():
    return behind(AlwaysDropout(0.5, seed=11))


def images(count=4, value=0.6):
    return np.full((count, *PIXELS), value, "float32")


def test_each_pass_of_a_graph_draws_anew(model):
    """Also in a loop, in which a mask of the trace would be the same each time."""

    def run(classifier, x):
        def body(number, found):
            here = classifier.forward(x).logits[:, 0]
            return number + 1, found.write(number, here)

        first = classifier.forward(x).logits[:, 0]
        found = tf.TensorArray(tf.float32, STEPS)
        return first, tf.while_loop(lambda number, _: number < STEPS, body, (0, found))[1].stack()

    x = np.random.default_rng(0).random((1, *PIXELS), dtype="float32")
    first, others = kax.ImageClassifier(model).compiled("draws", run, tf.constant(x))
    seen = [*first.numpy(), *others.numpy().ravel()]
    assert len(set(seen)) == STEPS + 1
    # Half of the pixels are kept, and doubled.
    parts = 2 * (x - 0.5)
    assert abs(np.mean(seen) - parts.sum()) < 5 * np.sqrt(np.sum(parts**2) / (STEPS + 1))
    eager = [float(kax.ImageClassifier(model).forward(x).logits[0, 0]) for _ in range(3)]
    assert len({*seen, *eager}) == STEPS + 4


def test_a_step_moves_the_pixels_that_its_draw_kept(model):
    """In each step a pixel moves with a probability of one half, whatever it did in the step before."""
    attack = BIM(steps=STEPS, keep="last")
    moved = (images() - attack(model, images(), [0] * 4, epsilon=0.4)) / (0.4 / STEPS)
    counts = np.rint(moved)
    np.testing.assert_allclose(moved, counts, atol=1e-3)
    # Binomial of 8 steps: a mask for all steps would leave 0 and 8 alone, with a variance of 16.
    assert abs(counts.mean() - 4) < 5 * (2 / 1024) ** 0.5
    assert abs(counts.var() - 2) < 0.5


@pytest.mark.parametrize("samples", [1, 3])
def test_samples_are_the_mean_gradient_over_draws(model, samples):
    """A pixel has a gradient if one of the draws has kept it: all but one of `2 ** samples`."""
    found = FGSM(samples=samples)(model, images(8), [0] * 8, epsilon=[0.1, 0.2])
    moved = np.mean(found < images(8), axis=(1, 2, 3, 4))
    # One gradient for all epsilons, as for a model that is not random.
    assert moved[0] == moved[1]
    share = 1 - 0.5**samples
    assert abs(moved[0] - share) < 5 * (share * (1 - share) / 2048) ** 0.5


def test_samples_are_of_draws_and_not_of_directions(model):
    """In L2 the step is along the mean, in which a pixel kept by two of three draws counts twice."""
    step = images(1) - FGSM(norm="l2", samples=3)(model, images(1), [0], epsilon=0.5)
    counts = step / step[step > 1e-6].min()
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-2)
    found = np.bincount(np.rint(counts).astype(int).ravel(), minlength=4) / 256
    np.testing.assert_allclose(found, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=5 * 0.03)


@pytest.mark.slow
def test_deep_fool_steps_along_the_mean_slope(model):
    attack = DeepFool(steps=1, samples=3, overshoot=0.5)
    classifier = kax.ImageClassifier(model)
    step = tf.function(lambda x: x - attack.minimize(classifier, x, tf.constant([0]), classifier.forward(x)))(images(1))
    step = step.numpy()
    counts = np.rint(step / step[step > 1e-6].min()).astype(int).ravel()
    np.testing.assert_allclose(np.bincount(counts, minlength=4) / 256, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=5 * 0.03)


@pytest.mark.parametrize(
    "kind", [FGSM, PGD, BIM, MIFGSM, MultiTargetPGD, DDN, DeepFool], ids=lambda kind: kind.__name__
)
def test_attacks_with_gradients_take_samples(kind):
    assert kind(samples=4).get_config()["samples"] == 4
    assert kind().samples == 1
    with pytest.raises(ValueError, match="`samples` must be an integer of at least 1"):
        kind(samples=0)


def test_samples_do_not_change_what_is_found_of_a_model_that_is_not_random():
    sure = behind(keras.layers.Dropout(0.5))
    x = np.random.default_rng(0).random((3, *PIXELS), dtype="float32")
    plain, mean = (PGD(samples=samples, steps=3)(sure, x, [0, 1, 0], epsilon=0.1) for samples in (1, 2))
    np.testing.assert_array_equal(plain, mean)


SETTINGS = {"attacks": "fgsm", "explainers": (), "noise_control": False, "progress": False}


def test_what_is_found_under_one_draw_is_judged_under_another(model):
    """At one and a half times the margin, the step misleads the draw that it was made for, and no other.

    Of a pixel that both kept the value falls from 0.1 to -0.05, of one that the judge alone kept it stays.
    """
    report = kax.evaluate(model, (images(16), np.zeros(16, int)), epsilons=[0.15], **SETTINGS)
    assert report.accuracy("fgsm", 0.15) == 1.0
    x = tf.constant(images(16))

    def same_draw(classifier, x):
        forward = classifier.forward(x)
        return forward.gradient(lambda here, y: here.logits[:, 0], forward.predictions), forward.logits

    gradient, _ = kax.ImageClassifier(model).compiled("same draw", same_draw, x)
    mask = np.sign(gradient.numpy())
    assert np.all(np.sum(mask * (0.1 - 0.15 * mask), axis=(1, 2, 3)) < 0), "under its own draw, it misleads all"


def test_the_seed_repeats_an_evaluation_and_another_one_does_not(model):
    x = np.random.default_rng(0).random((6, *PIXELS), dtype="float32") * 0.2 + 0.4
    settings = {**SETTINGS, "epsilons": [0.01, 0.1], "batch_size": 4}

    def confidences(seed):
        report = kax.evaluate(model, x, seed=seed, **settings)
        return report.measurements.at("confidence"), report.measurements.at("confidence", attack="fgsm")

    first = confidences(0)
    model.predict(x, verbose=0)
    FGSM()(model, x)
    for one, other in zip(first, confidences(0), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(first, confidences(1), strict=True):
        assert np.any(one != other)


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (AlwaysDropout(0.5), "by the layer 'always_dropout"),
        (KerasNoise(), "seed_generator_state"),
        (SometimesNoise(), "by the layer 'sometimes_noise'"),
        (TensorFlowNoise(), "[Rr]andom_?[Nn]ormal|RandomStandardNormal"),
        (FixedNoise(), None),
        (keras.layers.Dropout(0.5), None),
        (keras.layers.GaussianNoise(0.5), None),
    ],
    ids=lambda item: getattr(item, "name", ""),
)
def test_a_random_model_is_known_by_its_graph(layer, word):
    report = kax.evaluate(behind(layer, (4, 4, 1)), np.full((2, 4, 4, 1), 0.6, "float32"), epsilons=[0.1], **SETTINGS)
    found = [finding for finding in report.warnings if finding.id == "random-model"]
    assert len(found) == (word is not None)
    if word:
        assert found[0].severity == "warning"
        assert re.search(word, found[0]), found[0]


@pytest.mark.parametrize("layer", [FractionalPooling(0), FractionalPooling(1), DistortedBox()])
def test_regions_that_are_drawn_make_a_model_random(layer):
    pooled = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((8, 8, 1)), layer, *pooled])
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype="float32")
    values = {float(model(x)[0, 0]) for _ in range(20)}
    assert bool(kax.ImageClassifier(model).topology().random) == (len(values) > 1)
    assert len(values) == 1 if getattr(layer, "seed", 0) else len(values) > 1


def test_what_is_drawn_and_not_used_makes_nothing_random():
    x = keras.Input((4, 4, 1))
    shown = AlwaysDropout(0.5)(x)
    classes = keras.layers.Dense(2, name="classes")(keras.layers.Flatten()(x))
    model = keras.Model(x, {"classes": classes, "shown": shown})
    assert kax.ImageClassifier(model, output="classes").topology().random == ()
    assert kax.ImageClassifier(behind(AlwaysDropout(0.5), (4, 4, 1))).topology().random != ()


def test_a_random_preprocessing_is_part_of_the_model():
    seeds = keras.random.SeedGenerator(5)

    def shaken(x):
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.01, seed=seeds)

    before = keras.ops.convert_to_numpy(seeds.state)
    classifier = kax.ImageClassifier(behind(keras.layers.Identity(), (4, 4, 1)), preprocess=shaken)
    assert classifier.topology((4, 4, 1)).random
    found = [classifier.forward(np.full((1, 4, 4, 1), 0.6, "float32")).logits[0, 0].numpy() for _ in range(2)]
    assert found[0] != found[1]
    np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(seeds.state))


@pytest.mark.parametrize("checks", ["cheap", "all"])
def test_the_users_generators_stay_as_they_are(checks):
    layer = AlwaysDropout(0.5, seed=4)
    model = behind(layer, (4, 4, 1))
    keras.random.normal((1,))  # the global one exists from here on
    everywhere = keras.src.random.seed_generator.global_seed_generator()
    before = [keras.ops.convert_to_numpy(item.state) for item in (layer.seed_generator, everywhere)]
    report = kax.evaluate(model, images(2)[:, :4, :4], epsilons=[0.1], checks=checks, **SETTINGS)
    for old, item in zip(before, (layer.seed_generator, everywhere), strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(item.state))
    assert [finding.id for finding in report.warnings].count("random-model") == 1


@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")  # that the model is random
def test_training_with_the_callback_draws_what_it_draws_without():
    def weights(callbacks):
        keras.utils.set_random_seed(1)
        model = behind(AlwaysDropout(0.5), (4, 4, 1))
        model.compile("sgd", "sparse_categorical_crossentropy")
        x = np.random.default_rng(0).random((8, 4, 4, 1), dtype="float32")
        model.fit(x, np.arange(8) % 2, epochs=2, batch_size=4, verbose=0, callbacks=callbacks)
        return [*model.get_weights(), *(keras.ops.convert_to_numpy(item) for item in model.variables)]

    data = np.random.default_rng(1).random((4, 4, 4, 1), dtype="float32"), np.arange(4) % 2
    settings = {"attacks": "fgsm", "explainers": (), "epsilons": [0.1]}
    callback = kax.callbacks.AdversarialEvaluation(data, **settings)
    for plain, watched in zip(weights([]), weights([callback]), strict=True):
        np.testing.assert_array_equal(plain, watched)
    assert len(callback.reports) == 2


def test_a_series_of_numbers_is_named_by_seed_and_number():
    def series(*which):
        draws.restart(*which)
        with draws.Draws() as scope:
            for _ in range(3):
                keras.random.normal((1,))
        return [tuple(seed.numpy()) for seed in scope.seeds]

    assert series(3) == series(3)
    several = [*series(3), *series(3, 1), *series(4), *series(4, 1)]
    assert len(set(several)) == len(several)
