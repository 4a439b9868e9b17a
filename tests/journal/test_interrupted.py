"""Processes that are killed at any moment, full disks, and clocks that are set back."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time

import interrupted
import numpy as np
import pytest
from disks import fill, small_disk
from stopping import assert_same_report

from keras_advxai import EvaluationReport
from keras_advxai.journal import Journal, JournalError, record_file
from keras_advxai.journal.record_file import RecordFile

KILLS = int(os.environ.get("ADVXAI_KILLS", "3"))


def command(*arguments):
    return [sys.executable, interrupted.__file__, *map(str, arguments)]


@pytest.fixture(scope="module")
def whole():
    return interrupted.evaluate()


def assert_saved(path, whole):
    """What another process has measured and saved is the same; examples are not saved."""
    found = EvaluationReport.load(path)
    assert found.provenance == whole.provenance
    assert found.warnings == whole.warnings
    for name, array in whole.measurements.arrays.items():
        np.testing.assert_array_equal(found.measurements.arrays[name], array, err_msg=name)


@pytest.mark.slow
def test_killed_at_random_moments(whole, tmp_path):
    journal, draw, sizes = tmp_path / "run.journal", random.Random(0), [0]
    for _ in range(KILLS):
        with subprocess.Popen(command(journal, tmp_path / "report.npz"), stderr=subprocess.DEVNULL) as process:
            # From where it was left it is to come some way: at most so far that the next one has something to do.
            until = sizes[-1] + draw.uniform(0.2, 1.8) * (150_000 / KILLS)
            while process.poll() is None and (not journal.exists() or journal.stat().st_size < until):
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.01))
            process.kill()
        sizes.append(journal.stat().st_size)
    assert len(set(sizes)) > KILLS / 2  # they came some way
    finished = subprocess.run(command(journal, tmp_path / "report.npz"), capture_output=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert_saved(tmp_path / "report.npz", whole)
    assert_same_report(interrupted.evaluate(journal=journal), whole)


@pytest.mark.slow
def test_a_limit_of_the_size_of_files_costs_the_journal_alone(whole, tmp_path):
    limit = 60_000
    run = command(tmp_path / "run.journal", tmp_path / "report.npz", limit)
    finished = subprocess.run(run, capture_output=True, text=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stderr[-2000:]
    said = re.fullmatch(
        r"The journal '.*' cannot be written any more: .*File too large\. The evaluation goes on without it; if it is "
        r"stopped, it can go on from image (\d+)\.",
        finished.stdout,
    )
    assert said, finished.stdout
    assert_saved(tmp_path / "report.npz", whole)
    assert 0 < (tmp_path / "run.journal").stat().st_size <= limit  # cut behind the last whole record
    assert 0 < int(said[1]) < interrupted.IMAGES
    assert_same_report(interrupted.evaluate(journal=tmp_path / "run.journal"), whole)  # with room it goes on


@pytest.mark.slow
def test_a_full_disk_costs_the_journal_alone(whole, tmp_path):
    with small_disk(tmp_path / "disk", "260K") as folder:
        ballast, journal = fill(folder, 60_000), folder / "run.journal"
        with pytest.warns(UserWarning, match="No space left on device. The evaluation goes on without it") as said:
            found = interrupted.evaluate(journal=journal)
        assert len([item for item in said if "journal" in str(item.message)]) == 1
        assert_same_report(found, whole)
        ballast.unlink()
        assert_same_report(interrupted.evaluate(journal=journal), whole)


@pytest.mark.slow
def test_a_disk_that_is_full_when_it_begins_is_an_error(tmp_path):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20));"
        "from keras_advxai.journal import Journal; Journal(sys.argv[1], {'settings': {'seed': 0}})"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "journal")]
    finished = subprocess.run(run, capture_output=True, text=True, check=False, timeout=100)
    assert "File too large" in finished.stderr
    assert (tmp_path / "journal").stat().st_size <= 20


def test_a_clock_that_is_set_back_is_not_looked_at(tmp_path, monkeypatch):
    """The disk is asked once a second at most by the clock that only goes on, and when the file is closed."""
    synced: list[int] = []
    now = [100.0]
    monkeypatch.setattr(time, "time", lambda: -1e9)
    monkeypatch.setattr(record_file.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "fsync", synced.append)
    file = RecordFile(tmp_path / "records")
    descriptor = file._file.fileno()
    for step in (0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4):
        now[0] += step
        file.append(b"a record")
    assert synced.count(descriptor) == 2
    assert len(synced) == 3  # and once the folder, which has a new file
    file.close()
    assert synced.count(descriptor) == 3


def test_a_slow_disk_is_asked_more_rarely(tmp_path, monkeypatch):
    now, synced = [100.0], []

    def sync(descriptor):
        synced.append(now[0])
        now[0] += 0.5

    monkeypatch.setattr(record_file.time, "monotonic", lambda: now[0])
    file = RecordFile(tmp_path / "records")
    monkeypatch.setattr(os, "fsync", sync)
    for _ in range(1000):
        now[0] += 0.2
        file.append(b"a record")
    total = now[0] - 100
    assert len(synced) * 0.5 <= 0.02 * total
    assert len(synced) > 1
    monkeypatch.undo()
    file.close()


def test_what_fails_to_be_written_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    with Journal(tmp_path / "journal", {"settings": {}}):
        pass
    before = (tmp_path / "journal").read_bytes()
    file = RecordFile(tmp_path / "journal")
    assert len(list(file.records())) == 1
    write = file._write

    def fail(content):
        write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file, "_write", fail)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"a record")
    file.close()
    assert (tmp_path / "journal").read_bytes() == before


def test_somebody_else_who_cuts_it_meanwhile_is_found_out(tmp_path):
    file = RecordFile(tmp_path / "records")
    offset = file.append(b"a record")
    assert file.at(offset) == b"a record"
    os.truncate(tmp_path / "records", offset + 3)
    with pytest.raises(JournalError, match="was changed by somebody else while it was in use"):
        file.at(offset)
    file.close()
