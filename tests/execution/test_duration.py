"""The forecast of costly explainers in the progress bar."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai.execution.duration import forecast
from keras_advxai.explainers import GradCAM, IntegratedGradients, SmoothGrad
from keras_advxai.text import duration_text


def test_passes():
    assert GradCAM().passes == 0
    assert IntegratedGradients(steps=20).passes == 20
    assert IntegratedGradients(steps=20, baseline="noise", draws=3).passes == 60
    assert SmoothGrad(samples=5).passes == 5
    assert SmoothGrad(samples=5, explainer=IntegratedGradients(steps=4)).passes == 25


@pytest.mark.slow
def test_the_bar_says_how_long_before_it_takes_it(faces_model, test_faces, capsys):
    kax.evaluate(faces_model, test_faces, explainers=["grad_cam", "integrated_gradients"], epsilons=(0.1,))
    text = capsys.readouterr().err
    first = re.search(r"compiling; integrated_gradients: about \d+ (s|min)", text)
    assert first
    assert first.start() < text.index("50/50")
    assert "grad_cam:" not in text


@pytest.mark.slow
def test_cheap_evaluations_say_nothing(faces_model, test_faces, capsys):
    kax.evaluate(faces_model, test_faces, epsilons=(0.1,))
    assert "about" not in capsys.readouterr().err


def test_the_forecast_grows_with_the_passes(model, test_faces):
    classifier, x = kax.ImageClassifier(model), test_faces[0]
    explainers = [IntegratedGradients(steps=10), IntegratedGradients(steps=1000)]
    said = forecast(classifier, explainers, x, images=1_000_000, conditions=9)
    assert [name for name, _ in (part.split(": ") for part in said.split(", "))] == [e.name for e in explainers]
    hours = re.findall(r"about ([\d.]+) (s|min|h)", said)
    seconds = [float(number) * {"s": 1, "min": 60, "h": 3600}[unit] for number, unit in hours]
    assert seconds[1] / seconds[0] == pytest.approx(100, rel=0.1)
    assert forecast(classifier, [GradCAM()], x, images=10**6, conditions=9) == ""
    assert "per 100 images, " in forecast(classifier, explainers, x, images=None, conditions=9)
    assert forecast(classifier, [GradCAM()], x, images=None, conditions=9) == ""
    assert forecast(classifier, explainers[:1], np.array(x), images=1, conditions=1) == ""


@pytest.mark.slow
def test_the_bar_says_that_a_large_model_is_compiled_once_and_no_longer_when_it_is_done(capsys):
    layers = keras.layers
    stack = [layers.Conv2D(2, 3), *(layers.Identity() for _ in range(300)), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *stack])
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32")
    kax.evaluate(model, x, explainers=(), epsilons=(0.1,), noise_control=False, batch_size=2)
    text = capsys.readouterr().err
    assert re.search(r"compiling 30\d layers: about 15 s, once", text)
    assert "compiling" not in text[text.rindex("\r") :]
    assert "4/4" in text[text.rindex("\r") :]


@pytest.mark.parametrize(("seconds", "text"), [(0.1, "1 s"), (89, "89 s"), (91, "2 min"), (5400, "1.5 h")])
def test_durations(seconds, text):
    assert duration_text(seconds) == text
