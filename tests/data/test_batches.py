"""Data that are read while the batch before is in use."""

from __future__ import annotations

import threading

import keras
import numpy as np
import pytest

from keras_advxai.data.batches import Batches
from keras_advxai.models import as_classifier


class Watched(keras.utils.PyDataset):
    """Four batches of two images, and an event for each that is read. One of them may fail."""

    def __init__(self, x, y, broken=None):
        super().__init__()
        self.arrays = x, y
        self.broken = broken
        self.read = [threading.Event() for _ in range(4)]

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == self.broken:
            raise OSError(f"batch {index} cannot be read")
        self.read[index].set()
        return tuple(array[2 * index : 2 * index + 2] for array in self.arrays)


@pytest.fixture
def eight(test_faces):
    return tuple(array[:8] for array in test_faces)


def test_one_batch_of_a_py_dataset_is_read_ahead_and_no_more(faces_model, eight):
    data = Watched(*eight)
    batches = iter(Batches(data, as_classifier(faces_model), 32))
    for index in range(4):
        x, y = next(batches)
        np.testing.assert_array_equal(x, eight[0][2 * index : 2 * index + 2])
        np.testing.assert_array_equal(y, eight[1][2 * index : 2 * index + 2])
        if index < 3:
            assert data.read[index + 1].wait(600)
        assert not any(event.is_set() for event in data.read[index + 2 :])
    assert next(batches, None) is None


def test_what_goes_wrong_while_reading_ahead_is_raised_where_it_is_wanted(faces_model, eight):
    batches = iter(Batches(Watched(*eight, broken=1), as_classifier(faces_model), 32))
    assert len(next(batches)[0]) == 2
    with pytest.raises(OSError, match="batch 1 cannot be read"):
        next(batches)


def test_a_loop_that_is_left_early_leaves_no_thread(faces_model, eight):
    before = threading.active_count()
    for _ in Batches(Watched(*eight), as_classifier(faces_model), 32):
        break
    assert threading.active_count() == before
