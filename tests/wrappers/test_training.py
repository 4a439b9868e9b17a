"""ExplainableModel with callbacks, ours and Keras' own, and under a distribution strategy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import helpers
import keras
import numpy as np
import pytest
from keras import layers

import keras_advxai as kax

# What the first epochs of a training are warned of is no matter here.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")
EPSILONS = (0.05, 0.1)


def made(seed: int = 0, *first: keras.Layer) -> keras.Model:
    keras.utils.set_random_seed(seed)
    stack = [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D()]
    stack += [layers.Dense(2, activation="softmax")]
    return keras.Sequential([keras.Input((25, 25, 1)), *first, *stack], name="net")


def fit(model, data, *callbacks, epochs=3, **settings):
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(*data, batch_size=50, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **settings)


def evaluation(data, **settings):
    return kax.callbacks.AdversarialEvaluation(data, epsilons=EPSILONS, **settings)


@pytest.mark.slow
def test_our_callback_measures_what_it_does_around_the_inner_model(train_faces, test_faces):
    halved = layers.Rescaling(0.5)
    images = (2 * test_faces[0], test_faces[1])
    alone = evaluation(images, bounds=(0, 2), preprocess=halved)
    history = fit(made(), train_faces, alone).history
    callback = evaluation(images)
    model = kax.ExplainableModel(made(), bounds=(0, 2), preprocess=halved)
    assert fit(model, train_faces, callback).history == history
    assert "val_mod_fgsm_grad_cam" in history
    assert str(callback.report) == str(alone.report)
    for before, after in zip(callback.reports.values(), alone.reports.values(), strict=True):
        assert before.provenance["bounds"] == after.provenance["bounds"] == [0, 2]


def test_settings_said_twice_are_refused_before_the_first_epoch(train_faces, test_faces):
    model = kax.ExplainableModel(made())
    with pytest.raises(
        ValueError, match=r"ExplainableModel has bounds .* of its own\. Received: .*bounds=\(0\.0, 2\.0\)"
    ):
        fit(model, train_faces, evaluation(test_faces, bounds=(0, 2)))
    assert model.optimizer.iterations == 0


@pytest.mark.slow
def test_a_model_that_fit_would_build_is_built_from_what_the_network_takes(train_faces, test_faces):
    def cropped(images):
        return images[:, 1:-1, 1:-1]

    def unbuilt():
        keras.utils.set_random_seed(0)
        return keras.Sequential([layers.Conv2D(4, 5), layers.Flatten(), layers.Dense(2), layers.Softmax()])

    x, y = train_faces
    history = fit(unbuilt(), (cropped(x), y), epochs=1).history
    model = kax.ExplainableModel(unbuilt(), preprocess=cropped)
    found = fit(model, (cropped(x), y), evaluation(test_faces), epochs=1).history
    assert found["loss"] == history["loss"]
    assert len(found["val_accuracy_fgsm"]) == 1


@pytest.mark.slow
def test_one_trace_serves_the_whole_training(train_faces, test_faces):
    count, traced = helpers.Executions(), []
    model = kax.ExplainableModel(made(0, count))
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: traced.append(count.seen.traced))
    fit(model, train_faces, evaluation(test_faces, final=False, noise_control=False), note)
    assert traced[0] == traced[1] == traced[2]
    computed = count.seen.computed
    fit(model, train_faces, epochs=1)
    assert count.seen.computed == computed + 3


@pytest.mark.slow
def test_a_checkpoint_of_the_best_epoch_under_attack(train_faces, test_faces, tmp_path):
    kept = []
    model = kax.ExplainableModel(made(), bounds=(0, 1))
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="val_mod_fgsm_grad_cam", mode="min", save_best_only=True
    )
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    tensorboard = keras.callbacks.TensorBoard(tmp_path / "logs", write_graph=True, histogram_freq=1)
    history = fit(
        model, train_faces, evaluation(test_faces, noise_control=False), best, note, tensorboard, epochs=4
    ).history
    epoch = int(np.argmin(history["val_mod_fgsm_grad_cam"]))
    loaded = keras.models.load_model(tmp_path / "best.keras")
    for before, after in zip(kept[epoch], loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert loaded.optimizer.iterations == 3 * (epoch + 1)
    model.set_weights(kept[epoch])
    x = test_faces[0]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    report = loaded.evaluate_robustness(test_faces, epsilons=EPSILONS, progress=False, noise_control=False)
    measured = [report.mod("fgsm", "grad_cam", epsilon) for epsilon in EPSILONS]
    np.testing.assert_allclose(np.mean(measured), history["val_mod_fgsm_grad_cam"][epoch], rtol=1e-5)


class PowerCutError(Exception):
    pass


class PowerCut(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 7:
            raise PowerCutError


@pytest.mark.slow
def test_an_interrupted_training_resumes_as_that_of_the_inner_model(train_faces, tmp_path):
    uninterrupted = made()
    whole = fit(uninterrupted, train_faces, epochs=4).history
    for wrap in (lambda model: model, kax.ExplainableModel):
        backup = tmp_path / wrap.__name__.strip("<>")
        with pytest.raises(PowerCutError):
            fit(wrap(made()), train_faces, keras.callbacks.BackupAndRestore(backup), PowerCut(), epochs=4)
        model = wrap(made(seed=1))
        resumed = fit(model, train_faces, keras.callbacks.BackupAndRestore(backup), epochs=4)
        assert resumed.epoch == [2, 3]
        assert {key: values[2:] for key, values in whole.items()} == resumed.history
        for before, after in zip(uninterrupted.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


DISTRIBUTED = """
import sys
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import helpers
import keras_advxai as kax
from test_training import EPSILONS, evaluation, fit, made

(x, y), (x_test, y_test) = kax.datasets.faces.load_data()
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
count, traced = helpers.Executions(), []
note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: traced.append(count.seen.traced))
with strategy.scope():
    alone, inner = made(), made(0, count)
    model = kax.ExplainableModel(inner)
    expected = fit(alone, (x, y)).history
    history = fit(model, (x, y), evaluation((x_test, y_test), final=False), note).history
assert all(history[key] == expected[key] for key in ("loss", "accuracy")), (history, expected)
assert len(history["val_mod_fgsm_grad_cam"]) == 3 and traced[0] == traced[2], traced
for before, after in zip(alone.get_weights(), model.get_weights(), strict=True):
    np.testing.assert_array_equal(before, after)
np.testing.assert_array_equal(model.predict(x_test, verbose=0), inner.predict(x_test, verbose=0))

single = kax.ExplainableModel(made())
single.set_weights(model.get_weights())
np.testing.assert_allclose(model.explain(x_test), single.explain(x_test), atol=1e-5)
np.testing.assert_allclose(model.attack(x_test, y_test), single.attack(x_test, y_test), atol=1e-6)
report = model.evaluate_robustness((x_test, y_test), epsilons=EPSILONS, progress=False)
assert report.accuracy("fgsm", 0.1) == history["val_accuracy_fgsm"][-1]

outside = kax.ExplainableModel(alone)
assert outside.distribute_strategy is strategy
"""


@pytest.mark.slow
def test_under_a_mirrored_strategy():
    paths = [Path(kax.__file__).parents[1], Path(__file__).parents[1], Path(__file__).parent]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", DISTRIBUTED], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
