"""An attack that does something else, too, whenever it runs: it fails, or breaks what lies around it."""

from __future__ import annotations

import warnings
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.callbacks import FailureWarning


class Acting(kax.attacks.FGSM):
    """FGSM that notes the size of each batch, and calls each of its `actions` with it.

    What an action returns is how many numbers the graph takes memory for.
    """

    actions: ClassVar[list] = []
    sizes: ClassVar[list] = []  # attacks are immutable, so both are the class's own

    def perturb(self, model, x, y, epsilon, forward):
        def act(images):
            self.sizes.append(len(images))
            wanted = [action(len(images)) for action in self.actions]
            return images, np.int64(sum(item for item in wanted if isinstance(item, int)))

        found = super().perturb(model, x, y, epsilon, forward)
        same, memory = tf.numpy_function(act, [found], [tf.float32, tf.int64])
        taken = tf.reduce_sum(tf.zeros(tf.reshape(memory, (1,))))  # 0, if there is so much
        return tf.ensure_shape(same, found.shape) + taken

    @classmethod
    def does(cls, *actions):
        """From now on, and nothing else."""
        cls.actions[:] = actions
        cls.sizes.clear()


class At(keras.callbacks.Callback):
    """Does something at the beginning of some epochs, from 0."""

    def __init__(self, actions):
        super().__init__()
        self.actions = actions

    def on_epoch_begin(self, epoch, logs=None):
        self.actions.get(epoch, lambda: None)()


def breaking(error):
    def act(_):
        raise error

    return lambda: Acting.does(act)


def failures(call):
    """The warnings of ours in a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(item.message) for item in caught if item.category is FailureWarning]
