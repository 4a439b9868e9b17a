"""The journal of an evaluation: what it is of, and its parts as far as it has come."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Self

from keras_advxai.journal.differences import differences
from keras_advxai.journal.encoding import decoded, encoded
from keras_advxai.journal.errors import JournalError
from keras_advxai.journal.record_file import RecordFile
from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.part import Part
from keras_advxai.measurements.reading import as_dictionary, parse_json, reason, shown

SCHEMA = 1
"""The number of the schema that is written."""


@dataclasses.dataclass(frozen=True)
class _Entry:
    """Where a part is, and what has to be known of it before it is read."""

    offset: int
    end: int
    data: str


class Journal:
    """The parts of an evaluation in a file, one appended after each batch.

    Args:
        path: The file. It is made if it is not there.
        identity: What the evaluation is of, as plain values by name; see `execution.identity`. A journal goes on with
            the same alone.
        first: The number of the first image, which is not 0 in a shard of the data. Defaults to 0.

    Attributes:
        path: The file.
        writing: Whether parts are appended; no longer after the disk was full.

    Raises:
        JournalError: It is in use, damaged, of another evaluation, or something else than a journal.
        OSError: It cannot be opened for writing.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_advxai.evaluation import Coordinates, Measurements
    >>> from keras_advxai.journal import Journal
    >>> from keras_advxai.measurements.part import Part
    >>> coordinates = Coordinates(("fgsm",), (), ("nissim",), ("predicted",), (0.1,), classes=2)
    >>> found = Measurements.of(coordinates, label=[0, 1], prediction=[[0, 1], [0, 0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "run.journal")
    ...     with Journal(path, {"model": "net"}) as journal:
    ...         journal.append(Part(0, (8, 8, 1), found, (), None, {}), data="0" * 64)
    ...     with Journal(path, {"model": "net"}) as journal:
    ...         len(journal), journal.images, journal.part(0).measurements.at("label").tolist()
    (1, 2, [0, 1])
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any], first: int = 0) -> None:
        self._first = first
        self._file = RecordFile(path)
        self.path = self._file.path
        self.writing = True
        self._entries: list[_Entry] = []
        try:
            self._read(json.loads(json.dumps(dict(identity))))  # as it comes back from the file
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self._entries)

    @property
    def images(self) -> int:
        """How many images these have."""
        return self._end - self._first

    @property
    def _end(self) -> int:
        return self._entries[-1].end if self._entries else self._first

    def data(self, number: int) -> str:
        """The hash of all data up to the end of a part."""
        return self._entries[number].data

    def part(self, number: int) -> Part:
        """A part, which is read again.

        Raises:
            JournalError: It was changed since the journal was opened.
        """
        return decoded(self._file.at(self._entries[number].offset))[0]

    def parts(self) -> Iterator[Part]:
        """All parts in their order, read one after the other."""
        return map(self.part, range(len(self)))

    def append(self, part: Part, data: str) -> None:
        """Write a part behind the others. Where that fails, it is warned of once, and nothing is written any more.

        Args:
            part: The part.
            data: The hash of all data up to its end.
        """
        if not self.writing:
            return
        try:
            offset = self._file.append(encoded(part, data))
        except OSError as error:
            self.writing = False
            warnings.warn(
                f"The journal {str(self.path)!r} cannot be written any more: {error}. The evaluation goes on without "
                f"it; if it is stopped, it can go on from image {self._end}.",
                stacklevel=2,
            )
            return
        self._entries.append(_Entry(offset, part.end, data))

    def close(self) -> None:
        """Wait until the disk has all of it, and let others use it."""
        self._file.close()

    def _read(self, identity: dict[str, Any]) -> None:
        header, alike = None, None
        for number, (offset, payload) in enumerate(self._file.records()):
            if header is None:
                header = self._checked_header(payload, identity)
                continue
            try:
                part, data = decoded(payload)
                if part.first != self._end:
                    raise ValueError(f"`first` must be {self._end}. Received: {part.first}")
                # Said now, and not when all of them are put together, after hours.
                none = part.measurements.select(slice(0))
                alike = Measurements.concat([none if alike is None else alike, none])
            except ValueError as error:
                raise JournalError(
                    f"Record {number} of the journal {str(self.path)!r}, that of batch {number - 1}, does not fit: "
                    f"{reason(error)}"
                ) from error
            self._entries.append(_Entry(offset, part.end, data))
        if header is None:  # new, or its beginning is all that was written
            content = {"schema": SCHEMA, "identity": identity}
            self._file.append(json.dumps(content).encode("utf-8"))

    def _checked_header(self, payload: bytes, identity: dict[str, Any]) -> dict[str, Any]:
        where = f"Record 0 of the journal {str(self.path)!r}, the header, does not fit"
        try:
            header = as_dictionary("header", parse_json(payload.decode("utf-8")))
            stored = as_dictionary("identity", header.get("identity"))
        except ValueError as error:
            raise JournalError(f"{where}: {reason(error)}") from error
        if header.get("schema") != SCHEMA:
            raise JournalError(
                f"{where}: it is of `schema` {shown(header.get('schema'))}, and this version of keras-advxai writes "
                f"{SCHEMA}. Go on with the version that began it, or name another file."
            )
        found = differences(stored, identity)
        if found:
            raise JournalError(
                f"The journal {str(self.path)!r} is of another evaluation. What differs: {'; '.join(found)}. "
                "Go on as it was begun, or name another file."
            )
        return header
