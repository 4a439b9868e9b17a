"""Log directories: can they be written to, and where do they end."""

from __future__ import annotations

import os
import pathlib

import pytest
from disks import most_bytes, small_disk
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.directory import check_log_dir, next_step, size_text
from keras_advxai.tensorboard.event_file import EventFile


def test_a_directory_is_neither_made_nor_changed(tmp_path):
    assert check_log_dir(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert check_log_dir(str(tmp_path)) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_home_directory_has_its_short_name():
    assert check_log_dir("~/logs") == type(check_log_dir("."))(os.path.expanduser("~/logs"))


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/logs"):
        with pytest.raises(ValueError, match="file: it is a file, not a directory"):
            check_log_dir(tmp_path / place)


def test_a_dangling_link_is_in_the_way(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="`log_dir` must be a directory"):
        check_log_dir(tmp_path / "link" / "logs")


def test_the_next_evaluation_comes_after_the_last_one(tmp_path):
    assert next_step(tmp_path) == 0
    for run, steps in {"clean": (0, 9), "evaluation": (0, 1)}.items():
        file = EventFile(tmp_path / "advxai" / run)
        for step in steps:
            file.add(scalar_pb("a", 0.5), step)
        file.flush()
    assert next_step(tmp_path) == 2


@pytest.mark.parametrize("place", ["gs://bucket/logs", "s3://bucket", "hdfs://host/logs", "file:///tmp", "gs:/bucket"])
def test_a_directory_of_a_service_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    for given in (place, pathlib.PurePosixPath(place)):
        for take in (check_log_dir, ReportWriter):
            with pytest.raises(ValueError, match=r"`log_dir` must be a directory of this machine.*Received: '\w+:/"):
                take(given)
    assert not list(tmp_path.iterdir())
    assert check_log_dir(tmp_path / "a:" / "b") == tmp_path / "a:" / "b"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("a" * 256 + "/logs", "aaaaaaaaaaaaaaaaaaaa... is longer than 255 bytes"),
        ("logs/" + "é" * 128, "is longer than 255 bytes"),
        ("/".join(["a" * 250] * 16), "the path is longer than 4096 bytes"),
        ("a\0b", "null character"),
    ],
)
def test_paths_that_cannot_be(tmp_path, end, reason):
    with pytest.raises(ValueError, match=reason):
        check_log_dir(f"{tmp_path}/{end}")
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_within_it(tmp_path):
    (tmp_path / "a" / "advxai" / "report.json").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"must not have a directory advxai/report\.json"):
        check_log_dir(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "advxai").write_text("mine")
    with pytest.raises(ValueError, match="advxai: it is a file, not a directory"):
        check_log_dir(tmp_path / "b")


def test_room_that_is_not_there(tmp_path):
    assert check_log_dir(tmp_path, 10_000) == tmp_path
    with pytest.raises(ValueError, match=r"where there is room.*and about 1000000\.0 GB will be written"):
        check_log_dir(tmp_path, 10**15)
    with most_bytes(10_000), pytest.raises(ValueError, match=r"File too large; 20\.0 kB will be written"):
        check_log_dir(tmp_path, 20_000)
    with small_disk(tmp_path / "disk", "1M") as disk:
        assert check_log_dir(disk / "logs", 900_000) == disk / "logs"
        with pytest.raises(ValueError, match=r"No space left on device; 1\.1 MB will be written"):
            check_log_dir(disk / "logs", 1_100_000)
        assert list(disk.iterdir()) == []


def test_a_size_as_text():
    assert [size_text(size) for size in (0, 999, 1000, 123_456, 2e9)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "123.5 kB", "2.0 GB")
    ]
