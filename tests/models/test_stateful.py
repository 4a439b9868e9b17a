"""Layers that keep a state between calls: they are named, and figures hang on the state that they have."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.models.stateful import stateful_layers

L = keras.layers
X = np.random.default_rng(0).random((8, 6, 6, 1), dtype="float32")
SETTINGS = {"explainers": (), "epsilons": (0.1,), "batch_size": 4, "noise_control": False, "progress": False}


def recurrent(stateful, wrap=lambda layer: layer):
    keras.utils.set_random_seed(0)
    rows = wrap(L.SimpleRNN(3, stateful=stateful, name="remembers"))
    return keras.Sequential([L.Input((6, 6, 1), batch_size=4), L.Reshape((6, 6)), rows, L.Dense(3)])


def told(model, **settings):
    report = kax.evaluate(model, X, **SETTINGS, **settings)
    return [str(finding) for finding in report.warnings if finding.id == "stateful-model"], report


@pytest.mark.parametrize("wrap", [lambda layer: layer, L.Bidirectional, lambda layer: keras.Sequential([layer])])
def test_layers_that_keep_a_state_are_found_wherever_they_are(wrap):
    model = recurrent(True, wrap)
    names = stateful_layers(model)
    assert names
    assert all("remembers" in name for name in names)
    assert stateful_layers(recurrent(False, wrap)) == ()


def test_predictions_hang_on_the_state_and_the_report_says_so():
    model = recurrent(True)
    (sentence,), first = told(model)
    assert sentence.startswith("The layer 'remembers' keeps its state from one call to the next (stateful=True)")
    model.predict(X, batch_size=4, verbose=0)  # which leaves another state
    _, second = told(model)
    confidences = [report.measurements.at("confidence", epsilon=None) for report in (first, second)]
    assert not np.allclose(*confidences)
    model.layers[1].reset_state()
    np.testing.assert_array_equal(told(model)[1].measurements.at("confidence", epsilon=None), confidences[0])
    assert told(recurrent(False))[0] == []


def test_parts_say_so_as_the_whole_does():
    model = recurrent(True)
    parts = [told(model, shard=(index, 2))[1] for index in range(2)]
    assert EvaluationReport.merge(parts).warnings == told(model)[1].warnings


def test_an_audit_goes_through_and_says_it_once():
    sentences, _ = told(recurrent(True), checks="all")
    assert len(sentences) == 1
