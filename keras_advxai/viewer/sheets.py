"""Many small pictures as a few large ones: a browser asks for one file instead of a thousand."""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_advxai.viewer.png import encode

LARGEST = 2048
"""The largest side of a sheet in pixels, unless one tile is larger: what any browser and graphics card takes."""

KEY = re.compile(r"[0-9a-f]{24}")
"""What the key of a picture looks like: a hash of its content, so that the same picture is kept once."""


def sheets(tiles: Sequence[np.ndarray]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Tiles of one size in the order of reading, on as many sheets as it takes.

    Args:
        tiles: `(height, width)` or `(height, width, 3)` uint8, at least one.

    Returns:
        Where they are: `tile` (height and width), `columns`, `rows` and the `keys` of the sheets; and the sheets
        themselves as PNG, by key.

    Example:

    >>> import numpy as np
    >>> from keras_advxai.viewer.sheets import sheets
    >>> where, pictures = sheets([np.zeros((4, 6), "uint8")] * 5)
    >>> where["tile"], where["columns"], where["rows"], len(pictures)
    ([4, 6], 2, 3, 1)
    """
    height, width = tiles[0].shape[:2]
    widest = max(1, LARGEST // width)
    columns = min(widest, max(1, math.ceil(math.sqrt(len(tiles) * height / width) * 0.999)))
    rows = min(max(1, LARGEST // height), math.ceil(len(tiles) / columns))
    keys, found = [], {}
    for first in range(0, len(tiles), columns * rows):
        content = _ENCODED.png(_sheet(tiles[first : first + columns * rows], columns, rows))
        key = hashlib.sha256(content).hexdigest()[:24]
        found[key] = content
        keys.append(key)
    return {"tile": [height, width], "columns": columns, "rows": rows, "keys": keys}, found


class _Encoded:
    """The sheets of the last reports as PNG, by what is on them, so that the same sheet is compressed once.

    After every epoch of a training the originals are the same, and so are the images of the noise: five sheets of the
    seven that FGSM has at four epsilons.

    Args:
        most: So many bytes are kept at most; of more, what was not asked for the longest goes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._by: OrderedDict[tuple[tuple[int, ...], bytes], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def png(self, sheet: np.ndarray) -> bytes:
        """A sheet as PNG."""
        key = sheet.shape, hashlib.sha256(sheet.tobytes()).digest()
        with self._lock:
            if key in self._by:
                self._by.move_to_end(key)
                return self._by[key]
        content = encode(sheet)
        with self._lock:
            if key not in self._by:
                self._by[key] = content
                self._bytes += len(content)
            while self._bytes > self._most:
                self._bytes -= len(self._by.popitem(last=False)[1])
        return content


_ENCODED = _Encoded(2**25)


def _sheet(tiles: Sequence[np.ndarray], columns: int, rows: int) -> np.ndarray:
    height, width = tiles[0].shape[:2]
    used = math.ceil(len(tiles) / columns)
    sheet = np.zeros((min(rows, used) * height, min(columns, len(tiles)) * width, *tiles[0].shape[2:]), "uint8")
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = tile
    return sheet
