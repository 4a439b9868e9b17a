"""What stands where a name, a number or an array belongs: refused by name, or taken as it is meant."""

from __future__ import annotations

import re

import helpers
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai import attacks, contrib, explainers, metrics
from keras_advxai.audit import randomization
from keras_advxai.models.inputs import check_bounds, check_class_names, check_epsilons, check_number
from keras_advxai.testing import check_attack

L = keras.layers
SHAPE = (8, 8, 1)
X, Y = helpers.random_images(4, SHAPE), np.array([0, 1, 2, 0])
HUGE = 10**400
QUIET = {"progress": False, "epsilons": (0.1,)}


def conv() -> L.Layer:
    return L.Conv2D(
        4,
        3,
        activation="relu",
        padding="same",
        name="conv",
        kernel_initializer=keras.initializers.RandomUniform(seed=1),
    )


def dense(units: int = 3) -> L.Layer:
    return L.Dense(units, kernel_initializer=keras.initializers.RandomUniform(-1, 1, seed=2))


def assert_same(first: kax.EvaluationReport, second: kax.EvaluationReport) -> None:
    for name, array in first.measurements.arrays.items():
        np.testing.assert_array_equal(array, second.measurements.arrays[name])


@pytest.fixture(scope="module")
def logits() -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), conv(), L.GlobalAveragePooling2D(), dense()], name="logits")


@pytest.mark.parametrize(
    "value", [np.array(["l2", "l2"]), np.array([]), ["l2"], {"l2"}, b"l2", 2], ids=lambda value: repr(value)[:20]
)
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (attacks.FGSM, "norm"),
        (attacks.FGSM, "loss"),
        (attacks.PGD, "keep"),
        (attacks.PGD, "start"),
        (attacks.PGD, "schedule"),
        (attacks.Ensemble.preset, "name"),
        (contrib.CleverHans, "method"),
        (contrib.CleverHans, "loss"),
        (contrib.TFKerasVis, "method"),
        (explainers.GradCAM, "score"),
        (lambda **given: explainers.GradCAM(layer="conv", **given), "reshape_transform"),
        (explainers.IntegratedGradients, "method"),
        (kax.EvaluationSettings, "target"),
        (kax.EvaluationSettings, "checks"),
        (kax.EvaluationSettings, "labels"),
        (kax.EvaluationSettings, "task"),
        (lambda **given: explainers.GradCAM.every_layer(keras.Sequential(), **given), "kind"),
    ],
)
def test_what_is_no_name_is_refused_as_a_wrong_name_is(build, name, value):
    for given in (value, tf.constant("l2")):
        with pytest.raises((TypeError, ValueError), match=f"Argument `{name}` must be"):
            build(**{name: given})


@pytest.mark.parametrize("value", [None, 3, 0.5, np.array(2), tf.constant(1)], ids=repr)
def test_what_is_neither_one_nor_several(logits, value):
    for name in ("attacks", "explainers", "metrics"):
        with pytest.raises(TypeError, match=f"Argument `{name}` must be a name or an instance, or several.*Received"):
            kax.EvaluationSettings(**{name: value})
    with pytest.raises(TypeError, match="Argument `explainers` must be"):
        kax.compare_scores(logits, X, explainers=value)
    with pytest.raises(TypeError, match="Argument `explainers` must be"):
        randomization(logits, X, explainers=value)
    with pytest.raises(TypeError, match="Argument `metrics` must be"):
        kax.EvaluationSettings(metrics=keras.Input((2,)))


def test_a_base_class_is_no_attack_and_no_explainer():
    with pytest.raises(ValueError, match=r"Attack is what every attack is built on, and none itself.*fgsm"):
        attacks.get(attacks.Attack)
    with pytest.raises(ValueError, match=r"Explainer is what every explainer is built on.*grad_cam"):
        kax.EvaluationSettings(explainers=[explainers.Explainer])


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "FGSM", "config": {"norm": "l7"}},
        {**attacks.serialize(attacks.FGSM()), "config": {"norm": "l7"}},
        {**attacks.serialize(attacks.FGSM()), "config": {"strength": 1}},
        {"class_name": "Nothing", "config": {}, "module": "nowhere"},
        {"class_name": "__lambda__", "config": {"value": ["YQ==", None, None]}},
        {"class_name": None, "config": {}},
    ],
)
def test_a_broken_configuration(config):
    for module, kind in ((attacks, "attack"), (explainers, "explainer")):
        for call in (module.get, module.deserialize):
            with pytest.raises((TypeError, ValueError), match=f"`config` must be what `serialize` made of some {kind}"):
                call(config)


@pytest.mark.parametrize("bounds", ["01", b"01", (0, HUGE), (-HUGE, 0), {0, 1}, {0: 1, 1: 2}, (1e6, 1e6 + 1), 1j])
def test_bounds_that_are_none(bounds):
    with pytest.raises(ValueError, match=re.escape("Argument `bounds` must be")):
        check_bounds(bounds)


def test_bounds_may_be_far_from_zero_as_long_as_float32_has_their_levels():
    assert check_bounds((1000, 1001)) == (1000, 1001)
    assert check_bounds((1e6, 1e6 + 255)) == (1e6, 1e6 + 255)
    with pytest.raises(ValueError, match="float32 can hold the levels"):
        check_bounds((1e5, 1e5 + 1))


def test_an_integer_larger_than_any_float():
    assert check_number("x", np.float32(0.5), 0) == check_number("x", 0.5, 0.5) == 0.5
    with pytest.raises(ValueError, match="`x` must be a number of at least 0"):
        check_number("x", HUGE, 0)
    for build in (
        lambda: attacks.PGD(step_size=HUGE),
        lambda: explainers.SmoothGrad(noise=HUGE),
        lambda: kax.callbacks.AdversarialEvaluation(X, max_share=HUGE),
        lambda: kax.compare_scores(None, X, epsilon=HUGE),
    ):
        with pytest.raises(ValueError, match="must be a number of at least 0"):
            build()


def test_long_doubles_are_what_they_are_in_64_bits(logits):
    long, double = X.astype("longdouble"), X.astype("float64")
    for call in (attacks.FGSM(), explainers.GradCAM()):
        np.testing.assert_array_equal(call(logits, long), call(logits, double))
    reports = [kax.evaluate(logits, (x, Y), explainers=(), **QUIET) for x in (long, double)]
    assert_same(*reports)


NO_NUMBERS = {
    "complex": lambda x: x.astype("complex64"),
    "spans of time": lambda x: np.zeros(x.shape, "timedelta64[s]"),
    "dates": lambda x: np.zeros(x.shape, "datetime64[s]"),
    "words": lambda x: x.astype(str),
    "objects": lambda x: x.astype(object),
    "sparse": lambda x: tf.sparse.from_dense(x),
    "symbolic": lambda x: keras.Input(x.shape[1:]),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_array_of_numbers(logits, kind):
    make = NO_NUMBERS[kind]
    for call in (
        lambda: attacks.FGSM()(logits, make(X)),
        lambda: explainers.GradCAM()(logits, make(X)),
        lambda: kax.evaluate(logits, (make(X), Y), explainers=(), **QUIET),
    ):
        with pytest.raises(
            (TypeError, ValueError), match=r"must be (an|one) array|`data` must be|must be \(x, y\)|must have the"
        ):
            call()
    for call in (
        lambda: attacks.FGSM()(logits, X, make(Y)),
        lambda: explainers.GradCAM()(logits, X, make(Y)),
        lambda: attacks.FGSM()(kax.ImageClassifier(logits, labels="multi"), X, make(np.eye(3)[Y])),
        lambda: attacks.FGSM()(kax.ImageClassifier(logits, task="regression"), X, make(np.eye(3)[Y])),
    ):
        with pytest.raises((TypeError, ValueError), match=r"`(y|targets)` must"):
            call()


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_heatmaps_and_weights_that_are_no_numbers(kind):
    make = NO_NUMBERS[kind]
    for maps in ((make(X), X), (X, make(X))):
        with pytest.raises(ValueError, match=r"Argument `(heatmaps|others)` must be"):
            metrics.nissim(*maps)
    with pytest.raises(ValueError, match="Argument `sample_weight` must be"):
        metrics.MOD().update_state(X, X, make(np.ones(4)))


def test_whole_numbers_and_bools_are_heatmaps_as_before():
    ones = np.ones((2, 8, 8, 1), int)
    np.testing.assert_array_equal(metrics.nissim(ones, ones > 0), [0, 0])


@pytest.mark.parametrize("empty", [{}, [], ()])
def test_nothing_is_no_image(logits, empty):
    for call in (attacks.FGSM(), explainers.GradCAM()):
        with pytest.raises(ValueError, match=r"The images are missing. Received: an empty"):
            call(logits, empty)


@pytest.fixture(scope="module")
def with_age() -> kax.ImageClassifier:
    image, age = keras.Input(SHAPE, name="image"), keras.Input((2,), name="age")
    joined = L.Concatenate()([L.GlobalAveragePooling2D()(conv()(image)), age])
    return kax.ImageClassifier(keras.Model({"image": image, "age": age}, dense()(joined)), input="image")


def test_inputs_beside_the_images(logits, with_age):
    """Words are refused before anything is computed, and what the model does not take is left out."""
    right = {"image": X, "age": np.ones((4, 2), "float32")}
    words = {**right, "age": np.array([["a", "b"]] * 4)}
    for call in (
        lambda: attacks.FGSM()(with_age, words),
        lambda: explainers.GradCAM()(with_age, words),
        lambda: kax.evaluate(with_age, words, explainers=(), **QUIET),
    ):
        with pytest.raises(TypeError, match=r"The inputs of .* must be numbers\. Received: words"):
            call()
    expected = attacks.FGSM()(with_age, right)
    np.testing.assert_array_equal(attacks.FGSM()(with_age, {**right, "height": X[:, 0, 0]}), expected)
    np.testing.assert_array_equal(attacks.FGSM()(logits, (X,)), attacks.FGSM()(logits, X))


def test_an_epsilon_larger_than_any_float32():
    with pytest.raises(ValueError, match=r"1e\+39 is out of range"):
        check_epsilons(1e39, "l2")


def two_outputs() -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = L.GlobalAveragePooling2D()(conv()(inputs))
    return keras.Model(inputs, [dense(3)(x), dense(2)(x)], name="two")


def test_the_first_output_is_named_by_zero_wherever_it_is_said():
    """0 is no False, with which nothing would have been said."""
    model = two_outputs()
    expected = kax.evaluate(kax.ImageClassifier(model, output=0), (X, Y), explainers=(), **QUIET)
    assert_same(kax.evaluate(model, (X, Y), output=0, explainers=(), **QUIET), expected)
    with pytest.raises(ValueError, match=r"has bounds and preprocessing of its own.*output=0"):
        kax.evaluate(kax.ImageClassifier(model, output=1), (X, Y), output=0, **QUIET)


@pytest.mark.parametrize(
    "value", [True, np.array([1, 2]), tf.Variable(1), 1.5, [0], object()], ids=lambda v: type(v).__name__
)
def test_an_input_or_output_that_is_no_name_and_no_index(logits, value):
    for name in ("input", "output"):
        with pytest.raises(ValueError, match=f"Argument `{name}` must be"):
            kax.ImageClassifier(logits, **{name: value})


@pytest.mark.parametrize(
    "value", [3, np.array(2), {"a", "b"}, b"ab", iter("ab"), {0: "a", 1: 2}], ids=lambda value: type(value).__name__
)
def test_class_names_that_are_none(value):
    with pytest.raises(TypeError, match="Argument `class_names` must be"):
        check_class_names(value, 2)


@pytest.mark.parametrize("shape", [SHAPE, (8, 8), (8, 8, 4)])
def test_preprocessing_by_name_is_for_colours(shape):
    model = keras.Sequential([keras.Input(shape), L.Flatten(), dense()])
    with pytest.raises(ValueError, match=r"preprocess='resnet50' is for images in colour"):
        kax.ImageClassifier(model, preprocess="resnet50")


def test_so_it_is_for_a_model_that_does_not_say_what_it_takes():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.head = L.Flatten(), dense()

        def call(self, x):
            return self.head(self.flat(x))

    model = Subclassed()
    model(X)
    for call in (attacks.FGSM(), explainers.Saliency()):
        with pytest.raises(ValueError, match=r"is for images in colour, .* and the model takes \(8, 8, 1\)"):
            call(kax.ImageClassifier(model, preprocess="resnet50"), 255 * X)


def left_half(scores):
    return keras.ops.mean(scores[:, :, :4], axis=(1, 2))


@pytest.fixture(scope="module")
def segmentation() -> kax.ImageClassifier:
    model = keras.Sequential([keras.Input(SHAPE), conv(), L.Conv2D(3, 1, name="head")], name="segmentation")
    model.get_layer("head").set_weights([np.random.default_rng(0).uniform(0, 1, (1, 1, 4, 3)), np.zeros(3)])
    return kax.ImageClassifier(model, reduce=left_half)


def test_other_packages_see_a_model_as_the_classifier_does(segmentation):
    """With its `reduce`: they failed on the model's own output."""
    mine, theirs = explainers.GradCAM(), contrib.TFKerasVis()
    np.testing.assert_allclose(theirs(segmentation, X, Y), mine(segmentation, X, Y), atol=1e-5)


def test_the_contracts_hold_for_a_classifier_with_a_reduce(segmentation):
    check_attack(attacks.FGSM(), segmentation, X, Y)
