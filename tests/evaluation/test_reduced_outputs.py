"""Evaluations of models whose output a function reduces: the setting wherever others are, and what is kept of it."""

from __future__ import annotations

from typing import Any

import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.audit.own_call import OwnCall

SHAPE = (8, 8, 1)
X, Y = helpers.random_images(6, SHAPE), np.array([0, 1, 2, 0, 1, 2])
SETTINGS: dict[str, Any] = {"epsilons": (0.05, 0.1)}


@keras.saving.register_keras_serializable(package="tests")
def mean_scores(scores: Any) -> Any:
    return keras.ops.mean(scores, axis=(1, 2))


def segmenting() -> keras.Model:
    keras.utils.set_random_seed(0)
    stack = [
        keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="bottleneck"),
        keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
        keras.layers.Conv2D(3, 1, activation="softmax"),
    ]
    return keras.Sequential([keras.Input(SHAPE), *stack], name="net")


@pytest.fixture(scope="module")
def model():
    return segmenting()


@pytest.fixture(scope="module")
def report(model):
    return kax.evaluate(model, (X, Y), reduce=mean_scores, progress=False, **SETTINGS)


def test_the_report_is_of_what_the_function_returns(model, report):
    model.layers[-1].activation = keras.activations.linear
    try:
        expected = mean_scores(model(X)).numpy().argmax(-1)
    finally:
        model.layers[-1].activation = keras.activations.softmax
    np.testing.assert_array_equal(report.measurements.at("prediction"), expected)
    assert report.provenance["reduce"] == "mean_scores"
    assert report.provenance["layers"]["grad_cam"] == ["bottleneck"]
    assert 0 < report.mod("fgsm", "grad_cam", 0.1) <= 1


def test_a_file_keeps_the_name(model, report):
    read = kax.EvaluationReport.from_json(report.to_json())
    assert read.provenance["reduce"] == "mean_scores"
    with pytest.raises(ValueError, match=r"reduce='mean_scores'\. Pass it again: settings=report\.settings, reduce="):
        kax.evaluate(model, (X, Y), settings=read.settings, progress=False)
    again = kax.evaluate(model, (X, Y), settings=read.settings, reduce=mean_scores, progress=False)
    assert again == report


def test_the_classifier_brings_it_along(model, report):
    classifier = kax.ImageClassifier(model, reduce=mean_scores)
    assert kax.evaluate(classifier, (X, Y), progress=False, **SETTINGS) == report
    with pytest.raises(ValueError, match="has bounds and preprocessing of its own"):
        kax.evaluate(classifier, (X, Y), reduce=lambda scores: scores, progress=False)


def test_the_wrapper_takes_and_saves_it(model, report, tmp_path):
    wrapper = kax.ExplainableModel(model, reduce=mean_scores)
    assert wrapper.evaluate_robustness((X, Y), progress=False, **SETTINGS) == report
    wrapper.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    assert loaded.classifier_settings["reduce"] is mean_scores
    unnamed = kax.ExplainableModel(model, reduce=lambda scores: scores[:, 0, 0])
    with pytest.raises(ValueError, match="would not find its `reduce` again"):
        unnamed.save(tmp_path / "other.keras")


@pytest.mark.parametrize(
    "shape",
    [(6, 8, 8), (6, 8, 8, 3), (6, 64), (6, 192), (384,)],
    ids=["masks", "one-hot", "flat", "flat one-hot", "all"],
)
def test_masks_are_refused_however_they_are_flattened_and_the_way_out_is_right(model, shape):
    masks = np.random.default_rng(0).integers(0, 3, (6, 8, 8))
    given = (masks if np.prod(shape) == masks.size else np.eye(3, dtype=int)[masks]).reshape(shape)
    with pytest.raises(
        ValueError, match=r"such as that of most of its positions: np\.array\(.*Received: shape="
    ) as caught:
        kax.evaluate(model, (X, given), reduce=mean_scores, progress=False, **SETTINGS)
    said = str(caught.value)
    assert f"Received: shape={shape}" in said
    most = eval(said.partition("positions: ")[2].partition(". Received")[0])
    np.testing.assert_array_equal(most, [np.bincount(mask.ravel()).argmax() for mask in masks])
    classifier = kax.ImageClassifier(model, reduce=mean_scores)
    for right in (most, most[:, None], np.eye(3)[most]):
        np.testing.assert_array_equal(classifier.check_labels(right, 6), most)


def test_masks_of_a_flattened_output_are_refused_with_a_way_out(model):
    flat = keras.Sequential([keras.Input(SHAPE), *model.layers[:-1], keras.layers.Conv2D(3, 1), keras.layers.Flatten()])
    masks = np.random.default_rng(0).integers(0, 3, (6, 64))
    with pytest.raises(ValueError, match=r"If they are masks, .*, and reduce=\.\.\.") as caught:
        kax.evaluate(flat, (X, masks), explainers=(), progress=False, **SETTINGS)
    way_out = str(caught.value).partition("positions: ")[2].rstrip(".")
    mean = eval(way_out, {"keras": keras, "positions": 64, "classes": 3})
    report = kax.evaluate(flat, (X, Y), explainers=(), reduce=mean, progress=False, **SETTINGS)
    expected = flat.predict(X, verbose=0).reshape(6, 64, 3).mean(1).argmax(-1)
    np.testing.assert_array_equal(report.measurements.at("prediction"), expected)


@pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")  # one epoch teaches it one class
def test_the_callback_takes_it():
    model = segmenting()
    model.compile("sgd", "sparse_categorical_crossentropy")
    masks = np.broadcast_to(Y[:, None, None], (6, 8, 8))
    callback = kax.callbacks.AdversarialEvaluation((X, Y), reduce=mean_scores, final=False, **SETTINGS)
    history = model.fit(X, masks, epochs=1, verbose=0, callbacks=[callback]).history
    assert {"val_accuracy_fgsm", "val_mod_fgsm_grad_cam"} <= set(history)


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_the_model_s_own_call_is_compared_where_it_can_be(model, activation):
    """Behind a softmax, a function of the logits has nothing to be compared with; and nothing is made up."""
    model = keras.models.clone_model(model)
    model.layers[-1].activation = keras.activations.get(activation)
    own = OwnCall(kax.ImageClassifier(model, reduce=mean_scores), [X[:4], X[4:]])
    assert own.is_comparable == (activation == "linear")
    if own.is_comparable:
        predicted, output = own.predictions()
        np.testing.assert_allclose(output, mean_scores(model(X)), atol=1e-6)
        np.testing.assert_array_equal(predicted, output.argmax(-1))
