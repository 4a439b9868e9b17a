"""The user's model is untouched, and so are the random numbers; explanations follow the weights.

More of it: an exception in the middle (`test_untouched_exceptions.py`), several threads (`test_untouched_threads.py`),
saving at any time (`test_untouched_saving.py`), and memory (`test_untouched_growth.py`).
"""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
import trained_models
from trained_models import BUILDERS, SHAPE, X, Y

import keras_advxai as kax
from keras_advxai.testing import unchanged

layers = keras.layers
FGSM, NOISE, GRAD_CAM = kax.attacks.FGSM(), kax.attacks.UniformNoise(), kax.explainers.GradCAM(relu=False)


CALLS = {
    "Grad-CAM": lambda model: GRAD_CAM(model, X),
    "FGSM": lambda model: FGSM(model, X, Y),
    "noise": lambda model: NOISE(model, X),
    "evaluate": lambda model: kax.evaluate(model, (X, Y), epsilons=(0.01, 0.1), noise_control=False, progress=False),
    "layers": lambda model: kax.ImageClassifier(model).layers(),
    "a pass by itself": lambda model: GRAD_CAM(model, X, forward=kax.ImageClassifier(model).forward(X)),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", BUILDERS)
def test_weights_attributes_seeds_optimizer_metrics_and_predictions(kind):
    model = trained_models.build(kind)

    def outcomes():
        return [model.predict(X, verbose=0), model(X, training=False).numpy()]

    before, measured = outcomes(), model.get_metrics_result()
    for call in CALLS.values():
        with unchanged(model, X, Y):
            call(model)
            call(model)
    assert model.get_metrics_result() == measured
    for first, second in zip(before, outcomes(), strict=True):
        np.testing.assert_array_equal(first, second)


class Restless(layers.Layer):
    """Counts its calls, and draws noise in inference too."""

    def build(self, shape):
        self.count = self.add_weight(name="count", trainable=False, initializer="zeros")
        self.noise = layers.GaussianNoise(0.1, seed=5)

    def call(self, x):
        self.count.assign_add(1.0)
        return self.noise(x, training=True) + 0.01 * self.count


@pytest.mark.slow
def test_a_model_that_changes_whenever_it_is_called():
    """Our calls are none that it could notice."""

    def build():
        conv = layers.Conv2D(2, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        head = layers.Dense(2, "softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=2))
        return keras.Sequential([keras.Input(SHAPE), Restless(), conv, layers.GlobalAveragePooling2D(), head])

    model, twin = build(), build()
    for call in CALLS.values():
        with unchanged(model, X, Y):
            call(model)
        expected = twin.predict(X, verbose=0)
        np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    assert not np.array_equal(model.predict(X, verbose=0), expected)


def draws() -> dict:
    """The next number of every generator, and the next name that Keras gives out."""
    return {
        "python": random.random(),
        "numpy": np.random.random(),
        "tf.random": tf.random.uniform(()).numpy(),
        "in a function": tf.function(lambda: tf.random.uniform(()))().numpy(),
        "tf's generator": tf.random.get_global_generator().uniform(()).numpy(),
        "keras.random": keras.ops.convert_to_numpy(keras.random.uniform(())),
        "the seed of a new layer": layers.Dropout(0.5).seed_generator.state.numpy()[0],
        "the name of a new layer": int(layers.Dense(1).name.rpartition("_")[2]),
    }


@pytest.mark.parametrize("call", CALLS)
def test_the_random_numbers_drawn_next(call):
    model = trained_models.functional()
    generator = tf.random.get_global_generator()

    def next_draws(look):
        keras.utils.set_random_seed(7)
        generator.reset_from_seed(7)
        states = random.getstate(), np.random.get_state(), generator.state.numpy()
        look(model)
        assert random.getstate() == states[0]
        for before, now in zip(states[1], np.random.get_state(), strict=True):
            np.testing.assert_array_equal(before, now)
        np.testing.assert_array_equal(generator.state, states[2])
        return draws()

    layers.Dense(1)
    expected = next_draws(lambda model: None)
    expected["the name of a new layer"] += 1
    assert next_draws(CALLS[call]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["functional, nested, augmented", "mixed_float16"])
def test_a_training_goes_on_bit_by_bit_as_without_us(kind):
    """With augmentation, dropout, normalisation and shuffling, looked at after batches and between two `fit`."""

    def train(look):
        keras.utils.set_random_seed(1)
        model = trained_models.build(kind)
        look(model)
        looking = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: look(model))
        history = model.fit(X, Y, batch_size=4, epochs=2, callbacks=[looking], verbose=0).history
        look(model)
        model.fit(X, Y, batch_size=4, verbose=0)
        return history, trained_models.states(model)

    def look(model):
        with unchanged(model):
            GRAD_CAM(model, X)
            FGSM(model, X, Y)

    plain, looked_at = train(lambda model: None), train(look)
    assert plain[0] == looked_at[0]
    for first, second in zip(plain[1], looked_at[1], strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["frozen backbone", "subclassed, nested"])
def test_explanations_follow_the_weights_with_one_trace(kind):
    traces = []

    def preprocess(images):
        traces.append(images)
        return images

    def results(classifier):
        return [GRAD_CAM.attributions(classifier, X, 1), FGSM(classifier, X, Y)]

    model = trained_models.build(kind)
    found = results(kax.ImageClassifier(model, preprocess=preprocess))
    count = len(traces)
    generator = np.random.default_rng(0)

    def thaw():
        model.trainable = True
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        model.fit(X, Y, verbose=0)

    changes = {
        "fit": lambda: model.fit(X, Y, verbose=0),
        "set_weights": lambda: model.set_weights([generator.random(weight.shape) for weight in model.get_weights()]),
        "another optimizer, nothing frozen": thaw,
    }
    for change in changes.values():
        before = found
        change()
        found = results(kax.ImageClassifier(model, preprocess=preprocess))
        fresh = BUILDERS[kind]()
        fresh.set_weights(model.get_weights())
        for first, second in zip(found, results(fresh), strict=True):
            np.testing.assert_array_equal(first, second)
        assert not np.array_equal(found[0], before[0])
    assert len(traces) == count
