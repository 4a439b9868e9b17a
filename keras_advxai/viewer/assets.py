"""The files of the application that are sent to a browser: those on a list, and no others."""

from __future__ import annotations

import pathlib

STATIC = pathlib.Path(__file__).parent / "static"
"""What `make viewer` has built."""

TYPES = {
    "viewer.js": "text/javascript; charset=utf-8",
    "viewer.css": "text/css; charset=utf-8",
    "LICENSES.txt": "text/plain; charset=utf-8",
}
"""The files that may be asked for, with their types."""


def asset(name: str) -> bytes:
    """The content of a file.

    Args:
        name: One of `TYPES`.

    Raises:
        KeyError: It is none of them.
        OSError: It is not installed.

    Example:

    >>> from keras_advxai.viewer.assets import asset
    >>> asset("viewer.js")[:23]
    b'/* keras-advxai viewer,'
    """
    if name not in TYPES:
        raise KeyError(name)
    return (STATIC / name).read_bytes()
