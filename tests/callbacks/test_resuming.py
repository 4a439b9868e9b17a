"""A training that was killed and goes on has every epoch once, in its reports and in its event files."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys

import killed
import numpy as np
import pytest
import tensorflow as tf
from acting import At
from event_files import steps
from killed import EPOCHS, ORDERS, Killed, Killer, build, train
from tensorboard.compat.proto.event_pb2 import Event

import keras_advxai as kax
from keras_advxai.callbacks import FailureWarning
from keras_advxai.tensorboard.names import SHEETS

# What the first epochs of a training are warned of is no matter here; see test_telling.py.
pytestmark = pytest.mark.filterwarnings("ignore::keras_advxai.callbacks.FindingWarning")

KILLS = int(os.environ.get("KILLS", "1"))
"""How many processes are killed for each order of the callbacks. `KILLS=3` was run once."""
POINTS = int(os.environ.get("EVERY_NTH_POINT", "4"))
"""At each how manieth of the points a training is killed within a process. `EVERY_NTH_POINT=1` was run once."""


@pytest.fixture(scope="module")
def killer():
    return Killer(really=False)


@pytest.fixture(scope="module")
def model():
    """Traced once; each training begins with its first weights."""
    return build()


@pytest.fixture(scope="module")
def start(model):
    first = model.get_weights()

    def start():
        model.set_weights(first)
        model.optimizer.iterations.assign(0)
        model._initial_epoch = None  # BackupAndRestore sets it for good, and a new process has none

    return start


@pytest.fixture(scope="module")
def right(model, start, killer, tmp_path_factory):
    """The training that was not killed, and how many points there are to kill it at, by order."""
    counts, outcomes = {}, {}
    for order in ORDERS:
        start()
        folder = tmp_path_factory.mktemp("right")
        outcomes[order] = train(model, folder, order, killer), folder
        counts[order] = killer.count
    return counts, outcomes


def scalars(folder):
    """Run, tag and step to each number that is there."""
    found = {}
    for path in sorted((folder / "logs" / "advxai").rglob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = Event.FromString(record.numpy())
            for value in event.summary.value:
                array = tf.make_ndarray(value.tensor)
                found.setdefault((path.parent.name, value.tag, event.step), []).append(array.tolist())
    return found


def is_measured(item):
    """Whether it is no layout, which stands at the first step of each process, no name of the directory, no picture."""
    (_, tag, _), _ = item
    return "custom_scalars" not in tag and "_hparams_" not in tag and tag != SHEETS


def pictured(found):
    """The pictures of the tab, each once in a process: the next one writes again what it needs."""
    names = [json.loads(value[0][0]) for (_, tag, _), value in found.items() if tag == SHEETS]
    return {name for each in names for name in each}


def check(folder, ours, expected, right_folder):
    """Whether a training has come to what the one has come to that was not killed."""
    assert list(ours.reports) == list(range(EPOCHS))
    assert ours.reports == expected.reports
    assert ours.report == expected.report
    assert ours.failures == {}
    found, theirs = scalars(folder), scalars(right_folder)
    assert dict(filter(is_measured, found.items())) == dict(filter(is_measured, theirs.items()))
    assert pictured(found) == pictured(theirs)
    assert all(len(value) == 1 for value in found.values())
    saved = json.loads((folder / "logs" / "advxai" / "training.json").read_text())
    assert saved["finished"]
    assert saved["next"] == EPOCHS
    assert kax.EvaluationReport.from_json(folder / "logs" / "advxai" / "report.json") == ours.report


def killed_and_resumed(model, start, killer, right, order, at, folder):
    start()
    with pytest.raises(Killed):
        train(model, folder, order, killer, at)
    start()
    return train(model, folder, order, killer)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_wherever_it_was_killed(model, start, killer, right, order, share, tmp_path):
    counts, outcomes = right
    ours = killed_and_resumed(model, start, killer, right, order, round(share * counts[order]), tmp_path)
    check(tmp_path, ours, *outcomes[order])


@pytest.fixture
def fit(model, start):
    """Trains that model from its first weights, with our callback in a log directory."""

    def fit(log_dir, actions=None, epochs=3, initial_epoch=0, **settings):
        start()
        settings = {"epsilons": (0.2,), "noise_control": False, "batch_size": 32, "images": 0, **settings}
        ours = kax.callbacks.AdversarialEvaluation(killed.images(), log_dir=log_dir, **settings)
        model.fit(
            *killed.images(),
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=0,
            callbacks=[At(actions or {}), ours],
        )
        return ours

    return fit


def die():
    raise Killed


def accuracies(log_dir):
    return steps(log_dir / "advxai" / "clean")["advxai/accuracy/fgsm"]


def test_an_epoch_that_could_not_be_logged_is_not_done(fit, tmp_path):
    clean, aside = tmp_path / "advxai" / "clean", tmp_path / "aside"

    def block():
        clean.rename(aside)
        clean.write_text("mine")

    def unblock_and_die():
        clean.unlink()
        aside.rename(clean)
        die()

    with pytest.warns(FailureWarning, match="Logging epoch 2 .* failed"), pytest.raises(Killed):
        fit(tmp_path, {1: block, 2: unblock_and_die})
    ours = fit(tmp_path, initial_epoch=2)
    assert accuracies(tmp_path) == [0, 1, 2]
    assert sorted(ours.reports) == [0, 1, 2]


def test_a_training_that_ended_is_gone_on_with_or_begun_again(fit, tmp_path):
    first = fit(tmp_path, epochs=2)
    more = fit(tmp_path, epochs=3, initial_epoch=2)
    assert {epoch: more.reports[epoch] for epoch in (0, 1)} == first.reports
    assert sorted(more.reports) == [0, 1, 2]
    assert accuracies(tmp_path) == [0, 1, 2]
    assert steps(tmp_path / "advxai" / "clean")["~advxai_final/accuracy/clean"] == [2]
    again = fit(tmp_path, epochs=1)
    assert sorted(again.reports) == [0]
    assert accuracies(tmp_path) == [0, 0, 1, 2]  # nothing of what had ended is taken away
    assert [path.name for path in (tmp_path / "advxai" / "epochs").iterdir()] == ["0000.npz"]


def test_another_training_in_the_directory_does_not_go_on(fit, tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, {2: die})
    other = fit(tmp_path, initial_epoch=2, epsilons=(0.1,))
    assert sorted(other.reports) == [2]
    assert accuracies(tmp_path) == [0, 1, 2]


def test_what_could_not_be_saved_before_is_said_to_be_missing(fit, tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, {1: die})
    with pytest.warns(kax.callbacks.FindingWarning, match=r"^No report of epoch 2, 3 had been saved when"):
        ours = fit(tmp_path, initial_epoch=4, epochs=5)
    assert sorted(ours.reports) == [0, 3, 4]
    assert accuracies(tmp_path) == [0, 3, 4]


def test_with_every_it_is_as_if_it_had_not_been_killed(fit, tmp_path):
    right = fit(tmp_path / "right", epochs=6, every=3)
    with pytest.raises(Killed):
        fit(tmp_path / "logs", {4: die}, epochs=6, every=3)
    ours = fit(tmp_path / "logs", epochs=6, every=3, initial_epoch=4)
    assert sorted(ours.reports) == sorted(right.reports) == [0, 2, 5]
    assert accuracies(tmp_path / "logs") == [0, 2, 5]


def test_without_a_log_directory_there_is_nothing_to_go_on_with(fit):
    ours = fit(None, initial_epoch=2)
    assert sorted(ours.reports) == [2]


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_wherever_it_was_killed_at_many_points(model, start, killer, right, order, tmp_path):
    counts, outcomes = right
    assert counts[order] > 40
    for at in range(1, counts[order], POINTS):
        ours = killed_and_resumed(model, start, killer, right, order, at, tmp_path / str(at))
        check(tmp_path / str(at), ours, *outcomes[order])


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_processes_that_are_killed(right, order, tmp_path):
    counts, outcomes = right
    script = [sys.executable, "-m", "killed"]
    paths = os.pathsep.join([str(pathlib.Path(killed.__file__).parent), str(pathlib.Path(kax.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for at in np.random.default_rng(0).integers(0, counts[order], KILLS):
        folder = tmp_path / str(at)
        for point, code in ((at, -signal.SIGKILL), (10**9, 0)):
            done = subprocess.run([*script, str(folder), order, str(point)], env=environment, capture_output=True)
            assert done.returncode == code, done.stderr.decode()
        saved = {path.name: kax.EvaluationReport.load(path) for path in (folder / "logs/advxai/epochs").iterdir()}
        expected, right_folder = outcomes[order]
        assert saved.keys() == {f"{epoch:04d}.npz" for epoch in range(EPOCHS)}
        found, theirs = (dict(filter(is_measured, scalars(path).items())) for path in (folder, right_folder))
        assert found.keys() == theirs.keys()
        assert all(len(value) == 1 for value in found.values())
        accuracy = ("clean", "advxai/accuracy/fgsm")
        for epoch in range(EPOCHS):
            np.testing.assert_allclose(found[*accuracy, epoch], theirs[*accuracy, epoch])
            assert saved[f"{epoch:04d}.npz"].clean_accuracy == expected.reports[epoch].clean_accuracy
