"""What is left of a large model after it was explained and attacked: nothing."""

from __future__ import annotations

import gc
import pathlib
import subprocess
import sys
import weakref

import application_checks
import helpers
import keras
import numpy as np
import pytest

import keras_advxai as kax

PROGRAM = """
import sys

sys.path[:0] = {folders}
import application_checks
import helpers

for _ in range(4):
    application_checks.check("VGG16", 64)
    print(helpers.peak_memory())
"""


@pytest.mark.slow
def test_nothing_refers_to_a_model_or_its_weights_after_the_public_calls():
    """The package remembers compiled functions for as long as the model lives, and no longer."""
    model = helpers.usable(application_checks.build("MobileNetV2", 64), preprocess="mobilenet_v2")
    classifier = kax.ImageClassifier(model, preprocess="mobilenet_v2")
    x = helpers.photos(3)
    kax.attacks.FGSM()(classifier, x, [0, 1, 2], epsilon=8 / 255)
    kax.explainers.GradCAM(relu=False)(classifier, x)
    kax.evaluate(classifier, (x, np.arange(3)), epsilons=(0.01, 0.02), progress=False)
    alive = [weakref.ref(model), weakref.ref(model.get_layer("Conv1").kernel)]
    del model, classifier
    keras.backend.clear_session()
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


@pytest.mark.slow
def test_resident_memory_does_not_grow_with_the_number_of_models():
    """VGG16 has 160 MB of weights for images of 64 pixels. A process of its own, so that its peak is theirs."""
    folders = [str(pathlib.Path(__file__).parent), str(pathlib.Path(helpers.__file__).parent)]
    command = [sys.executable, "-c", PROGRAM.format(folders=folders)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    first, *_, last = [float(line) for line in finished.stdout.split()]
    assert first > 600
    assert last - first < 100, "models stay behind"
