"""Journals that are of something else, damaged or in use are refused, and what differs is said."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from disks import read_only_folder
from helpers import random_images
from stopping import Counting, Source, assert_same_report

import keras_advxai as kax
from keras_advxai.evaluation import origin
from keras_advxai.journal import Journal, JournalError
from keras_advxai.journal.record_file import HEAD_BYTES, MAGIC, RecordFile

SHAPE = (6, 6, 1)
SIZES = [3, 3, 3]
SETTINGS = {"epsilons": (0.1,), "explainers": (), "progress": False}


def build(name="net", activation="relu"):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    stack = [layers.Conv2D(2, 3, activation=activation, name="conv"), layers.Flatten(name="flat")]
    return keras.Sequential([keras.Input(SHAPE), *stack, layers.Dense(3, name="head")], name=name)


@pytest.fixture(scope="module")
def net():
    return build()


@pytest.fixture(scope="module")
def data():
    return random_images(9, SHAPE), np.arange(9) % 3


@pytest.fixture
def begun(net, data, tmp_path):
    """The journal of an evaluation that was stopped at its last batch."""
    with pytest.raises(kax.EvaluationError):
        kax.evaluate(net, Source(*data, SIZES, 2), journal=tmp_path / "run.journal", **SETTINGS)
    return tmp_path / "run.journal"


def records(path):
    """Where each record begins and ends."""
    content, offset, found = path.read_bytes(), len(MAGIC), []
    while offset < len(content):
        end = offset + HEAD_BYTES + int.from_bytes(content[offset : offset + 8], "little")
        found.append((offset, end))
        offset = end
    return found


def refused(model, data, begun, message, **settings):
    before = begun.read_bytes()
    with pytest.raises(JournalError, match=message):
        kax.evaluate(model, data, journal=begun, **{**SETTINGS, **settings})
    assert begun.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilons": (0.2,)}, r"settings: epsilons \[0.1\] in the journal, and \[0.2\] now\. Go on as it was begun"),
        ({"seed": 1}, "settings: seed 0 in the journal, and 1 now"),
        ({"attacks": "uniform_noise"}, "settings: attacks "),
        ({"checks": "all", "images": 2}, "settings: checks 'cheap' in the journal, and 'all' now, images None"),
    ],
)
def test_other_settings(net, data, begun, settings, message):
    refused(net, Source(*data, SIZES), begun, message, **settings)


def test_other_weights(data, begun):
    other = build()
    other.get_layer("head").bias.assign([0.0, 0.0, 1e-6])
    refused(
        other, Source(*data, SIZES), begun, r"What differs: weights: 1 of 4, the first of them '3: bias \(3,\)'\. Go on"
    )


def test_another_model(data, begun):
    refused(build(activation="tanh"), Source(*data, SIZES), begun, r"What differs: model\. Go on")


def test_the_same_model_built_again_is_the_same(data, begun):
    found = kax.evaluate(build("another"), Source(*data, SIZES), journal=begun, **SETTINGS)
    assert len(found.measurements) == 9
    assert found.provenance["model"] == "another"


def test_other_versions(net, data, begun, monkeypatch):
    known = origin.versions()
    monkeypatch.setattr("keras_advxai.execution.identity.versions", lambda: {**known, "numpy": "3.1"})
    refused(net, Source(*data, SIZES), begun, "versions: numpy '.*' in the journal, and '3.1' now")


def test_other_data(net, data, begun):
    x, y = data
    other = np.array(x)
    other[4, 0, 0] += 1e-6
    refused(
        net, Source(other, y, SIZES), begun, "Batch 1 of the data is not the one that the journal '.*' has.*shuffle"
    )
    refused(net, Source(x, 2 - y, SIZES), begun, "Batch 0 of the data is not the one")
    refused(net, Source(x, y, [4, 4, 1]), begun, "Batch 0 of the data is not the one")
    refused(net, Source(x, y, [3, 3]), begun, "data: batches 3 in the journal, and 2 now")
    refused(net, data, begun, "data: images None in the journal, and 9 now")


def test_data_that_end_before_the_journal_does(net, data, begun):
    x, y = data
    unknown = tf.data.Dataset.from_tensor_slices((x, y)).batch(3).filter(lambda x, y: True)
    path = begun.with_name("other")
    kax.evaluate(net, unknown, journal=path, **SETTINGS)
    fewer = tf.data.Dataset.from_tensor_slices((x[:6], y[:6])).batch(3).filter(lambda x, y: True)
    refused(net, fewer, path, "The data end after batch 1, and the journal .* has 3 batches")


def test_a_shuffled_stream_is_refused_at_the_first_batch_that_differs(net, data, tmp_path):
    shuffled = tf.data.Dataset.from_tensor_slices(data).shuffle(9, seed=1).batch(3)
    kax.evaluate(net, shuffled, journal=tmp_path / "journal", **SETTINGS)
    refused(net, shuffled, tmp_path / "journal", "Batch 0 .* reshuffle_each_iteration=False")


@pytest.mark.slow
def test_code_that_has_changed(net, data, tmp_path):
    """Neither the settings nor the weights tell of it."""
    bright = kax.ImageClassifier(net, preprocess=lambda x: x, bounds=(0, 1))
    with pytest.raises(kax.EvaluationError):
        kax.evaluate(bright, Source(*data, SIZES, 2), journal=tmp_path / "journal", **SETTINGS)
    dark = kax.ImageClassifier(net, preprocess=lambda x: 1 - x, bounds=(0, 1))
    refused(dark, Source(*data, SIZES), tmp_path / "journal", "prediction of batch 1 comes out otherwise")
    assert len(kax.evaluate(bright, Source(*data, SIZES), journal=tmp_path / "journal", **SETTINGS).measurements) == 9


def test_one_that_is_running_in_this_process(net, data, begun):
    with RecordFile(begun)._file:
        refused(net, Source(*data, SIZES), begun, "must not be in use by another evaluation")
    kax.evaluate(net, Source(*data, SIZES), journal=begun, **SETTINGS)


@pytest.mark.slow
def test_one_that_is_running_in_another_process_until_it_is_killed(net, data, begun):
    program = (
        "import sys; from keras_advxai.journal.record_file import RecordFile;"
        "kept = RecordFile(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(begun)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        refused(net, Source(*data, SIZES), begun, "must not be in use by another evaluation")
        other.kill()
        other.wait()
    kax.evaluate(net, Source(*data, SIZES), journal=begun, **SETTINGS)


@pytest.mark.parametrize("cut", ["a byte", "half", "the length", "zeros", "a changed byte"])
def test_a_torn_last_record_is_measured_again(net, data, begun, cut):
    whole = kax.evaluate(net, Source(*data, SIZES), **SETTINGS)
    content, (offset, end) = bytearray(begun.read_bytes()), records(begun)[-1]
    if cut == "zeros":
        content[offset:] = bytes(end - offset)
    elif cut == "a changed byte":
        content[-1] ^= 1
    else:
        del content[{"a byte": end - 1, "half": (offset + end) // 2, "the length": offset + 5}[cut] :]
    begun.write_bytes(content)
    Counting.runs = 0
    assert_same_report(kax.evaluate(net, Source(*data, SIZES), journal=begun, **SETTINGS), whole)
    assert len(records(begun)) == 4


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("place", ["length", "content"])
def test_a_record_that_is_damaged_elsewhere_is_named(net, data, begun, number, place):
    content, (offset, end) = bytearray(begun.read_bytes()), records(begun)[number]
    content[offset if place == "length" else end - 1] ^= 16
    begun.write_bytes(content)
    name = "the header" if number == 0 else "that of batch 0"
    refused(
        net, Source(*data, SIZES), begun, f"Record {number} of the journal '.*', {name}, is damaged at byte {offset}"
    )


def test_the_advice_for_a_damaged_record_works(net, data, begun):
    content = bytearray(begun.read_bytes())
    content[records(begun)[2][0] + 40] ^= 1
    begun.write_bytes(content + b"more")  # so that it is not the last one
    refused(net, Source(*data, SIZES), begun, f"cut it to {records_end(begun, 1)} bytes")
    os.truncate(begun, records_end(begun, 1))
    whole = kax.evaluate(net, Source(*data, SIZES), **SETTINGS)
    assert_same_report(kax.evaluate(net, Source(*data, SIZES), journal=begun, **SETTINGS), whole)


def records_end(path, number):
    content, offset = path.read_bytes(), len(MAGIC)
    for _ in range(number + 1):
        offset += HEAD_BYTES + int.from_bytes(content[offset : offset + 8], "little")
    return offset


@pytest.mark.parametrize("content", [b"a report of somebody", b"ab", b"\x89PNG\r\n\x1a\n" * 9, b"\0" * 99 + b"x"])
def test_what_is_no_journal_is_left_as_it_is(net, data, tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    refused(net, data, path, "must name a journal of keras-advxai or a new file")


@pytest.mark.parametrize("content", [b"", MAGIC[:3], MAGIC, MAGIC + b"\x05", b"\0" * 50])
def test_one_that_was_killed_as_it_began_begins_again(net, data, tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    kax.evaluate(net, data, journal=path, **SETTINGS)
    assert len(records(path)) == 2


def test_a_path_that_is_none(net, data):
    with pytest.raises(
        ValueError, match=r"Argument `journal` must be a path, embedded null byte. Received: journal='a"
    ):
        kax.evaluate(net, data, journal="a\0b", **SETTINGS)


def test_places_where_nothing_can_be_written(net, data, tmp_path):
    Counting.runs = 0
    settings = {**SETTINGS, "attacks": [Counting()]}
    with pytest.raises(OSError, match=r"`journal` must be a file that can be written. No such file") as raised:
        kax.evaluate(net, data, journal=tmp_path / "nowhere" / "journal", **settings)
    assert raised.value.filename.endswith("journal")
    with pytest.raises(OSError, match=r"must be a file that can be written. Is a directory"):
        kax.evaluate(net, data, journal=tmp_path, **settings)
    if os.path.exists("/dev/null"):
        with pytest.raises(JournalError, match="must be a regular file"):
            kax.evaluate(net, data, journal="/dev/null", **settings)
    with pytest.raises(TypeError, match=r"`journal` must be the path of a file"):
        kax.evaluate(net, data, journal=3, **settings)
    if os.path.isdir("/proc/self"):  # where root may not write either
        with pytest.raises(OSError, match=r"must be a file that can be written"):
            kax.evaluate(net, data, journal="/proc/self/journal", **settings)
    assert Counting.runs == 0


def test_a_read_only_folder(net, data, begun):
    assert begun.exists()  # so that nothing is left to be imported, which nobody might be allowed to read
    with (
        read_only_folder({}) as folder,
        pytest.raises(PermissionError, match=r"must be a file that can be written. Permission denied"),
    ):
        kax.evaluate(net, data, journal=folder / "journal", **SETTINGS)


def test_a_journal_has_no_pickle_and_no_path(net, data, begun):
    assert b"numpy" in begun.read_bytes()  # of the versions
    assert b"cnumpy" not in begun.read_bytes()
    assert str(begun.parent).encode() not in begun.read_bytes()
    with Journal(begun.with_name("other"), {"settings": {}}) as journal:
        assert len(journal) == 0
