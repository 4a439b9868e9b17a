"""Runs in a process of its own: the memory and the pace of an evaluation of many small images. Prints JSON.

python large_data.py IMAGES [JOURNAL [BYTES IN MEMORY]]
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import helpers
import keras
import numpy as np

import keras_advxai as kax
from keras_advxai.execution import collected

SHAPE, BATCH = (8, 8, 1), 50
MARK = 2_000
"""After so many images, all is there that does not grow."""


class Drawn(keras.utils.PyDataset):
    """Images that are made when they are asked for, and what is to be seen when they are."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images
        self.seen: list[tuple[int, float, float, float]] = []

    def __len__(self) -> int:
        return self.images // BATCH

    def __getitem__(self, index: int) -> Any:
        done = index * BATCH
        if done % MARK == 0:
            self.seen.append((done, helpers.resident_memory(), time.perf_counter(), time.process_time()))
        draw = np.random.default_rng(index)
        return draw.random((BATCH, *SHAPE), dtype="float32"), draw.integers(0, 3, BATCH)


def measured(images: int, journal: str | None) -> dict[str, Any]:
    """The memory in MB by images, the images in a second of processor time at the beginning and end, and seconds."""
    keras.utils.set_random_seed(0)
    stack = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    model, data = keras.Sequential([keras.Input(SHAPE), *stack]), Drawn(images)
    begin = time.perf_counter()
    report = kax.evaluate(model, data, epsilons=(0.05, 0.1), noise_control=False, progress=False, journal=journal)
    evaluated, after = time.perf_counter(), helpers.resident_memory()
    with tempfile.TemporaryDirectory() as folder:
        report.save(pathlib.Path(folder, "report.npz"))
        saved = time.perf_counter()
        size = pathlib.Path(folder, "report.npz").stat().st_size / 1e6
    peak = helpers.resident_memory()
    assert len(report.measurements) == images
    text = str(report)
    part = min(10_000, images // 4) // MARK
    marks = data.seen
    first, last = (marks[1], marks[1 + part]), (marks[-1 - part], marks[-1])
    return {
        "memory": {str(done): round(value, 1) for done, value, _, _ in marks if done == MARK or done % 10_000 == 0},
        "growth": max(value for done, value, _, _ in marks if done >= MARK) - marks[1][1],
        "after": after - marks[1][1],
        "after saving": peak - marks[1][1],
        "after printing": helpers.resident_memory() - marks[1][1],
        "pace": [part * MARK / (end[3] - start[3]) for start, end in (first, last)],
        "pace by the clock": [part * MARK / (end[2] - start[2]) for start, end in (first, last)],
        "evaluating": evaluated - begin,
        "saving": saved - evaluated,
        "megabytes": size,
        "mapped": not report.measurements.arrays["dissimilarity"].flags.writeable,
        "lines": len(text.splitlines()),
    }


if __name__ == "__main__":
    if len(sys.argv) > 3:
        collected.MOST_IN_MEMORY = int(sys.argv[3])
    sys.stdout.write(json.dumps(measured(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)))
