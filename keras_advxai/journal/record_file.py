"""A file of records that grows at its end, of which each is known to be whole."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import stat
import struct
import time
import zlib
from collections.abc import Iterator

from keras_advxai._files import write_all
from keras_advxai.journal.errors import JournalError
from keras_advxai.journal.locking import locked

MAGIC = b"\x89KAXJ\r\n\x1a"
"""How such a file begins. It is neither text nor survives being taken for it, as the beginning of a PNG."""

_HEAD = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CHECK.size
"""Before each record: its length, its CRC-32, and the CRC-32 of these two."""

_SYNC_SECONDS = 1.0
_SYNC_SHARE = 0.01
_CHUNK = 2**20  # bytes


def framed(payload: bytes) -> bytes:
    """A record as it stands in the file."""
    head = _HEAD.pack(len(payload), zlib.crc32(payload))
    # The length has a check of its own: a changed one would hide all records behind it, as if the last were torn.
    return b"".join((head, _CHECK.pack(zlib.crc32(head)), payload))


class RecordFile:
    """An open file of records, locked for nobody else to write.

    A process that is killed, or a machine that loses its power, leaves the last record torn: it is dropped when the
    file is opened. A record that is damaged anywhere else is an error.

    Args:
        path: The file. It is made if it is not there.

    Raises:
        JournalError: It is in use, or no file of records.
        OSError: It cannot be opened for writing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            said = f"Argument `journal` must be a file that can be written. {error.strerror}"
            raise type(error)(error.errno, said, os.fspath(path)) from error
        except ValueError as error:  # no file is called so
            raise JournalError(
                f"Argument `journal` must be a path, {error}. Received: journal={str(path)!r}"
            ) from error
        self._new = False
        self._file = io.FileIO(descriptor, "r+")  # without a buffer: what is written is out of the process
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise
        self._synced = time.monotonic()  # not by the clock, which may be set back
        self._pause = _SYNC_SECONDS

    def _begin(self) -> None:
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise JournalError(f"Argument `journal` must be a regular file. Received: journal={str(self.path)!r}")
        if not locked(self._file):
            raise JournalError(
                "Argument `journal` must not be in use by another evaluation, and one that is running writes to it. "
                f"Wait for it, or name another file. Received: journal={str(self.path)!r}"
            )
        self._end = self._synced_end = os.fstat(self._file.fileno()).st_size
        begin = self._read(0, len(MAGIC))
        if begin == MAGIC:
            return
        # Whoever began it may have been killed as it did, and what is nobody's is not overwritten.
        if (len(begin) == len(MAGIC) or not MAGIC.startswith(begin)) and not self._is_blank(0):
            raise JournalError(
                f"Argument `journal` must name a journal of keras-advxai or a new file, and {str(self.path)!r} is "
                "something else. It is left as it is."
            )
        self._cut(0)
        self._write(MAGIC)
        self._new = True  # of which the folder on the disk does not know yet

    def records(self) -> Iterator[tuple[int, bytes]]:
        """The offset and content of each record from the beginning; where the last one is torn, the file is cut.

        Raises:
            JournalError: A record is damaged that is not the last one; the message names it.
        """
        offset, number = len(MAGIC), 0
        while offset < self._end:
            head = self._read(offset, HEAD_BYTES)
            if len(head) < HEAD_BYTES:
                break
            length, check = _HEAD.unpack_from(head)
            if _CHECK.unpack_from(head, _HEAD.size)[0] != zlib.crc32(head[: _HEAD.size]):
                if self._is_blank(offset):  # a file may have grown on the disk before what was written got there
                    break
                raise self._damaged(number, offset)
            end = offset + HEAD_BYTES + length
            if end > self._end:
                break
            payload = self._read(offset + HEAD_BYTES, length)
            if len(payload) < length or zlib.crc32(payload) != check:
                if end == self._end:
                    break
                raise self._damaged(number, offset)
            yield offset, payload
            offset, number = end, number + 1
        if offset < self._end:
            self._cut(offset)

    def at(self, offset: int) -> bytes:
        """The record that begins at an offset, as `records` and `append` say it.

        Raises:
            JournalError: It is not what was there.
        """
        head = self._read(offset, HEAD_BYTES)
        if len(head) == HEAD_BYTES:
            length, check = _HEAD.unpack_from(head)
            payload = self._read(offset + HEAD_BYTES, min(length, self._end))
            if len(payload) == length and zlib.crc32(payload) == check:
                return payload
        raise JournalError(f"The journal {str(self.path)!r} was changed by somebody else while it was in use.")

    def append(self, payload: bytes) -> int:
        """Write a record behind the others, at once.

        It is then safe from whatever happens to the process. From the end of the machine it is safe when the disk has
        it, which is asked for at most once a second, and more rarely where that takes long: for 1 % of the time.

        Returns:
            Its offset.

        Raises:
            OSError: It cannot be written, and the file is as it was.
        """
        offset = self._end
        try:
            self._write(framed(payload))
        except OSError:
            with contextlib.suppress(OSError):
                self._cut(offset)  # or whoever goes on from here would have to drop a torn one
            raise
        if time.monotonic() - self._synced >= self._pause:
            self.sync()
        return offset

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        if self._end == self._synced_end:
            return
        begin = time.monotonic()
        os.fsync(self._file.fileno())
        if self._new:
            _sync_folder(self.path.parent)
            self._new = False
        self._synced, self._synced_end = time.monotonic(), self._end
        self._pause = max(_SYNC_SECONDS, (self._synced - begin) / _SYNC_SHARE)

    def close(self) -> None:
        """Wait for the disk, and free the file."""
        if not self._file.closed:
            with contextlib.suppress(OSError):  # what fails here was written all the same
                self.sync()
            self._file.close()

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        found = bytearray()
        while len(found) < count:
            piece = self._file.read(min(count - len(found), 64 * _CHUNK))
            if not piece:
                break
            found += piece
        return bytes(found)

    def _write(self, content: bytes) -> None:
        self._file.seek(self._end)
        write_all(self._file, content)
        self._end += len(content)

    def _cut(self, offset: int) -> None:
        self._file.truncate(offset)
        self._end = offset
        self._synced_end = -1

    def _is_blank(self, offset: int) -> bool:
        return all(not any(self._read(place, _CHUNK)) for place in range(offset, self._end, _CHUNK))

    def _damaged(self, number: int, offset: int) -> JournalError:
        name = "the header" if number == 0 else f"that of batch {number - 1}"
        way_out = (
            "Remove it" if number == 0 else f"To go on from the batch before, cut it to {offset} bytes; or remove it"
        )
        return JournalError(
            f"Record {number} of the journal {str(self.path)!r}, {name}, is damaged at byte {offset}. It is left as it "
            f"is. {way_out}, to begin again."
        )


def _sync_folder(folder: pathlib.Path) -> None:
    """Wait until the disk knows of a new file."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
