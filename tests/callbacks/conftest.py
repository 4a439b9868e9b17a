"""A model that is compiled once, and trained with weights that are set by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scripted import Weights, weights

import keras_advxai as kax

layers = keras.layers


@pytest.fixture(scope="session")
def images():
    """64 images of 8x8 and their classes, dark ones and bright ones."""
    generator = np.random.default_rng(0)
    y = np.arange(64) % 2
    x = 0.15 + 0.5 * y[:, None, None, None] + 0.3 * generator.random((64, 8, 8, 1))
    return x.astype("float32"), y


@pytest.fixture(scope="session")
def trained():
    """Compiled once, with a learning rate of 0; shared, so a test begins by setting the weights."""
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    return model


@pytest.fixture
def evaluation():
    """Makes our callback, with little to compute."""

    def evaluation(data, **settings):
        few = {"epsilons": (0.05, 0.2), "batch_size": 64}
        return kax.callbacks.AdversarialEvaluation(data, **{**few, **settings})

    return evaluation


@pytest.fixture
def fit(trained, images):
    """Trains that model through some epochs, each with weights of its own, set by hand."""

    def fit(*callbacks, epochs=(None,), verbose=0, **settings):
        given = [weights() if item is None else item for item in epochs]
        return trained.fit(
            *images,
            epochs=settings.pop("until", len(given)),
            batch_size=16,
            verbose=verbose,
            callbacks=[Weights(*given), *callbacks],
            **settings,
        )

    return fit
