"""Disks that are full: a limit on the size of files, which anybody may set, and a small file system."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess

import pytest


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
def small_disk(path: pathlib.Path, size: str):
    """A file system of a size, such as `"1M"`, where one may be mounted."""
    path.mkdir(exist_ok=True)
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True)
    if mounted.returncode:
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
