"""Measurements that are larger than what is to be kept in memory."""

from __future__ import annotations

import contextlib
import math
import pathlib
import tempfile
from collections.abc import Iterable
from typing import IO

import numpy as np

from keras_advxai.measurements.measurements import Measurements
from keras_advxai.measurements.quantity import QUANTITIES


def on_disk(blocks: Iterable[Measurements], images: int, folder: pathlib.Path) -> Measurements:
    """Measurements put together as `Measurements.concat` does it, in files without a name that are mapped into memory.

    The files are gone with the last array that needs them. Arrays cannot be written to. Strings stay in memory, since
    how long the longest one is shows at the end.

    Args:
        blocks: One or more, in their order, of the same quantities and coordinates.
        images: How many images they have together.
        folder: On which disk the files are.

    Raises:
        OSError: The disk is full.
        ValueError: They were not measured alike.
    """
    files: dict[str, IO[bytes]] = {}
    texts: dict[str, list[np.ndarray]] = {}
    first: Measurements | None = None
    begin = 0
    with contextlib.ExitStack() as stack:  # what is mapped stays when the files are closed
        for block in blocks:
            first = block.select(slice(0)) if first is None else first
            Measurements.concat([first, block.select(slice(0))])  # raises where they are not alike
            for name, array in block.arrays.items():
                if QUANTITIES[name].is_text:
                    texts.setdefault(name, []).append(array)
                    continue
                if name not in files:
                    files[name] = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                # Written and not mapped: to a mapped file on a full disk the answer is a signal, and not an error.
                for row, values in enumerate(array.reshape(-1, len(block))):
                    files[name].seek((row * images + begin) * array.itemsize)
                    files[name].write(values.tobytes())
            begin += len(block)
        if first is None or begin != images:
            raise ValueError(f"There must be measurements of {images} images. Received: {begin}")
        known, arrays = first.coordinates, {}
        for name in first.arrays:
            item = QUANTITIES[name]
            if item.is_text:
                arrays[name] = np.concatenate(texts[name], axis=-1)
                arrays[name].flags.writeable = False  # as the others
                continue
            file = files[name]
            file.flush()
            shape = item.shape(known, images)
            if math.prod(shape):
                # As a plain array: the class of NumPy's own would be handed on to all that is computed from it.
                arrays[name] = np.asarray(np.memmap(file, item.dtype, "r", shape=shape))
            else:
                arrays[name] = np.empty(shape, item.dtype)  # without explainers; nothing cannot be mapped
        return Measurements(known, arrays)
