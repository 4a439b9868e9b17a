"""What is shipped are the weights of the models that the tests build."""

from __future__ import annotations

import digits
import helpers
import keras
import numpy as np
import pytest
import weights

from keras_advxai.datasets import faces


def test_each_is_shipped_and_nothing_else_is():
    assert {path.stem for path in weights.DATA.glob("*.npz")} == set(weights.TRAINERS)


def test_the_images_are_digits_in_the_unit_range():
    (x, y), (more, labels) = digits.data()
    assert x.shape == (1400, *digits.SHAPE)
    assert more.shape == (256, *digits.SHAPE)
    assert x.dtype == more.dtype == np.float32
    assert x.min() >= 0
    assert x.max() <= 1
    assert set(y) == set(labels) == set(range(10))


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(model.predict(x, batch_size=len(x), verbose=0).argmax(-1) == y))


@pytest.mark.slow
def test_the_models_have_learned_what_they_were_trained_on():
    """Measured: 0.96 of 50 faces, ... of 50 photos."""
    x, y = faces.load_data()[1]
    assert accuracy(helpers.set_weights(helpers.small_cnn(), weights.load("faces")), x, y) >= 0.9
    model = weights.mobilenet()
    model.set_weights(weights.load("mobilenet"))
    inputs = keras.applications.mobilenet_v2.preprocess_input(weights.photos(x).astype("float32"))
    assert accuracy(model, inputs, y) >= 0.9


@pytest.mark.parametrize("kind", digits.EPOCHS)
def test_the_models_have_learned_the_digits(kind):
    assert accuracy(digits.model(weights.load(f"digits_{kind}")), *digits.data()[1]) >= 0.95


@pytest.mark.slow
def test_a_training_of_today_gives_much_the_same():
    """The shipped ones are those that the code beside them makes, but for the processor's kernels."""
    x = faces.load_data()[1][0]
    models = [
        helpers.set_weights(helpers.small_cnn(), found) for found in (weights.load("faces"), weights.load("faces", 0))
    ]
    first, second = (model.predict(x, batch_size=len(x), verbose=0) for model in models)
    assert np.mean(np.abs(first - second)) < 0.1
