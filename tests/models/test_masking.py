"""Layers that leave out steps by their values: noise in the padding makes longer sequences, and the report says so."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.models.masking import masking_layers

L = keras.layers
X = np.random.default_rng(0).random((8, 12, 3), dtype="float32")
X[:, 7:] = 0
SETTINGS = {"explainers": (), "epsilons": (0.1,), "batch_size": 4, "progress": False}


def network(*front):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((12, 3)), *front, L.LSTM(4), L.Dense(3)])


def told(model, **settings):
    report = kax.evaluate(model, X, **SETTINGS, **settings)
    return [str(finding) for finding in report.warnings if finding.id == "masked-steps"], report


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: keras.Sequential([layer])])
def test_they_are_found_wherever_they_are(wrap):
    assert masking_layers(network(wrap(L.Masking(name="padding")))) == ("padding",)
    assert masking_layers(network()) == ()


def test_noise_fills_what_is_left_out_and_the_report_says_so():
    model = network(L.Masking(name="padding"))
    (sentence,), report = told(model)
    assert sentence.startswith("The layer 'padding' leaves out steps that hold one value alone, as padding does.")
    noisy = kax.attacks.UniformNoise()(model, X, epsilon=0.1)
    assert (noisy[:, 7:] > 0).any()
    assert np.abs(model(np.where(X == 0, 0, noisy)) - model(noisy)).max() > 1e-3
    # Its gradient is zero there.
    np.testing.assert_array_equal(kax.attacks.FGSM()(model, X, epsilon=0.1)[:, 7:], 0)
    assert told(network())[0] == []
    assert EvaluationReport.from_json(report.to_json()).warnings == report.warnings


def test_what_the_page_advises_keeps_the_padding():
    model = network(L.Masking(name="padding"))
    x = np.where(X == 0, 0, 0.2 + 0.8 * X).astype("float32")
    padded = kax.ImageClassifier(model, preprocess=lambda images: keras.ops.where(images <= 0.1, 0.0, images))
    noisy = kax.attacks.UniformNoise()(padded, x, epsilon=0.05)
    assert (noisy[:, 7:] > 0).any()
    kept = np.where(X == 0, 0, noisy)
    np.testing.assert_allclose(padded.forward(noisy).logits, model.predict(kept, verbose=0), atol=1e-5)


def test_parts_say_so_as_the_whole_does():
    model = network(L.Masking(name="padding"))
    parts = [told(model, shard=(index, 2))[1] for index in range(2)]
    assert EvaluationReport.merge(parts).warnings == told(model)[1].warnings
