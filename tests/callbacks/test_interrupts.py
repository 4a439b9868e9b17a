"""An interrupt ends a training, wherever it comes from, and leaves nothing open and no file half-written."""

from __future__ import annotations

import contextlib
import os
import pathlib

import keras
import pytest
import tensorflow as tf
from acting import Acting
from event_files import steps

from keras_advxai.callbacks.guard import interrupt_of

# What the first epochs of a training are warned of is no matter here; see test_telling.py.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")

ATTACK = Acting()


def open_files(folder):
    """The files of a folder that this process holds open, on every system."""
    held = set()
    for descriptor in range(4096):
        with contextlib.suppress(OSError):
            held.add((os.fstat(descriptor).st_dev, os.fstat(descriptor).st_ino))
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return [path for path in files if (path.stat().st_dev, path.stat().st_ino) in held]


def accuracies(log_dir):
    (found,) = [at for tag, at in steps(log_dir / "advxai" / "clean").items() if tag.startswith("advxai/accuracy/")]
    return found


class Interrupted(keras.utils.PyDataset):
    """Data that can be read whole, and in the middle of which the user gives up the next time."""

    def __init__(self, images, rounds):
        super().__init__()
        self.images = images
        self.rounds = rounds
        self.read = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.read += 1
        if self.read > 4 * self.rounds + 2:
            raise KeyboardInterrupt
        return tuple(item[16 * index : 16 * index + 16] for item in self.images)


@pytest.fixture
def dataset(images):
    """The same, as a generator within TensorFlow, which makes another error of it."""

    def dataset(rounds):
        data = Interrupted(images, rounds)

        def batches():
            for index in range(4):
                yield data[index]

        signature = tuple(tf.TensorSpec((None, *item.shape[1:]), item.dtype) for item in images)
        found = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return found.apply(tf.data.experimental.assert_cardinality(4))

    return dataset


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PyDataset", "from_generator"])
def test_an_interrupt_out_of_the_data_that_are_evaluated(images, dataset, evaluation, fit, kind, tmp_path):
    # They are read once to draw the sample, and again after the training.
    data = Interrupted(images, 1) if kind == "PyDataset" else dataset(1)
    ours = evaluation(data, max_samples=16, log_dir=tmp_path, images=1)
    with pytest.raises(KeyboardInterrupt):
        fit(ours, epochs=(None,) * 2)
    assert open_files(tmp_path) == []
    assert accuracies(tmp_path) == [0, 1]
    assert sorted(ours.reports) == [0, 1]
    assert not ours.failures


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PyDataset", "from_generator"])
def test_an_interrupt_out_of_the_data_that_are_trained_on(images, dataset, evaluation, trained, kind, tmp_path):
    data = Interrupted(images, 2) if kind == "PyDataset" else dataset(2)
    ours = evaluation(images, max_samples=16, log_dir=tmp_path, images=1)
    with pytest.raises((KeyboardInterrupt, tf.errors.UnknownError), match=r"KeyboardInterrupt|^$"):
        trained.fit(data, epochs=4, verbose=0, shuffle=False, callbacks=[ours])
    assert open_files(tmp_path) == []
    done = len(ours.reports)
    assert accuracies(tmp_path) == list(range(done))
    assert 1 <= done <= 2  # Keras reads ahead
    trained.fit(*images, epochs=4, initial_epoch=done, verbose=0, callbacks=[ours])
    assert accuracies(tmp_path) == [0, 1, 2, 3]
    assert sorted(ours.reports) == [0, 1, 2, 3]
    assert ours.earlier_reports == ()


def test_an_interrupt_in_an_evaluation(images, evaluation, fit, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    Acting.does()
    ours = evaluation(images, attacks=ATTACK, noise_control=False, log_dir=tmp_path, images=1)
    script = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: Acting.does(*[interrupt] * (epoch == 2)))
    with pytest.raises(KeyboardInterrupt):
        fit(script, ours, epochs=(None,) * 4)
    Acting.does()
    assert open_files(tmp_path) == []
    assert accuracies(tmp_path) == [0, 1]
    assert not ours.failures
    fit(ours, epochs=(None,) * 4, initial_epoch=2)
    assert accuracies(tmp_path) == [0, 1, 2, 3]
    assert sorted(ours.reports) == [0, 1, 2, 3]


def test_what_is_an_interrupt():
    def error(kind, message):
        return getattr(tf.errors, kind)(None, None, message)

    place = "{{function_node __wrapped__IteratorGetNext_device_/job:localhost/CPU:0}} "
    for name, kind in (("KeyboardInterrupt", KeyboardInterrupt), ("SystemExit", SystemExit)):
        for message in (
            f"{place}{name}: \nTraceback",
            f"Graph execution error:\n\nDetected\n{name}: stop\nTrace",
            f"{name}: ",
        ):
            assert type(interrupt_of(error("UnknownError", message))) is kind
    for other in (
        error("UnknownError", f"{place}RuntimeError: KeyboardInterrupt: no\nTraceback"),
        error("InvalidArgumentError", "KeyboardInterrupt: "),
        RuntimeError("KeyboardInterrupt: "),
        error("UnknownError", "KeyboardInterrupted: "),
    ):
        assert interrupt_of(other) is None
