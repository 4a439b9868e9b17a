"""An evaluation that was stopped after any of its batches goes on, and the report is the same bit by bit."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import random_images
from stopping import Counting, Source, Stop, assert_same_report

import keras_advxai as kax

SIZES = [4, 4, 1, 5]
SHAPE = (10, 10, 1)
pytestmark = pytest.mark.filterwarnings("ignore:.*blank")


@pytest.fixture(scope="module")
def net():
    """With statistics that are not initial, and dropout that is always on."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    stack = [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(3, name="head"),
    ]
    model = keras.Sequential([keras.Input(SHAPE), *stack], name="net")
    norm = model.get_layer("norm")
    norm.moving_mean.assign([0.1, 0.2, 0.3, 0.4])
    return model


@pytest.fixture(scope="module")
def data():
    x = random_images(sum(SIZES), SHAPE)
    return x, np.arange(len(x)) % 3


def stopped(model, x, y, path, batch, **settings):
    """An evaluation that is stopped at a batch."""
    with pytest.raises((kax.EvaluationError, Stop)):
        kax.evaluate(model, Source(x, y, SIZES, batch), journal=path, progress=False, **settings)


SETTINGS = {
    "usual": {"epsilons": (0.02, 0.1)},
    "random": {
        "epsilons": (0.05, 0.1),
        "attacks": [kax.attacks.PGD(steps=2, seed=3), "uniform_noise"],
        "explainers": ["grad_cam", kax.explainers.SmoothGrad(samples=2)],
        "metrics": ("nissim", "cosine_distance"),
        "seed": 7,
    },
    "targeted": {
        "epsilons": (0.1,),
        "attacks": [kax.attacks.FGSM(targeted=True)],
        "attack_targets": "random",
        "target": "clean",
    },
    "accuracy": {"epsilons": (0.1, 0.2), "explainers": (), "attacks": ["fgsm", kax.attacks.DDN(steps=3)]},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_after_each_batch(net, data, tmp_path, kind):
    x, y = data
    whole = kax.evaluate(net, Source(x, y, SIZES), progress=False, **SETTINGS[kind])
    for batch in range(len(SIZES) + 1):
        path = tmp_path / f"{batch}.journal"
        if batch < len(SIZES):
            stopped(net, x, y, path, batch, **SETTINGS[kind])
        found = kax.evaluate(net, Source(x, y, SIZES), journal=path, progress=False, **SETTINGS[kind])
        assert_same_report(found, whole)
        again = kax.evaluate(net, Source(x, y, SIZES), journal=path, progress=False, **SETTINGS[kind])
        assert_same_report(again, whole)
