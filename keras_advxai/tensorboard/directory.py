"""Looks at a log directory before anything is written to it."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import tempfile

from keras_advxai.tensorboard.event_file import logged
from keras_advxai.tensorboard.names import EVALUATION, FOLDER, REPORT

_LONGEST_BELOW = 256  # characters of what stands in the directory: the longest name of a run, and of an event file
_PROVEN = 2**26
"""So many bytes are reserved to see whether they can be, at most: some file systems do it by writing them."""


def next_step(log_dir: pathlib.Path) -> int:
    """The step after the last evaluation that was logged in a directory; 0 where there is none.

    Args:
        log_dir: The directory.
    """
    steps = [event.step for event in logged(log_dir / FOLDER / EVALUATION) if event.HasField("summary")]
    return max(steps, default=-1) + 1


def local_path(log_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Return a directory as a path, if it is one of this machine.

    Raises:
        ValueError: It is that of a service, such as Google's or Amazon's storage.
    """
    # A path of pathlib has one slash where there were two.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", os.fspath(log_dir)):
        raise ValueError(
            "Argument `log_dir` must be a directory of this machine, or one that is mounted, as by gcsfuse. "
            f"Received: {os.fspath(log_dir)!r}, for which a folder of that name would be made here. Write to a local "
            "directory and copy it, as by `gsutil rsync` or `aws s3 sync`."
        )
    return pathlib.Path(log_dir).expanduser()


def check_log_dir(log_dir: str | os.PathLike[str], needed: int = 0) -> pathlib.Path:
    """Return the directory as a path, if it can be written to. It is not created, and nothing is left in it.

    Args:
        log_dir: Where to write. Folders that do not exist are created when something is written.
        needed: How many bytes will be written at least. Defaults to 0.

    Raises:
        TypeError: It is no path.
        ValueError: It is that of a service, it cannot be written to, or there is not room enough; the message says
            which part of the path is in the way.

    Example:

    >>> import tempfile
    >>> from keras_advxai.tensorboard.directory import check_log_dir
    >>> check_log_dir(tempfile.gettempdir() + "/a/b").exists()
    False
    """
    if not isinstance(log_dir, (str, os.PathLike)):
        raise TypeError(f"Argument `log_dir` must be a path, or None. Received: log_dir={log_dir!r}")
    path = local_path(log_dir)
    existing = path / FOLDER
    try:
        while not os.path.lexists(existing) and existing != existing.parent:  # a dangling link is in the way, too
            existing = existing.parent
        _check_names(path, existing)
        # To write is the only proof, and this leaves nothing behind.
        with tempfile.TemporaryFile(dir=existing) as file:
            if needed and hasattr(os, "posix_fallocate"):  # it knows quotas, too
                os.posix_fallocate(file.fileno(), 0, min(needed, _PROVEN))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reason = "it is a file, not a directory" if existing.is_file() else reason
        raise ValueError(
            "Argument `log_dir` must be a directory that can be written to. "
            f"Received: {os.fspath(log_dir)!r}; {existing}: {reason}"
            + (f"; {size_text(needed)} will be written" if needed else "")
        ) from error
    if (path / FOLDER / REPORT).is_dir():
        raise ValueError(f"Argument `log_dir` must not have a directory {FOLDER}/{REPORT}. Received: {path}")
    free = free_bytes(path)
    if needed > free:
        raise ValueError(
            f"Argument `log_dir` must be where there is room. Received: {os.fspath(log_dir)!r}, with "
            f"{size_text(free)} free, and about {size_text(needed)} will be written."
        )
    return path


def free_bytes(path: pathlib.Path) -> int:
    """How many bytes are free where a directory is, or will be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def size_text(size: float) -> str:
    """A number of bytes as text: `"3.1 MB"`."""
    units = iter(("kB", "MB", "GB"))
    unit = "bytes"
    while size >= 1000 and (larger := next(units, None)):
        size, unit = size / 1000, larger
    return f"{size:.{0 if unit == 'bytes' else 1}f} {unit}"


def _check_names(path: pathlib.Path, existing: pathlib.Path) -> None:
    """Raise for a path that does not exist because it cannot."""
    if "\0" in str(path):
        raise ValueError("a path cannot have a null character")
    folder = existing if existing.is_dir() else existing.parent
    longest = os.pathconf(folder, "PC_NAME_MAX")
    for part in path.parts:
        if len(os.fsencode(part)) > longest:
            raise ValueError(f"the name {part[:20]}... is longer than {longest} bytes")
    whole = os.pathconf(folder, "PC_PATH_MAX")
    if len(os.fsencode(path.absolute())) + 2 * _LONGEST_BELOW > whole:
        raise ValueError(f"with what is written in it, the path is longer than {whole} bytes")
