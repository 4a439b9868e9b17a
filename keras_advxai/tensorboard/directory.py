"""Looks at a log directory before anything is written to it."""

from __future__ import annotations

import os
import pathlib
import tempfile

from keras_advxai.tensorboard.names import CLEAN, FOLDER


def next_step(log_dir: str | os.PathLike[str]) -> int:
    """The step after the last one that was logged in a directory; 0 in a new one.

    TensorBoard drops what was logged at later steps when a run goes back to an earlier one, so an evaluation
    after a training, in the training's directory, has to come after its epochs.

    Args:
        log_dir: The directory.
    """
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    folder = pathlib.Path(log_dir).expanduser() / FOLDER / CLEAN
    if not folder.is_dir():
        return 0
    events = EventAccumulator(str(folder), size_guidance={TENSORS: 1}).Reload()  # the last of each tag will do
    steps = [events.Tensors(tag)[-1].step for tag in events.Tags()["tensors"]]
    return max(steps, default=-1) + 1


def check_log_dir(log_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Return the directory as a path, if it can be written to. It is not created, and nothing is left in it.

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
    while not os.path.lexists(existing) and existing != existing.parent:  # a dangling link is in the way, too
        existing = existing.parent
    try:
        # To write is the only proof, and this leaves nothing behind.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = "it is a file, not a directory" if existing.is_file() else error.strerror or str(error)
        raise ValueError(
            "Argument `log_dir` must be a directory that can be written to. "
            f"Received: {os.fspath(log_dir)!r}; {existing}: {reason}"
        ) from error
    return path
