"""Faults in the middle of a training, none of which ends it."""

from __future__ import annotations

import csv
import logging
import math
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from acting import Acting, At, breaking, failures
from disks import fill, most_bytes, small_disk
from event_files import steps

import keras_advxai as kax
from keras_advxai.callbacks import FailureWarning

# What the first epochs of a training are warned of is no matter here; see test_telling.py.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")

DRIFTS = {"val_mod_acting_grad_cam", "val_vid_acting_grad_cam"}
ACCURACIES = {"val_accuracy_clean", "val_accuracy_acting"}
FAILED = "val_evaluation_failed"
ATTACK = Acting()


@pytest.fixture
def acting(evaluation, images):
    """Our callback, with an attack that does other things, too."""
    Acting.does()

    def acting(**settings):
        return evaluation(
            images, **{"attacks": ATTACK, "noise_control": False, "final": False, "images": 1, **settings}
        )

    return acting


def logged(log_dir):
    """Run to tag to steps."""
    return {path.name: found for path in (log_dir / "advxai").iterdir() if path.is_dir() and (found := steps(path))}


def numbers(log_dir):
    """The steps of the accuracies and drifts, which have to be the same in all runs."""
    tags = [item for run in logged(log_dir).values() for item in run.items()]
    (same,) = {tuple(at) for tag, at in tags if tag.startswith(("advxai/", "advxai_vid/"))}
    return list(same)


@pytest.mark.slow
def test_an_evaluation_that_fails_repeats_the_last_values_and_is_marked(acting, fit, tmp_path, caplog):
    ours = acting(log_dir=tmp_path / "logs")
    script = At({1: breaking(RuntimeError("Broken at 7.")), 3: Acting.does})
    history = {}
    said = failures(
        lambda: history.update(
            fit(script, ours, keras.callbacks.CSVLogger(tmp_path / "log.csv"), epochs=(None,) * 5).history
        )
    )
    assert history[FAILED] == [0, 1, 1, 0, 0]
    for key in DRIFTS | ACCURACIES:
        assert history[key][:3] == history[key][:1] * 3
        assert len(history[key]) == 5
        assert all(map(math.isfinite, history[key]))
    (sentence,) = said  # of two failures of one kind
    assert sentence.startswith("The evaluation after epoch 2 failed (")
    assert "RuntimeError: Broken at 7." in sentence
    assert sentence.endswith(
        "The values of the last one are logged again, and the next epoch tries again, after a memory error in batches "
        "of half the size."
    )
    (record,) = [item for item in caplog.records if item.name == "keras_advxai" and item.levelno >= logging.WARNING]
    assert record.getMessage() == sentence
    assert "Traceback" in caplog.text
    assert sorted(ours.failures) == [1, 2]
    assert sorted(ours.reports) == [0, 1, 2, 3, 4]
    for epoch, report in ours.reports.items():
        marked = [finding for finding in report.warnings if finding.id == "evaluation-failed"]
        assert len(marked) == (epoch in (1, 2))
        assert all(item.severity == "error" and str(item).startswith(ours.failures[epoch]) for item in marked)
    assert ours.reports[1].measurements == ours.reports[0].measurements
    assert numbers(tmp_path / "logs") == [0, 3, 4]
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [float(row[FAILED]) for row in rows] == [0, 1, 1, 0, 0]


def test_the_next_epoch_tries_again_whatever_every_says(acting, fit):
    ours = acting(every=3)
    script = At({2: breaking(RuntimeError("Broken.")), 3: Acting.does})
    history = {}
    assert len(failures(lambda: history.update(fit(script, ours, epochs=(None,) * 6).history))) == 1
    assert history[FAILED] == [0, 0, 1, 0, 0, 0]
    assert sorted(ours.reports) == [0, 2, 3, 5]
    assert sorted(ours.failures) == [2]


def test_a_failure_in_the_first_epoch_is_logged_as_worse_than_anything(acting, fit, tmp_path):
    right = fit(acting()).history
    ours = acting()
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.keras", "val_accuracy_clean", save_best_only=True, mode="max"
    )
    rows = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    script = At({0: breaking(ValueError("Broken.")), 1: Acting.does})
    history = {}
    (said,) = failures(lambda: history.update(fit(script, ours, best, rows, epochs=(None,) * 2).history))
    assert "The evaluation after epoch 1 failed" in said
    assert list(history) == list(right)
    assert {key: history[key][0] for key in DRIFTS | ACCURACIES | {FAILED}} == {
        **dict.fromkeys(DRIFTS, math.inf),
        **dict.fromkeys(ACCURACIES, -math.inf),
        FAILED: 1,
    }
    assert history["val_accuracy_clean"][1] == right["val_accuracy_clean"][0]
    assert (tmp_path / "2.keras").exists()
    assert sorted(ours.reports) == [1]
    assert sorted(ours.failures) == [0]
    assert set((tmp_path / "log.csv").read_text().splitlines()[0].split(",")) >= DRIFTS | ACCURACIES | {FAILED}


# TensorFlow's allocator tries for ten seconds before it gives up.
@pytest.mark.parametrize("kind", ["Python's", pytest.param("TensorFlow's", marks=pytest.mark.slow)])
def test_after_memory_errors_the_batch_is_halved(acting, fit, kind):
    def too_large(size):
        if size <= 20:
            return 0
        if kind == "TensorFlow's":
            return 2**46
        raise MemoryError("too much")

    ours = acting(batch_size=64)
    script = At({0: lambda: Acting.does(too_large)})
    said = failures(lambda: fit(script, ours, epochs=(None,) * 5))
    assert len(said) == 1
    assert "OOM when allocating" in said[0] or "MemoryError: too much" in said[0]
    assert sorted(ours.failures) == [0, 1]
    assert Acting.sizes[0] == 64  # then 32, then 16: once for each epsilon and batch
    assert set(Acting.sizes) == {64, 32, 16}
    assert Acting.sizes.count(16) == 3 * 2 * 4
    assert len(ours.reports[4].measurements) == 64
    Acting.does()
    whole = acting(batch_size=64)
    fit(whole)
    np.testing.assert_array_equal(
        ours.reports[4].dissimilarity("acting", "grad_cam", 0.2),
        whole.reports[0].dissimilarity("acting", "grad_cam", 0.2),
    )


def test_the_evaluation_after_training_tries_smaller_batches_at_once(acting, fit):
    def too_large(size):
        if size > 10:
            raise MemoryError

    ours = acting(final=True, max_samples=8, batch_size=64)
    script = keras.callbacks.LambdaCallback(on_train_end=lambda logs: Acting.does(too_large))
    assert failures(lambda: fit(script, ours)) == []
    assert len(ours.report.measurements) == 64
    assert set(Acting.sizes) == {64, 32, 16, 8}


@pytest.mark.parametrize("when", ["epoch", "end"])
def test_errors_are_raised_where_they_are_asked_for(acting, fit, when, tmp_path):
    ours = acting(on_error="raise", final=True, max_samples=8, log_dir=tmp_path)
    script = At({1: breaking(RuntimeError("Broken."))})
    if when == "end":
        script = keras.callbacks.LambdaCallback(on_train_end=lambda logs: breaking(RuntimeError("Broken."))())
    with pytest.raises(tf.errors.UnknownError, match=r"RuntimeError: Broken\."):
        fit(script, ours, epochs=(None,) * 2)
    Acting.does()
    limits = most_bytes(100)
    script = At({1: limits.__enter__})
    try:
        with pytest.raises(OSError, match="too large"):
            fit(script, acting(on_error="raise", log_dir=tmp_path / "full"), epochs=(None,) * 2)
    finally:
        limits.__exit__(None, None, None)


@pytest.mark.slow
def test_training_is_bit_identical_where_evaluations_fail(images):
    outcomes = []
    for ours in (None, "ours"):
        keras.utils.set_random_seed(0)
        layers = keras.layers
        model = keras.Sequential(
            [
                *(keras.Input((8, 8, 1)), layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization()),
                *(layers.Dropout(0.3), layers.GlobalAveragePooling2D(), layers.Dense(2)),
            ]
        )
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        callbacks = []
        if ours is not None:
            settings = {"attacks": ATTACK, "noise_control": False, "epsilons": (0.1,), "batch_size": 64}
            script = At({1: breaking(MemoryError()), 2: Acting.does})
            Acting.does()
            callbacks = [script, kax.callbacks.AdversarialEvaluation(images, **settings)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FailureWarning)
            model.fit(*images, epochs=4, batch_size=16, verbose=0, callbacks=callbacks)
        outcomes.append((model.history.history["loss"], [variable.numpy() for variable in model.variables]))
    (losses, variables), (other_losses, other_variables) = outcomes
    assert losses == other_losses
    for left, right in zip(variables, other_variables, strict=True):
        np.testing.assert_array_equal(left, right)


def test_data_that_cannot_be_read_again(trained, images, evaluation, fit):
    rounds = []

    def once():
        if rounds:
            raise RuntimeError("The file is gone.")
        yield images

    signature = tuple(tf.TensorSpec((None, *item.shape[1:]), item.dtype) for item in images)
    data = tf.data.Dataset.from_generator(once, output_signature=signature)
    ours = evaluation(data, max_samples=16)
    script = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: rounds.append(1))
    (said,) = failures(lambda: fit(ours, script, epochs=(None,) * 2))
    assert said.startswith("The evaluation of all of the data after training failed (")
    assert "The file is gone." in said
    assert sorted(ours.failures) == [2]
    assert next(finding.id for finding in ours.report.warnings) == "evaluation-failed"
    assert ours.report.measurements == ours.reports[1].measurements


def test_data_that_fail_in_the_middle_leave_what_was_evaluated_of_all(trained, images, evaluation, fit, tmp_path):
    class Data(keras.utils.PyDataset):
        reads = 0

        def __len__(self):
            return 4

        def __getitem__(self, index):
            self.reads += 1
            if self.reads == 4 + 3:
                raise OSError("No such file.")
            return tuple(item[16 * index : 16 * index + 16] for item in images)

    ours = evaluation(Data(), max_samples=16, log_dir=tmp_path, images=0)
    (said,) = failures(lambda: fit(ours, epochs=(None,) * 2))
    assert said.startswith("The evaluation of all of the data after training failed (OSError: No such file.)")
    assert sorted(ours.failures) == [2]
    assert len(ours.report.measurements) == 32
    assert ours.report.provenance["partial"]["images"] == 32
    assert kax.EvaluationReport.from_json(tmp_path / "advxai" / "report.json") == ours.report
    first = tuple(item[:32] for item in images)
    right = kax.evaluate(trained, first, settings=ours.report.settings, batch_size=16, progress=False)
    for name, array in right.measurements.arrays.items():
        np.testing.assert_array_equal(ours.report.measurements.arrays[name], array)


def test_a_log_directory_that_is_deleted_in_the_middle(acting, fit, tmp_path):
    logs = tmp_path / "logs"
    ours = acting(log_dir=logs)
    said = failures(lambda: fit(At({2: lambda: shutil.rmtree(logs)}), ours, epochs=(None,) * 4))
    assert len(said) == 1
    assert "Their numbers were written again, their pictures are lost." in said[0]
    assert numbers(logs) == [0, 1, 2, 3]
    saved = {path.name: kax.EvaluationReport.load(path) for path in (logs / "advxai" / "epochs").iterdir()}
    assert saved == {f"{epoch:04d}.npz": report for epoch, report in ours.reports.items()}
    assert kax.EvaluationReport.from_json(logs / "advxai" / "report.json") == ours.report


@pytest.mark.parametrize("fault", ["most bytes", "small disk", "a file"])
def test_a_log_directory_that_is_full_for_a_while(acting, fit, tmp_path, fault):
    logs = tmp_path / "logs"

    def train(begin, end):
        ours = acting(log_dir=logs, images=0)
        script = At({1: begin, 3: end})
        said = failures(lambda: fit(script, ours, epochs=(None,) * 4))
        assert len(said) == 1  # of two epochs
        assert said[0].startswith(f"Logging epoch 2 to '{logs}' failed (")
        assert "What could not be written is written after another epoch, when that is possible." in said[0]
        assert numbers(logs) == [0, 1, 2, 3]
        assert not ours.failures
        saved = {path.name: kax.EvaluationReport.load(path) for path in (logs / "advxai" / "epochs").iterdir()}
        assert saved == {f"{epoch:04d}.npz": report for epoch, report in ours.reports.items()}

    if fault == "small disk":
        with small_disk(logs, "1M"):
            train(lambda: fill(logs, 0), lambda: fill(logs, 0).unlink())
    elif fault == "most bytes":
        limits = most_bytes(100)
        train(limits.__enter__, lambda: limits.__exit__(None, None, None))
    else:

        def replace():
            logs.rename(tmp_path / "aside")
            logs.write_text("mine")

        def restore():
            logs.unlink()
            (tmp_path / "aside").rename(logs)

        train(replace, restore)


def test_report_json_is_that_of_the_last_epoch(acting, fit, tmp_path):
    found = []

    def read(epoch, logs):
        found.append(kax.EvaluationReport.from_json(tmp_path / "advxai" / "report.json"))

    ours = acting(log_dir=tmp_path)
    fit(ours, keras.callbacks.LambdaCallback(on_epoch_end=read), epochs=(None,) * 3)
    assert found == list(ours.reports.values())


@pytest.mark.slow
def test_an_evaluation_in_the_middle_that_is_logged_to_the_same_directory(acting, fit, trained, images, tmp_path):
    settings = {"attacks": ATTACK, "noise_control": False, "epsilons": (0.05, 0.2), "batch_size": 64}

    def evaluate():
        kax.evaluate(trained, images, log_dir=tmp_path, progress=False, **settings)

    ours = acting(log_dir=tmp_path)
    assert failures(lambda: fit(At({2: evaluate}), ours, epochs=(None,) * 4)) == []
    assert numbers(tmp_path) == [0, 1, 2, 3]  # the evaluation is a run of its own


def test_a_training_that_is_longer_than_its_disk_is_told_before(acting, fit, tmp_path):
    with small_disk(tmp_path / "disk", "1M") as disk:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(acting(log_dir=disk, images=0), until=1)
            assert not [item for item in caught if "evaluations take" in str(item.message)]
            stop = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: setattr(fitted.model, "stop_training", True)
            )
            fitted = acting(log_dir=disk, images=0)
            fit(fitted, stop, until=10_000)
        (said,) = [str(item.message) for item in caught if "evaluations take" in str(item.message)]
        assert said.startswith("The logs of 10000 evaluations take ")
        fill(disk, 3000)
        with pytest.raises(ValueError, match=r"`log_dir` must be.*will be written"):
            fit(acting(log_dir=disk, images=0))
