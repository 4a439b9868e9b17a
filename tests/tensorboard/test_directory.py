"""Log directories: can they be written to, and where do they end."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf

from keras_advxai.tensorboard.directory import check_log_dir, next_step


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


def test_the_next_step_comes_after_the_last_one(tmp_path):
    assert next_step(tmp_path) == 0
    (tmp_path / "advxai" / "clean").mkdir(parents=True)
    assert next_step(tmp_path) == 0
    with tf.summary.create_file_writer(str(tmp_path / "advxai" / "clean")).as_default():
        for step in (0, 3, 7):
            tf.summary.scalar("advxai/accuracy", 0.5, step=step)
    assert next_step(tmp_path) == 8
