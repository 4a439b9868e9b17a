"""Nothing grows: not with the number of calls, and not with the number of models that come and go."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path

import growth
import pytest
import trained_models
from trained_models import X, Y

import keras_advxai as kax


@pytest.fixture(scope="module")
def measured():
    """What `growth.py` says, run in processes of its own, so that nothing else is measured."""
    command = [sys.executable, "-W", "error", str(Path(growth.__file__))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = {what: subprocess.Popen([*command, what], **pipes) for what in ("calls", "models")}
    try:
        outputs = {what: process.communicate(timeout=900) for what, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
    for what, process in running.items():
        assert process.returncode == 0, outputs[what][1]
    return {what: json.loads(output) for what, (output, _) in outputs.items()}


@pytest.mark.slow
def test_200_calls_take_no_memory_and_no_trace(measured):
    assert measured["calls"]["growth"] < 20
    assert measured["calls"]["traces"] == 0


@pytest.mark.slow
def test_25_models_come_and_go(measured):
    """Kept alive, they would take 100 MB."""
    assert measured["models"]["alive"] == 0
    assert measured["models"]["growth"] < 20


@pytest.mark.slow
def test_a_trained_model_is_freed():
    model = trained_models.build("subclassed, nested")
    kax.explainers.GradCAM(relu=False)(model, X)
    kax.attacks.FGSM()(kax.ImageClassifier(model, preprocess=lambda images: images), X, Y)
    kax.evaluate(model, (X, Y), epsilons=(0.01, 0.1), noise_control=False, progress=False)
    kax.ImageClassifier(model).forward(X)
    model.fit(X, Y, verbose=0)
    layer = next(item for item in model._flatten_layers() if item.name == "conv")
    references = [weakref.ref(item) for item in (model, model.optimizer, layer, layer.kernel)]
    del model, layer
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
