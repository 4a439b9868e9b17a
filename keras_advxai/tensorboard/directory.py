"""Checks that a log directory can be written to, before anything is computed and without a trace."""

from __future__ import annotations

import os
import pathlib
import tempfile


def check_log_dir(log_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Return the directory as a path; it is not created yet.

    Args:
        log_dir: Where to write. Folders that do not exist are created when something is written.

    Raises:
        ValueError: It cannot be written to; the message says which part of the path is in the way.

    Example:

    >>> import tempfile
    >>> from keras_advxai.tensorboard.directory import check_log_dir
    >>> check_log_dir(tempfile.gettempdir() + "/a/b").exists()
    False
    """
    path = pathlib.Path(log_dir).expanduser()
    existing = path
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = "it is a file, not a directory" if existing.is_file() else error.strerror or str(error)
        raise ValueError(
            f"Argument `log_dir` must be a directory that can be written to. Received: {os.fspath(log_dir)!r}; "
            f"{existing}: {reason}"
        ) from error
    return path
