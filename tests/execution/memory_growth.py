"""Runs in a process of its own: the peak memory of evaluations of few and of many images. Prints JSON.

python memory_growth.py arrays | generator
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import helpers
import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax

FEW, MANY, BATCH = 1_000, 20_000, 250
SHAPE = (24, 24, 3)


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.random((count, *SHAPE), dtype="float32"), generator.integers(0, 2, count)


def generated(count: int) -> tf.data.Dataset:
    """Images that are made when they are asked for, so that they are nowhere before."""

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, count, BATCH):
            yield drawn(min(BATCH, count - start), seed=start)

    signature = tf.TensorSpec([None, *SHAPE]), tf.TensorSpec([None], tf.int64)
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def peaks(kind: str) -> dict[str, float]:
    """The peak resident memory in MB: after few images, and after many more."""
    layers = keras.layers
    stack = [layers.Conv2D(4, 3, strides=2, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    model = keras.Sequential([keras.Input(SHAPE), *stack])
    x, y = drawn(MANY if kind == "arrays" else 1)

    def evaluate(count: int) -> float:
        data = (x[:count], y[:count]) if kind == "arrays" else generated(count)
        settings = {"epsilons": (0.01, 0.1), "noise_control": False, "progress": False, "batch_size": BATCH}
        report = kax.evaluate(model, data, **settings)
        if len(report.measurements.at("label")) != count:
            raise RuntimeError(f"{len(report.measurements.at('label'))} images were evaluated, not {count}")
        return helpers.peak_memory()

    return {"few": evaluate(FEW), "many": evaluate(MANY), "data": MANY * np.prod(SHAPE) * 4 / 1e6}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(peaks(sys.argv[1])))
