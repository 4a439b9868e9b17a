"""Evaluations that are stopped after some batch, and whether two reports are the same bit by bit."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax


class StopError(Exception):
    """Whatever stops an evaluation."""


class Source(keras.utils.PyDataset):
    """Batches of the given sizes, of which one raises an error."""

    def __init__(self, x: np.ndarray, y: np.ndarray | None, sizes: list[int], fails_at: int | None = None) -> None:
        super().__init__()
        self.x, self.y, self.sizes, self.fails_at = x, y, sizes, fails_at

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> Any:
        if index == self.fails_at:
            raise StopError(f"no batch {index}")
        begin = sum(self.sizes[:index])
        chosen = slice(begin, begin + self.sizes[index])
        return self.x[chosen] if self.y is None else (self.x[chosen], self.y[chosen])


class Counting(kax.attacks.FGSM):
    """FGSM that counts how often it is run, and not how often it is traced."""

    runs = 0

    def perturb(self, model: Any, x: Any, y: Any, epsilon: Any, forward: Any) -> Any:
        def count() -> np.float32:
            Counting.runs += 1
            return np.float32(0)

        zero = tf.numpy_function(count, [], tf.float32)
        zero.set_shape(())
        return super().perturb(model, x, y, epsilon, forward) + zero


def assert_same_report(one: kax.EvaluationReport, other: kax.EvaluationReport) -> None:
    """Bit by bit: measurements, examples, findings and provenance."""
    assert one.measurements.coordinates == other.measurements.coordinates
    assert list(one.measurements.arrays) == list(other.measurements.arrays)
    for name, array in one.measurements.arrays.items():
        assert array.dtype == other.measurements.arrays[name].dtype, name
        assert array.shape == other.measurements.arrays[name].shape, name
        assert array.tobytes() == other.measurements.arrays[name].tobytes(), name
    assert one.provenance == other.provenance
    assert one.warnings == other.warnings
    assert [(item.id, item.severity) for item in one.warnings] == [(item.id, item.severity) for item in other.warnings]
    assert len(one.examples) == len(other.examples)
    for first, second in zip(one.examples, other.examples, strict=True):
        for name, value in vars(first).items():
            other_value = getattr(second, name)
            assert type(value) is type(other_value), name
            if isinstance(value, np.ndarray):
                assert value.dtype == other_value.dtype
                assert value.shape == other_value.shape
                assert value.tobytes() == other_value.tobytes(), name
            else:
                assert repr(value) == repr(other_value), name
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())
    assert str(one) == str(other)
