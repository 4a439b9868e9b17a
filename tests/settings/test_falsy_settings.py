"""Settings whose value is 0 or False say something, whichever way they come."""

from __future__ import annotations

import warnings

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.models.regression import regression_loss
from keras_advxai.settings.arguments import MODEL_SETTINGS

layers = keras.layers
IMAGES, Y = helpers.random_images(6, (6, 6, 1)), np.array([0, 1, 1, 0, 1, 0])
CHEAP = {"epsilons": (0.1,), "noise_control": False}
QUIET = {"explainers": (), "progress": False, **CHEAP}


@pytest.fixture(scope="module")
def two_outputs() -> keras.Model:
    """Two outputs that predict the opposite of one another."""
    inputs = keras.Input((6, 6, 1))
    scores = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs)))
    first = layers.Softmax(name="first")(scores)
    return keras.Model(inputs, [first, layers.Softmax(name="second")(-scores)])


@pytest.fixture(scope="module")
def unclear() -> keras.Model:
    """Probabilities that do not come from a softmax."""
    model = [layers.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Softmax()]
    return keras.Sequential([*model, layers.Lambda(lambda p: p / keras.ops.sum(p, -1, True))])


def by_callback(model, data, **arguments):
    callback = kax.callbacks.AdversarialEvaluation(data, **{**CHEAP, "explainers": (), **arguments})
    callback.set_model(model)
    callback.on_train_begin()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kax.callbacks.FindingWarning)  # of one class, by a model that is not trained
        callback.on_train_end()
    return callback.report


def by_saved(model, data, **arguments):
    settings = kax.EvaluationSettings(explainers=(), **CHEAP, **arguments)
    return kax.evaluate(model, data, settings=kax.EvaluationSettings.from_dict(settings.to_dict()), progress=False)


WAYS = {
    "evaluate": lambda model, data, **given: kax.evaluate(model, data, **QUIET, **given),
    "settings": lambda model, data, **given: kax.evaluate(
        model, data, settings=kax.EvaluationSettings(**given, **CHEAP, explainers=()), progress=False
    ),
    "saved": by_saved,
    "callback": by_callback,
    "wrapper": lambda model, data, **given: kax.ExplainableModel(model, **given).evaluate_robustness(data, **QUIET),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_first_output_is_an_output(two_outputs, way):
    predicted = two_outputs.predict(IMAGES, verbose=0)[0].argmax(axis=-1)
    report = WAYS[way](two_outputs, (IMAGES, Y), output=0)
    np.testing.assert_array_equal(report.measurements.at("prediction"), predicted)
    assert report.settings.output == 0
    again = kax.evaluate(two_outputs, (IMAGES, Y), settings=report.settings, progress=False)
    np.testing.assert_array_equal(again.measurements.at("prediction"), predicted)


@pytest.mark.slow
def test_compare_scores_takes_the_first_output(two_outputs):
    of = kax.compare_scores(two_outputs, IMAGES, output=0, explainers="grad_cam", progress=False).original
    probability = two_outputs.predict(IMAGES, verbose=0)[0].max(axis=-1)
    np.testing.assert_allclose(of.confidence, probability, rtol=1e-5)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("wrapper", "callback")])
def test_the_first_output_contradicts_the_second(two_outputs, way):
    with pytest.raises(ValueError, match=r"Received: an ImageClassifier with output=0\. Set them where it is built"):
        WAYS[way](kax.ImageClassifier(two_outputs, output=1), (IMAGES, Y), output=0)


def test_the_first_input_is_an_input():
    images, mask = keras.Input((6, 6, 1), name="images"), keras.Input((6, 6, 1), name="mask")
    scores = layers.Flatten()(layers.Multiply()([images, mask]))
    model = keras.Model([images, mask], layers.Dense(2)(scores))
    data = ([IMAGES, np.ones_like(IMAGES)], Y)
    report = kax.evaluate(model, data, input=0, **QUIET)
    assert report.settings.input == 0
    assert report == kax.evaluate(kax.ImageClassifier(model, input=0), data, input=0, **QUIET)
    with pytest.raises(ValueError, match="with input=0"):
        kax.evaluate(kax.ImageClassifier(model, input=1), data, input=0, **QUIET)


@pytest.mark.parametrize("way", WAYS)
def test_from_logits_false_settles_it(unclear, way):
    report = WAYS[way](unclear, (IMAGES, Y), from_logits=False)
    assert report.settings.from_logits is False
    assert "unsure-logits" not in [finding.id for finding in report.warnings]


@pytest.mark.filterwarnings("ignore:The model ends in an operation:UserWarning")
def test_unsettled_it_is_told(unclear):
    assert "unsure-logits" in [finding.id for finding in kax.evaluate(unclear, (IMAGES, Y), **QUIET).warnings]


@pytest.mark.parametrize("flag", ["fold_batch_norm", "jit_compile"])
def test_a_flag_that_is_passed_as_false_contradicts_one_that_is_true(two_outputs, flag):
    classifier = kax.ImageClassifier(two_outputs, output=0, **{flag: True})
    settings = kax.EvaluationSettings(explainers=())
    assert settings.classifier(classifier) is classifier  # the default says nothing
    with pytest.raises(ValueError, match=f"with {flag}=False"):
        kax.evaluate(classifier, (IMAGES, Y), **QUIET, **{flag: False})
    assert not getattr(kax.EvaluationSettings.of(kax.EvaluationSettings(**{flag: True}), {flag: False}), flag)


def test_beside_settings_what_is_zero_counts(two_outputs):
    settings = kax.EvaluationSettings(output=1, seed=3, images=4, steps=1, from_logits=True, **CHEAP)
    given = {"output": 0, "seed": 0, "images": 0, "from_logits": False, "steps": None}
    found = kax.EvaluationSettings.of(settings, given)
    assert {key: getattr(found, key) for key in given} == given
    assert found.pictured == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"bounds": ()},
        {"bounds": (0, 0)},
        {"preprocess": ""},
        {"preprocess": False},
        {"preprocess": 0},
        {"from_logits": 0},
        {"output": ""},
        {"output": False},
        {"input": ""},
        {"input": False},
        {"reduce": False},
        {"reduce": 0},
        {"labels": ""},
        {"labels": 0},
        {"task": ""},
        {"task": False},
        {"fold_batch_norm": 0},
        {"jit_compile": ""},
        {"steps": 0},
        {"batch_size": 0},
        {"images": False},
        {"seed": False},
        {"attacks": ()},
        {"epsilons": ()},
        {"metrics": ()},
        {"target": ""},
        {"checks": False},
        {"attack_targets": ""},
        {"attack_targets": False},
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_and_not_left_out(two_outputs, wrong):
    given = {"output": 0, **QUIET, **wrong}
    with pytest.raises((TypeError, ValueError), match=f"`{next(iter(wrong))}`|Argument `epsilon"):
        kax.evaluate(two_outputs, (IMAGES, Y), **given)


@pytest.mark.parametrize("name", [*MODEL_SETTINGS, "epsilons", "target", "seed", "images", "steps", "batch_size"])
def test_what_is_neither_true_nor_false_is_refused_by_its_name(two_outputs, name):
    given = {"output": 0, **QUIET, name: np.array([[1, 2], [3, 4]])}
    with pytest.raises((TypeError, ValueError), match=f"`{name}`|Argument `epsilon|two numbers"):
        kax.evaluate(two_outputs, (IMAGES, Y), **given)


@pytest.mark.parametrize(
    ("output", "name"), [(0, "mean_squared_error"), (1, None), (-1, None), ("a", "mean_squared_error")]
)
def test_the_loss_of_an_output_is_found_by_its_number(output, name):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(2, name="a")(inputs), layers.Dense(2, name="b")(inputs)])
    crossentropy = keras.losses.SparseCategoricalCrossentropy()
    for loss in ({"b": crossentropy, "a": "mse"}, ["mse", crossentropy]):
        model.compile(loss=loss)
        assert regression_loss(model, output) == name
