"""Files are written whole or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest
from disks import read_only_folder

from keras_advxai._files import write_atomically


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "report.json"
    for content in (b"one", b"two"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "日" * 85])
def test_names_as_long_as_a_name_may_be(tmp_path, name):
    write_atomically(tmp_path / name, b"one")
    assert [item.name for item in tmp_path.iterdir()] == [name]


FULL = """
import resource, signal, sys
from keras_advxai._files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(sys.argv[1], b"x" * 5000)
except OSError as error:
    print("refused", error.errno)
"""


def test_a_full_disk_leaves_the_older_file_whole(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"older")
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "refused" in done.stdout
    assert path.read_bytes() == b"older"
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_that_cannot_be_written():
    with read_only_folder({"report.json": b"older"}) as folder:
        with pytest.raises(PermissionError):
            write_atomically(folder / "report.json", b"new")
        assert (folder / "report.json").read_bytes() == b"older"
        assert [item.name for item in folder.iterdir()] == ["report.json"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "report.json", b"new")
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path, b"new")
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed_and_stay_links(tmp_path):
    (tmp_path / "runs").mkdir()
    target, link = tmp_path / "runs" / "1.json", tmp_path / "latest.json"
    link.symlink_to(target)
    write_atomically(link, b"one")
    write_atomically(link, b"two")
    assert link.is_symlink()
    assert target.read_bytes() == b"two"
    assert [item.name for item in target.parent.iterdir()] == ["1.json"]


def test_what_is_no_regular_file_is_written_to():
    code = "from keras_advxai._files import write_atomically; write_atomically('/dev/stdout', b'report')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"report"
