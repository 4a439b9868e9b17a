"""Of many images, what does not fit into memory stays in the journal; neither memory nor pace depends on how many."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "journal"))

from journal_mutations import IDENTITY, make_parts

from keras_advxai.execution import collected
from keras_advxai.execution.collected import Collected
from keras_advxai.journal import Journal
from keras_advxai.measurements import Measurements

PROGRAM = pathlib.Path(__file__).parent / "large_data.py"
IMAGES = int(os.environ.get("ADVXAI_IMAGES", "24000"))


@pytest.fixture
def parts():
    """Twelve of them."""
    first, found = 0, []
    for part in make_parts() * 4:
        found.append(dataclasses.replace(part, first=first, examples=() if first else part.examples))
        first = found[-1].end
    return found


def gathered(parts, journal=None, fails_at=None):
    """What is collected of parts, of which from one on none can be written."""
    found = Collected(journal)
    for number, part in enumerate(parts):
        if journal is not None:
            journal.writing = fails_at is None or number < fails_at
            journal.append(part, "0" * 64)
        found.add(part)
    return found


def in_memory(found):
    """How many bytes of measurements are kept."""
    return sum(array.nbytes for item in (*found._blocks, *found._small) for array in item.arrays.values())


@pytest.mark.parametrize("fails_at", [None, 0, 7])
@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_what_does_not_fit_stays_in_the_journal(parts, tmp_path, monkeypatch, fails_at, at_once):
    whole = Measurements.concat([part.measurements for part in parts])
    limit = sum(array.nbytes for part in parts[:3] for array in part.measurements.arrays.values())
    monkeypatch.setattr(collected, "MOST_IN_MEMORY", limit)
    monkeypatch.setattr(collected, "_AT_ONCE", at_once)
    with Journal(tmp_path / "journal", IDENTITY) as journal:
        found = gathered(parts, journal, fails_at)
        assert (found.batches, found.images) == (12, len(whole))
        if fails_at is None:
            assert in_memory(found) == 0
        measurements = found.measurements()
        assert measurements.arrays["label"].flags.writeable == (fails_at == 0)
        for name, array in whole.arrays.items():
            assert measurements.arrays[name].tobytes() == array.tobytes(), name
    if fails_at is None:  # who goes on from it keeps nothing in memory, either
        with Journal(tmp_path / "journal", IDENTITY) as journal:
            again = Collected(journal)
            for number in range(len(journal)):
                again.add(journal.part(number))
                assert in_memory(again) <= 2 * limit
            assert again.measurements().arrays["dissimilarity"].tobytes() == whole.arrays["dissimilarity"].tobytes()


def test_without_a_journal_all_of_it_is_in_memory(parts, monkeypatch):
    monkeypatch.setattr(collected, "MOST_IN_MEMORY", 1)
    found = gathered(parts)
    whole = Measurements.concat([part.measurements for part in parts])
    assert found.measurements().arrays["confidence"].tobytes() == whole.arrays["confidence"].tobytes()
    assert len(found.examples) == 8
    assert [set(moments) for moments, _ in found.arriving[1:]] == [{"mean", "variance"}] * 11


def test_a_full_disk_leaves_memory(parts, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collected, "MOST_IN_MEMORY", 1)
    with Journal(tmp_path / "journal", IDENTITY) as journal:
        found = gathered(parts, journal)
        monkeypatch.setattr("keras_advxai.measurements.on_disk.tempfile.TemporaryFile", full)
        whole = Measurements.concat([part.measurements for part in parts])
        np.testing.assert_array_equal(found.measurements().arrays["dissimilarity"], whole.arrays["dissimilarity"])


@pytest.mark.slow
@pytest.mark.parametrize("journal", [False, True])
def test_memory_and_pace_of_many_images(tmp_path, journal):
    """100,000 of them with ADVXAI_IMAGES=100000."""
    given = [str(tmp_path / "journal"), "100000"] if journal else []
    command = [sys.executable, str(PROGRAM), str(IMAGES), *given]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    found = json.loads(finished.stdout)
    assert found["growth"] < 50
    assert found["after saving"] < 50
    assert found["mapped"] == journal
    if "ADVXAI_IMAGES" in os.environ:  # by whoever has the machine to himself: no other test is to look at the clock
        assert found["pace"][1] > 0.95 * found["pace"][0]
        assert found["saving"] < 0.02 * found["evaluating"]
