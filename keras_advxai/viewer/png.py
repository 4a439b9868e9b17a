"""Writes arrays as PNG, as small as plain filters make them."""

from __future__ import annotations

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLORS = {1: 0, 3: 2, 4: 6}
"""The number of channels, and what PNG calls it: gray, RGB, RGBA."""


def encode(pixels: np.ndarray, *, quick: bool = False) -> bytes:
    """An array as PNG, bit by bit as it is, without a colour profile, so that browsers leave its values alone.

    Args:
        pixels: `(height, width)`, `(height, width, 3)` or `(height, width, 4)` uint8.
        quick: Whether it is to be made quickly rather than small. Defaults to `False`.

    Raises:
        ValueError: It is something else.

    Example:

    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> from keras_advxai.viewer.png import encode
    >>> np.asarray(Image.open(io.BytesIO(encode(np.array([[1, 2]], "uint8"))))).tolist()
    [[1, 2]]
    """
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,), (4,)) or pixels.ndim < 2 or not pixels.size:
        raise ValueError(
            "Argument `pixels` must be uint8 of the shape (height, width), (height, width, 3) or (height, width, 4). "
            f"Received: {pixels.dtype} of {pixels.shape}"
        )
    rows = pixels.reshape(*pixels.shape[:2], -1)
    height, width, channels = rows.shape
    head = struct.pack(">IIBBBBB", width, height, 8, _COLORS[channels], 0, 0, 0)
    data = _quickly(rows) if quick else _deflated(_smallest(rows))
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def is_png(content: bytes) -> bool:
    """Whether bytes begin as a PNG does.

    Args:
        content: The bytes.
    """
    return content.startswith(SIGNATURE) and content[12:16] == b"IHDR"


def _smallest(rows: np.ndarray) -> bytes:
    # Photographs want a prediction, and signs and small heatmaps none. Which, compressing tells.
    return min((_filtered(rows, kind) for kind in (0, 2, 4)), key=lambda lines: len(_deflated(lines, zlib.Z_RLE)))


def _quickly(rows: np.ndarray) -> bytes:
    # The differences from the row above, in bytes, which wrap around as PNG's do. Level 1 takes as long.
    flat = rows.reshape(len(rows), -1)
    lines = np.full((len(flat), 1 + flat.shape[1]), 2, np.uint8)
    lines[:, 1:] = flat
    lines[1:, 1:] -= flat[:-1]
    return _deflated(lines.tobytes(), level=2)


def _deflated(content: bytes, strategy: int = zlib.Z_FILTERED, level: int = 6) -> bytes:
    # Not level 9, which takes a minute for the signs of 16 photographs, and saves 7 %.
    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    return packer.compress(content) + packer.flush()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _filtered(rows: np.ndarray, kind: int) -> bytes:
    """The bytes of all lines behind the number of a filter: 0 none, 2 the pixel above, 4 Paeth's."""
    if kind == 0:
        rest = rows
    else:
        wide = np.zeros((len(rows) + 1, rows.shape[1] + 1, rows.shape[2]), np.int16)
        wide[1:, 1:] = rows
        left, above, corner = wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
        rest = (wide[1:, 1:] - (above if kind == 2 else _paeth(left, above, corner))).astype(np.uint8)
    lines = np.full((len(rows), 1 + rows[0].size), kind, np.uint8)
    lines[:, 1:] = rest.reshape(len(rows), -1)
    return lines.tobytes()


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    guess = left + above - corner
    to_left, to_above, to_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
