"""Trainings that are known beforehand: a small model's weights, set by hand for each epoch."""

from __future__ import annotations

import keras
import numpy as np


class Weights(keras.callbacks.Callback):
    """Gives the model the weights of each epoch, before it ends: a training that is known beforehand."""

    def __init__(self, *epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.model.set_weights(self.epochs[min(epoch, len(self.epochs) - 1)])


def weights(scale=1.0, bias=0.0):
    """Class 1 where an image is bright in its middle. `bias=-100` makes every heatmap blank."""
    kernel = np.full((3, 3, 1, 2), scale / 9, "float32")
    kernel[0] *= 0.5  # so that a heatmap is not that of a box
    head = np.array([[-1.0, 1.0], [1.0, -1.0]], "float32")
    biases = np.array([bias - 0.2, bias + 0.6], "float32")
    return [kernel * np.array([1, -1], "float32"), biases, head, np.zeros(2, "float32")]


BLANK = weights(bias=-100)
