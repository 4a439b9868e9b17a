"""Disks that are full: a limit on the size of files, which anybody may set, and a small file system."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

NOBODY = 65534
"""The user that owns nothing, by its number on Linux."""


@contextlib.contextmanager
def most_bytes(count):
    """No file can become longer than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only_folder(files: dict[str, bytes]) -> Iterator[pathlib.Path]:
    """A folder with some files, in which this process may not write, even where it is root's."""
    folder = pathlib.Path(tempfile.mkdtemp())  # pytest's own are closed to all others
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o444)
    folder.chmod(0o555)
    own = os.geteuid()
    try:
        if own == 0:  # root may write everywhere
            os.seteuid(NOBODY)
        yield folder
    finally:
        os.seteuid(own)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextlib.contextmanager
def small_disk(path: pathlib.Path, size: str):
    """A file system of a size, such as `"1M"`, where one may be mounted."""
    path.mkdir(exist_ok=True)
    # No other way leads to a disk of a size. CI runs as root, and mounts one. Who does not has a like fault tested by
    # `most_bytes`, a limit that everybody may set.
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True)
    if mounted.returncode:  # root in a container may not be allowed to
        pytest.skip(f"no file system can be mounted: {mounted.stderr.decode()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(folder: pathlib.Path, left: int) -> pathlib.Path:
    """Fill a small disk with a file, but for so many bytes, if it is not filled yet."""
    path = folder / "filler"
    if path.exists():
        return path
    path.write_bytes(b"\0" * max(0, shutil.disk_usage(folder).free - left))
    return path
