"""Writes files, and all of what is to be in them."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, so that at every moment either the old or the new one is there whole.

    The content goes to a temporary file in the same folder first, which takes the place of `path` when it is on the
    disk. A full disk or a killed process leaves the older file as it was. A link is followed, and what is no regular
    file, such as `/dev/stdout`, is written to directly: it cannot be replaced.

    Args:
        path: Where to write.
        content: What to write.

    Raises:
        OSError: It cannot be written; `path` is as it was.
    """
    given = pathlib.Path(path)
    if given.exists() and not given.is_file():  # asked of the link: /dev/stdout may lead to a pipe without a path
        given.write_bytes(content)
        return
    target = pathlib.Path(os.path.realpath(path))
    # A name may have 255 bytes, whatever the number of characters.
    start = os.fsencode(target.name)[:100].decode("utf-8", "ignore")
    temporary = target.with_name(f".{start}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a crash of the machine could leave an empty file under the new name
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_all(file: io.FileIO, content: bytes) -> None:
    """Write all of a content to a file that is open without a buffer.

    Args:
        file: The file.
        content: What to write.

    Raises:
        OSError: It cannot be written; a part of it may have been.
    """
    left = memoryview(content)
    while left:
        left = left[file.write(left) or 0 :]  # a disk that becomes full takes a part of it first
