"""Data that are read in another order each time give other images, or the same ones elsewhere, and a report says so."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from scripted import Weights, weights

from keras_advxai.callbacks import FindingWarning

IDS = ("other-images", "other-order")


class Shuffling(keras.utils.PyDataset):
    """Another order after each epoch, as many have it that train on it."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.order, self.generator = x, y, np.arange(len(x)), np.random.default_rng(0)

    def __len__(self):
        return len(self.x) // 16

    def __getitem__(self, index):
        part = self.order[16 * index : 16 * index + 16]
        return self.x[part], self.y[part]

    def on_epoch_end(self):
        self.generator.shuffle(self.order)


def stream(images, anew):
    data = tf.data.Dataset.from_tensor_slices(images)
    return data.shuffle(64, seed=0, reshuffle_each_iteration=anew).batch(16)


def told(report):
    return [finding.id for finding in report.warnings if finding.id in IDS]


def train(trained, data, callback, epochs, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FindingWarning)
        callbacks = [Weights(*[weights()] * epochs), callback]
        trained.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **settings)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("shuffled anew", ["other-order"]), ("shuffled once", []), ("in on_epoch_end", ["other-order"]), ("arrays", [])],
)
def test_the_final_evaluation_of_data_in_another_order_says_so(trained, evaluation, images, kind, said):
    data = Shuffling(*images) if kind == "in on_epoch_end" else stream(images, kind == "shuffled anew")
    ours = evaluation(images if kind == "arrays" else data, explainers=())
    train(trained, data, ours, 2)
    assert [told(report) for report in ours.reports.values()] == [[], []]  # the sample is drawn once
    # Nothing new to look at where the data are read as they were: the last report is that of the epoch.
    assert told(ours.report) == said
    keys = [report.measurements.at("image_key") for report in (ours.reports[1], ours.report)]
    assert np.array_equal(*keys) == (not said)
    assert np.array_equal(*map(np.sort, keys))


@pytest.mark.parametrize("anew", [True, False])
def test_a_training_that_goes_on_with_another_sample_says_so(trained, evaluation, images, anew):
    data = stream(images, anew)
    ours = evaluation(data, explainers=(), max_samples=24, final=False)
    train(trained, data, ours, 1)
    train(trained, data, ours, 3, initial_epoch=1)
    said = ["other-images"] if anew else []
    assert [told(report) for report in ours.reports.values()] == [[], said, said]
