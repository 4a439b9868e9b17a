"""Writes images for the tests of data."""

from __future__ import annotations

import numpy as np
from PIL import Image


def write(path, value=0, size=(30, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, "uint8")).save(path)
