"""Event files that are open only while something is written to them."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import re
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG

from keras_advxai._files import write_all
from keras_advxai.tensorboard.names import EVALUATION, FINAL, REPORTED

_IN_MEMORY = "ram://keras_advxai"  # a file system of TensorFlow's own
_COUNTER = itertools.count()
_FIRST = 1024
"""Bytes that hold the first record of an event file, which says the version and the time."""
_MOST_WAITING = 2**24
"""So many bytes of pictures may wait for room on a full disk, in each run; numbers wait without a limit."""


class EventFile:
    """What is logged of one run.

    TensorFlow's writers keep their files open. Of a directory that was deleted they learn nothing and write on into a
    file without a name, and on a full disk they leave half a record, at which TensorBoard stops reading for good.
    Here each write opens the file, and leaves it with whole records alone: what could not be written waits for the
    next time, and numbers that were in a deleted file are written again. Between two writes nothing is open, wherever
    the program is interrupted.

    Args:
        folder: The folder of the run, which is made when something is written.
        again: Whether what the folder already holds, by tag and step, is written all the same. TensorBoard shows a
            step that is there twice as two points of a curve. Defaults to `True`.

        beside: The folder of a run that this one belongs to: TensorBoard is told that both began at the same time. It
            gives its seven colours in the order in which runs began, and those of one training are to follow one
            another, also where Keras' own callback begins a run between them. Defaults to `None`.

    Attributes:
        held: The steps of which something was left out, because the folder already holds it.
    """

    def __init__(self, folder: pathlib.Path, *, again: bool = True, beside: pathlib.Path | None = None) -> None:
        self._beside = beside
        self.held: set[int] = set()
        self._known = (
            None if again else {(value.tag, event.step) for event in logged(folder) for value in event.summary.value}
        )
        self._folder = folder
        self._file: pathlib.Path | None = None
        self._numbers: dict[pathlib.Path, list[bytes]] = {}  # which each file holds
        self._waiting: list[tuple[bytes, bool]] = []  # events, and whether they are pictures

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._waiting)

    def add(self, summary: Any, step: int, *, picture: bool = False) -> None:
        """Take a summary, to be written by `flush`.

        Args:
            summary: The summary, TensorFlow's or TensorBoard's own.
            step: The epoch.
            picture: Whether it is so large that it is not to be kept in memory. Defaults to `False`.
        """
        event = Event(wall_time=time.time(), step=step)
        event.summary.ParseFromString(summary.SerializeToString())
        if self._known is not None:
            known = {(value.tag, step) for value in event.summary.value}
            if known <= self._known:
                self.held.add(step)
                return
            self._known |= known
        self._waiting.append((event.SerializeToString(), picture))

    def flush(self) -> bool:
        """Write what is waiting.

        Returns:
            Whether files were gone that had been written before, with all pictures in them.

        Raises:
            OSError: It cannot be written. It waits on, and nothing of it is in the file.
        """
        # Only what is gone while something can be written: a file system that went away comes back with its files.
        gone = [path for path in self._numbers if not path.exists()]
        if not gone and not self._waiting:
            return False
        try:
            self._append([event for path in gone for event in self._numbers[path]], None if gone else self._file)
        except BaseException:
            # TensorBoard may have seen half a record in it, and goes on reading from there.
            self._file = None
            self._drop_pictures()
            raise
        for path in gone:
            del self._numbers[path]
        return bool(gone)

    def _append(self, again: list[bytes], path: pathlib.Path | None) -> None:
        """Write some numbers again, and what is waiting, to a file; a new one if none is given."""
        events = [*again, *(event for event, _ in self._waiting)]
        if path is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Later than those that are gone, too: TensorBoard has read them.
            stamp = max([new_time([self._folder]), *(_time(other) + 1 for other in self._numbers)])
            path = self._folder / f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}.v2"
            began = time.time() if self._beside is None else began_at(self._beside)
            events.insert(0, Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
        content = framed(events)
        with open(path, "ab", buffering=0) as file:
            before = file.tell()
            try:
                write_all(file, content)
            except BaseException:
                with contextlib.suppress(OSError):
                    path.unlink() if before == 0 else file.truncate(before)
                raise
        self._file = path
        numbers = self._numbers.setdefault(path, [])
        numbers += again + [event for event, is_picture in self._waiting if not is_picture]
        self._waiting.clear()

    def _drop_pictures(self) -> None:
        pictures = [item for item in self._waiting if item[1]]
        size = sum(len(event) for event, _ in pictures)
        while size > _MOST_WAITING:
            oldest = pictures.pop(0)
            size -= len(oldest[0])
            self._waiting.remove(oldest)


def cut(folder: pathlib.Path, step: int, since: int) -> None:
    """Take out of the event files of a training what it has logged from some step on.

    Steps in them do not go back, so each file is made shorter, which cannot fail half-way. Half a record that a killed
    process has left goes, too. A file with nothing left in it is deleted, and so are the final figures, at whatever
    step. Evaluations after a training are no part of it.

    Args:
        folder: The folder of the runs.
        step: The first step that goes.
        since: The time in the name of the first file of the training, see `new_time`.
    """
    for path in sorted(folder.glob("*/*tfevents*")):
        if _time(path) < since or path.parent.name == EVALUATION:
            continue
        content, end, has_summaries = path.read_bytes(), 0, False
        for event, after in _events(content):
            if event.HasField("summary"):
                if event.step >= step or any(_is_final(value.tag) for value in event.summary.value):
                    break
                has_summaries = True
            end = after
        if not has_summaries:
            path.unlink()
        elif end < len(content):
            os.truncate(path, end)


def began_at(folder: pathlib.Path) -> float:
    """When a run began, in seconds since 1970, as its first event file says; now, where there is none.

    Args:
        folder: The folder of the run.
    """
    for path in sorted(folder.glob("*tfevents*"))[:1]:
        with open(path, "rb") as file:
            for event, _ in _events(file.read(_FIRST)):
                return float(event.wall_time)
    return time.time()


def runs_with_events(folder: pathlib.Path) -> set[str]:
    """The names of the runs of trainings in a folder.

    Args:
        folder: The folder of the runs.
    """
    return {path.parent.name for path in folder.glob("*/*tfevents*")} - {EVALUATION}


def new_time(folders: Iterable[pathlib.Path]) -> int:
    """The time for the name of a new event file: now, or later than those in some folders.

    TensorBoard reads the files of a run in the order of their names, and never returns to one. So one that is written
    after the clock was set back must not come before the others.

    Args:
        folders: The folders; one that does not exist has no files.
    """
    times = [_time(path) for folder in folders for path in folder.glob("*tfevents*")]
    return max([int(time.time()), *(found + 1 for found in times)])


def framed(events: list[bytes]) -> bytes:
    """Records as they stand in an event file: with their lengths and checksums.

    Args:
        events: The records.
    """
    # By TensorFlow: TensorBoard's own checksum of a picture is computed in Python, and takes a tenth of a second.
    path = f"{_IN_MEMORY}-{os.getpid()}-{next(_COUNTER)}"
    with tf.io.TFRecordWriter(path) as writer:
        for event in events:
            writer.write(event)
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
    finally:
        tf.io.gfile.remove(path)
    return content


def _time(path: pathlib.Path) -> int:
    found = re.search(r"tfevents\.(\d{1,18})\b", path.name)
    return int(found[1]) if found else 0


def _is_final(tag: str) -> bool:
    """Whether something is written when a training has ended, behind everything else."""
    return tag.startswith((f"{FINAL}/", f"{REPORTED}/")) or tag == SESSION_END_INFO_TAG


def logged(folder: pathlib.Path) -> Iterator[Event]:
    """What the event files of a run hold.

    Args:
        folder: The folder of the run.
    """
    for path in sorted(folder.glob("*tfevents*")):
        for event, _ in _events(path.read_bytes()):
            yield event


def _events(content: bytes) -> Iterator[tuple[Event, int]]:
    """The events of a file up to one that is damaged, each with the place where it ends."""
    for record, end in _records(content):
        try:
            event = Event.FromString(record)
        except Exception:  # protobuf's own; TensorBoard reads no further, either
            return
        yield event, end


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The whole records of an event file, each with the place where it ends."""
    begin = 0
    while begin + 12 <= len(content):  # a length and its checksum
        (length,) = struct.unpack_from("<Q", content, begin)
        end = begin + 12 + length + 4
        if end > len(content):
            return
        yield content[begin + 12 : end - 4], end
        begin = end
