"""Event files on disks that are full, in folders that are deleted, and after a process that was killed."""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from disks import most_bytes
from event_files import steps
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_advxai.tensorboard import event_file
from keras_advxai.tensorboard.event_file import EventFile, began_at, cut, framed, logged, new_time


def number(tag="a"):
    return scalar_pb(tag, 0.5)


def written(folder, *all_steps, size=1):
    """An event file with a number, or several, at each step."""
    file = EventFile(folder)
    for step in all_steps:
        for index in range(size):
            file.add(number(f"tag{index}"), step)
        file.flush()
    return file


def test_records_are_framed_as_tensorboard_does_it():
    records = [b"", b"a", bytes(range(256)) * 5]
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for record in records:
        writer.write(record)
    assert framed(records) == stream.getvalue()


def test_a_histogram_is_that_of_tensorflow(tmp_path):
    values = np.random.default_rng(0).random(500).astype("float32")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.histogram("a", values, step=0)
    (path,) = tmp_path.iterdir()
    *_, last = tf.data.TFRecordDataset(str(path))
    (theirs,) = Event.FromString(last.numpy()).summary.value
    (ours,) = histogram_pb("a", values).value
    np.testing.assert_allclose(tf.make_ndarray(ours.tensor), tf.make_ndarray(theirs.tensor), rtol=1e-12)
    assert ours.metadata == theirs.metadata


def test_nothing_is_open_between_two_writes(tmp_path):
    file = written(tmp_path, 0, 1)
    if pathlib.Path("/proc/self/fd").exists():
        opened = [os.readlink(link) for link in pathlib.Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not any("tfevents" in path for path in opened)
    assert not file.is_waiting
    assert len(list(tmp_path.iterdir())) == 1  # one file for both


@pytest.mark.parametrize("first", [True, False])
def test_what_does_not_fit_waits_and_leaves_no_half_a_record(tmp_path, first):
    file = EventFile(tmp_path) if first else written(tmp_path, 0)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for step in (1, 2):
        for index in range(100):
            file.add(number(f"tag{index}"), step)
        with most_bytes(2000), pytest.raises(OSError, match="File too large"):
            file.flush()
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        assert file.is_waiting
    file.flush()
    assert not file.is_waiting
    expected = {f"tag{index}": [1, 2] for index in range(100)}
    assert steps(tmp_path) == (expected if first else {**expected, "tag0": [0, 1, 2]})
    file.flush()
    assert steps(tmp_path)["tag1"] == [1, 2]


def test_a_folder_that_was_deleted_has_its_numbers_again_and_no_pictures(tmp_path):
    folder = tmp_path / "run"
    file = written(folder, 0, 1)
    file.add(number("picture"), 1, picture=True)
    assert not file.flush()
    assert steps(folder) == {"tag0": [0, 1], "picture": [1]}
    shutil.rmtree(folder)
    file.add(number("tag0"), 2)
    assert file.flush()
    assert steps(folder) == {"tag0": [0, 1, 2]}
    shutil.rmtree(folder)
    assert file.flush()  # with nothing new to write
    assert steps(folder) == {"tag0": [0, 1, 2]}
    assert not file.flush()


def test_a_folder_that_was_away_for_a_while_is_as_it_was(tmp_path):
    file = written(tmp_path / "run", 0)
    (tmp_path / "run").rename(tmp_path / "aside")
    (tmp_path / "run").write_text("mine")
    file.add(number("tag0"), 1)
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        file.flush()
    (tmp_path / "run").unlink()
    (tmp_path / "aside").rename(tmp_path / "run")
    assert not file.flush()
    assert steps(tmp_path / "run") == {"tag0": [0, 1]}


def test_pictures_that_wait_do_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "_MOST_WAITING", 5000)
    file = EventFile(tmp_path)
    for step in range(8):
        file.add(number(), step)
        file.add(number("p" * 2000), step, picture=True)
        with most_bytes(100), pytest.raises(OSError, match="too large"):
            file.flush()
    file.flush()
    assert steps(tmp_path) == {"a": list(range(8)), "p" * 2000: [6, 7]}


def test_a_clock_that_is_set_back_makes_no_earlier_file(tmp_path, monkeypatch):
    written(tmp_path, 0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10_000)
    written(tmp_path, 1)
    (first, second) = sorted(tmp_path.iterdir())
    assert [event.step for event in tf.compat.v1.train.summary_iterator(str(second))] == [0, 1]
    assert first.name < second.name
    assert new_time([tmp_path / "nowhere"]) == int(now - 10_000)


def test_cut_takes_out_the_steps_that_come_again(tmp_path):
    for run in ("clean", "other"):
        written(tmp_path / run, 0, 1, 2, 3, size=2)
    written(tmp_path / "late", 3)
    cut(tmp_path, 2, 0)
    assert all(steps(tmp_path / run) == {"tag0": [0, 1], "tag1": [0, 1]} for run in ("clean", "other"))
    assert not any((tmp_path / "late").iterdir())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*tfevents*")}
    cut(tmp_path, 2, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*tfevents*")} == before


def test_cut_leaves_earlier_trainings_alone(tmp_path):
    written(tmp_path / "clean", 0, 1, 2)
    since = new_time([tmp_path / "clean"])
    written(tmp_path / "clean", 0, 1)
    cut(tmp_path, 1, since)
    assert steps(tmp_path / "clean") == {"tag0": [0, 0, 1, 2]}


@pytest.mark.parametrize("left", [3, 15, 1000])
def test_cut_takes_out_half_a_record_and_what_is_none(tmp_path, left):
    written(tmp_path / "clean", 0)
    (path,) = (tmp_path / "clean").iterdir()
    whole = path.read_bytes()
    with open(path, "ab") as file:
        file.write(framed([Event(step=1, summary=Summary()).SerializeToString() + b"1234567890"])[:left])
    cut(tmp_path, 5, 0)
    assert path.read_bytes() == whole


def test_a_file_too_large_is_an_error_and_no_signal():
    # Python ignores it, or else a limit would end the process and all the tests above would be in vain.
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN


def test_runs_of_one_training_began_together_whoever_began_one_between(tmp_path):
    """TensorBoard gives its seven colours in the order in which runs began, and then of their names."""
    clean, other = tmp_path / "clean", tmp_path / "eps_0.1"
    first = EventFile(clean, beside=clean)
    first.add(scalar_pb("a", 1.0), 0)
    first.flush()
    time.sleep(0.02)
    then = time.time()
    second = EventFile(other, beside=clean)
    second.add(scalar_pb("a", 1.0), 0)
    second.flush()
    begun, *events = logged(other)
    assert begun.wall_time == began_at(clean) == began_at(other) < then
    assert all(event.wall_time >= then for event in events)  # what was logged then was logged then
    assert began_at(tmp_path / "nowhere") >= then
