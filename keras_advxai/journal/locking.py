"""A lock on an open file, which is gone when the process is."""

from __future__ import annotations

import errno
import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PLACE = 2**40  # bytes; on Windows what is locked cannot be read, and no journal has so many


def locked(file: IO[bytes]) -> bool:
    """Lock a file for this open file alone, without waiting; it is freed when the file is closed or the process ends.

    Args:
        file: The file, open for writing.

    Returns:
        Whether it is locked now; `False` if somebody else has locked it, in this process or in another.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        if sys.platform == "win32":
            file.seek(_PLACE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            # Of the open file, and not of the process as `lockf`: two evaluations in one process are two.
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True
