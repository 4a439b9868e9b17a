"""The callback inside of real trainings."""

from __future__ import annotations

import csv
import logging
import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_advxai as kax

# What the first epochs of a training are warned of is no matter here; see test_telling.py.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")

EPSILONS = (0.02, 0.1)
KEYS = {
    f"val_{key}"
    for attack in ("fgsm", "uniform_noise")
    for key in ("accuracy_clean", f"accuracy_{attack}", f"mod_{attack}_grad_cam", f"vid_{attack}_grad_cam")
} | {"val_evaluation_failed"}


def build(seed: int = 0) -> keras.Model:
    """A CNN with everything that has a state or a random stream: BatchNorm, Dropout, augmentation, penalties."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((25, 25, 1)),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(8, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu", activity_regularizer=keras.regularizers.L2(1e-5)),
            layers.Dropout(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Watch(keras.callbacks.Callback):
    """Notes the epochs that begin."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


def callback(data, **settings) -> kax.callbacks.AdversarialEvaluation:
    return kax.callbacks.AdversarialEvaluation(data, **{"epsilons": EPSILONS, "max_samples": 24, **settings})


def fit(model, train_faces, *callbacks, epochs=3, **settings):
    x, y = train_faces
    return model.fit(x, y, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks), **settings)


@pytest.mark.slow
def test_training_is_bit_identical_with_and_without(train_faces, test_faces):
    outcomes = []
    for callbacks in ([], [callback(test_faces, every=1)]):
        model = build()
        history = fit(model, train_faces, *callbacks, validation_data=test_faces)
        outcomes.append((model, {key: value for key, value in history.history.items() if key not in KEYS}))
    (plain, plain_history), (watched, watched_history) = outcomes
    assert plain_history == watched_history
    for left, right in zip(plain.variables, watched.variables, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())
    for left, right in zip(plain.optimizer.variables, watched.optimizer.variables, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())
    assert len(plain.losses) == len(watched.losses)


@pytest.mark.slow
def test_the_global_random_streams_are_left_alone(train_faces, test_faces):
    drawn = []
    for callbacks in ([], [callback(test_faces)]):
        keras.utils.clear_session()  # Keras' own stream begins again: since 3.13, `set_random_seed` does this too
        model = build()
        fit(model, train_faces, *callbacks, epochs=1)
        drawn.append((np.random.rand(), tf.random.uniform(()).numpy(), keras.random.uniform(()).numpy()))
    assert drawn[0] == drawn[1]


def test_keras_own_callbacks_use_its_keys(train_faces, test_faces, tmp_path):
    key = "val_mod_fgsm_grad_cam"
    ours = callback(test_faces, log_dir=tmp_path / "logs")
    seen = []
    history = fit(
        build(),
        train_faces,
        ours,
        keras.callbacks.EarlyStopping(key, mode="max", patience=1, min_delta=10.0),
        keras.callbacks.ModelCheckpoint(str(tmp_path / ("{epoch}-{" + key + ":.3f}.keras"))),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.TensorBoard(str(tmp_path / "logs")),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs))),
        epochs=5,
    )
    assert history.epoch == [0, 1]  # early stopping saw no improvement by 10
    assert set(history.history) >= KEYS
    assert all(type(logs[name]) is float for logs in seen for name in KEYS)
    assert len(list(tmp_path.glob("1-0.*.keras"))) == 1
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [float(row[key]) for row in rows] == pytest.approx(history.history[key])
    own = EventAccumulator(str(tmp_path / "logs" / "train"))
    own.Reload()
    assert "epoch_loss" in own.Tags()["tensors"]


def test_the_values_are_those_of_the_reports(train_faces, test_faces):
    ours = callback(test_faces)
    history = fit(build(), train_faces, ours, epochs=2).history
    for epoch, report in ours.reports.items():
        assert history["val_accuracy_clean"][epoch] == report.clean_accuracy
        assert history["val_accuracy_fgsm"][epoch] == report.accuracy("fgsm", 0.1)
        mods = [report.mod("fgsm", "grad_cam", epsilon) for epsilon in EPSILONS]
        assert history["val_mod_fgsm_grad_cam"][epoch] == pytest.approx(np.mean(mods))
        assert history["val_vid_fgsm_grad_cam"][epoch] == pytest.approx(np.std(mods))
        assert len(report.samples) == 24
        assert report.examples == ()
    assert len(ours.report.samples) == 50  # all of the data, after training
    assert ours.report.examples


@pytest.mark.slow
def test_keys_of_further_dissimilarities_end_in_their_name(train_faces, test_faces):
    def my_function(heatmaps, others):
        return tf.reduce_mean(tf.abs(heatmaps - others), axis=(1, 2, 3))

    others = {"epsilons": EPSILONS, "fold_batch_norm": True, "noise_control": False}
    settings = kax.EvaluationSettings(metrics=("nissim", my_function, "center_shift"), **others)
    ours = callback(test_faces, settings=settings, final=False)
    assert ours.settings == settings
    history = fit(build(), train_faces, ours, epochs=1).history
    assert {key for key in history if key.startswith("val_")} == {
        "val_accuracy_clean",
        "val_accuracy_fgsm",
        "val_evaluation_failed",
        *(f"val_{kind}_fgsm_grad_cam{end}" for kind in ("mod", "vid") for end in ("", "_my_function", "_center_shift")),
    }
    for metric in ("my_function", "center_shift"):
        mods = [ours.report.mod("fgsm", "grad_cam", epsilon, metric=metric) for epsilon in EPSILONS]
        assert history[f"val_mod_fgsm_grad_cam_{metric}"] == [pytest.approx(np.mean(mods))]
        assert history[f"val_vid_fgsm_grad_cam_{metric}"] == [pytest.approx(np.std(mods))]
    assert ours.report.provenance["fold_batch_norm"]


@pytest.mark.slow
def test_the_checks_of_the_callback_are_those_of_evaluate(train_faces, test_faces):
    findings = {}
    for checks in ("cheap", "all"):
        model, ours = build(), callback(test_faces, checks=checks, max_samples=50, epsilons=(0.1,), explainers=())
        fit(model, train_faces, ours, epochs=1)
        assert ours.report == kax.evaluate(model, test_faces, settings=ours.settings, progress=False)
        findings[checks] = {finding.id for finding in ours.report.warnings}
    assert findings["cheap"] <= findings["all"]


@pytest.mark.slow
def test_epochs_without_an_evaluation_repeat_the_last_values(train_faces, test_faces):
    ours = callback(test_faces, every=3, final=False)
    history = fit(build(), train_faces, ours, epochs=5).history
    assert sorted(ours.reports) == [0, 2]
    for key in KEYS:
        values = history[key]
        assert len(values) == 5
        assert values[0] == values[1]
        assert values[2] == values[3] == values[4]
        assert all(math.isfinite(value) for value in values)
    assert len(ours.report.samples) == 24  # no final evaluation


@pytest.mark.slow
def test_one_trace_serves_the_whole_training(train_faces, test_faces):
    traces = []

    class Counting(kax.attacks.FGSM):
        def perturb(self, model, x, y, epsilon, forward):
            traces.append(x.shape)
            return super().perturb(model, x, y, epsilon, forward)

    fit(build(), train_faces, callback(test_faces, attacks=[Counting()], batch_size=16), epochs=4)
    assert len(traces) == 1


@pytest.mark.slow
def test_the_sample_is_fixed_seeded_and_the_same_for_every_kind_of_data(train_faces, test_faces):
    x, y = test_faces
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(50, seed=1).batch(8)
    first = callback(test_faces, final=False)
    again = callback(test_faces, final=False)
    other = callback(test_faces, final=False, seed=1)
    stream = callback(dataset, final=False)
    for item in (first, again, other, stream):
        fit(build(), train_faces, item, epochs=2)
    fingerprints = [item.report.provenance["data_sha256"] for item in (first, again, other, stream)]
    assert fingerprints[0] == fingerprints[1]
    assert fingerprints[0] != fingerprints[2]
    assert stream.reports[0].provenance["data_sha256"] == stream.reports[1].provenance["data_sha256"]
    labels = first.report.measurements.at("label")
    assert 0 < labels.mean() < 1


def test_every_mistake_shows_before_the_first_epoch(train_faces, test_faces):
    x, y = test_faces
    mistakes = [
        (callback((x * 255, y)), "must lie within the bounds"),
        (callback((x, y + 1)), "must lie in 0..1"),
        (callback(test_faces, explainers=[kax.explainers.GradCAM(layer="nope")]), "has no layer 'nope'"),
        (callback(tf.data.Dataset.from_tensor_slices((x, y))), "must be batched"),
        (callback(test_faces, log_dir="/dev/null/logs"), "`log_dir` must be a directory"),
        (callback(x, target="label"), "target='label' explains the true class"),
    ]
    for mistake, message in mistakes:
        watch = Watch()
        model = build()
        weights = model.get_weights()
        with pytest.raises(ValueError, match=message):
            fit(model, train_faces, mistake, watch)
        assert not watch.epochs
        for left, right in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_a_model_that_fit_would_build_trains_the_same(train_faces, test_faces):
    histories = []
    for callbacks in ([], [callback(test_faces)]):
        model = keras.Sequential(build().layers)
        assert not model.built
        model.compile("adam", "sparse_categorical_crossentropy")
        histories.append(fit(model, train_faces, *callbacks, epochs=2).history)
    assert histories[0]["loss"] == histories[1]["loss"]
    assert set(histories[1]) >= KEYS


@pytest.mark.slow
def test_layers_without_weights_get_the_same_ones(train_faces, test_faces):
    weights = []
    for callbacks in ([], [callback(test_faces)]):
        keras.utils.set_random_seed(4)
        layers = keras.layers
        stack = [layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax")]
        model = keras.Sequential(stack)
        model.compile("adam", "sparse_categorical_crossentropy")
        fit(model, train_faces, *callbacks, epochs=2)
        weights.append(model.get_weights())
    for left, right in zip(*weights, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_a_linear_head(train_faces, test_faces):
    model = keras.Sequential([keras.layers.Input((25, 25, 1)), *build().layers[:-1], keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ours = callback(test_faces, from_logits=True)
    fit(model, train_faces, ours, epochs=1)
    assert ours.report.provenance["head"] == "linear"


@pytest.mark.slow
def test_weights_that_became_nan_are_named_and_not_kept(train_faces, test_faces, tmp_path):
    model = build()

    class Diverge(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations.numpy()) > self.params["steps"]:  # in the second epoch
                self.model.layers[-1].bias.assign([math.nan, math.nan])

    path, ours = tmp_path / "best.weights.h5", callback(test_faces)
    best = keras.callbacks.ModelCheckpoint(
        path, "val_accuracy_fgsm", mode="max", save_best_only=True, save_weights_only=True
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, train_faces, ours, best, Diverge(), epochs=2).history
    said = "The model's outputs are NaN or infinite since epoch 2, for 24 of 24 clean images, so"
    assert sum(str(item.message).startswith(said) for item in caught) == 1
    assert history["val_accuracy_fgsm"][0] > 0
    assert history["val_accuracy_fgsm"][1] == 0
    model.load_weights(path)
    assert np.isfinite(model.layers[-1].get_weights()[1]).all()


@pytest.mark.slow
def test_a_single_epsilon_has_no_vid(train_faces, test_faces):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", kax.callbacks.FindingWarning)
        history = fit(build(), train_faces, callback(test_faces, epsilons=(0.1,)), epochs=1).history
    assert "val_mod_fgsm_grad_cam" in history
    assert not any("vid" in key for key in history)


def test_what_it_writes_and_says(train_faces, test_faces, tmp_path, caplog, capsys):
    logs = tmp_path / "logs"
    ours = callback(test_faces, log_dir=logs)
    with caplog.at_level(logging.INFO, logger="keras_advxai"):
        fit(build(), train_faces, ours, epochs=2)
    ours_said = [record.getMessage() for record in caplog.records if record.name == "keras_advxai"]
    assert len(ours_said) == 2  # what it took is the second
    assert ours_said[0] == (
        f"Adversarial evaluation: tensorboard --logdir {logs}, then http://localhost:6006/?smoothing=0#advxai"
    )
    assert capsys.readouterr() == ("", "")
    assert kax.EvaluationReport.from_json(logs / "advxai" / "report.json") == ours.report
    events = EventAccumulator(str(logs / "advxai" / "eps_0.1"))
    events.Reload()
    found = events.Tensors("advxai/mod/grad_cam/fgsm")
    assert [event.step for event in found] == [0, 1]
    written = [float(tf.make_ndarray(event.tensor_proto)) for event in found]
    assert written == pytest.approx([ours.reports[epoch].mod("fgsm", "grad_cam", 0.1) for epoch in (0, 1)])


def test_two_of_them_in_one_directory_fail_before_the_first_epoch(train_faces, test_faces, tmp_path):
    batches = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: batches.append(batch))
    with pytest.raises(ValueError, match="Give each evaluation a `log_dir` of its own"):
        fit(
            build(),
            train_faces,
            *(callback(test_faces, log_dir=tmp_path, name=name) for name in (None, "again")),
            watch,
        )
    assert not batches
