"""A training that is killed at one of its file operations, or between two callbacks, and goes on."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import warnings

import keras
import numpy as np

import keras_advxai as kax

EPOCHS = 3
ORDERS = ("ours first", "backup first")
_OPERATIONS = {"open", "os.rename", "os.remove", "os.truncate", "os.mkdir"}


class Killed(BaseException):
    """The process is gone, as far as that can be had in a process that goes on."""


class Killer:
    """Counts what may be the last thing that a process does, and kills it there.

    Args:
        really: Whether the process is killed; else it is `Killed`, and no file can be changed any more.
    """

    def __init__(self, really):
        self.really = really
        self.folder = None
        self.count = 0
        self.at = None
        sys.addaudithook(self._hook)  # which stays for good

    def watch(self, folder, at=None):
        """Count from now on what happens in a folder, and kill at some point."""
        self.folder, self.count, self.at = str(folder), 0, at

    def tick(self):
        self.count += 1
        if self.at is not None and self.count > self.at:
            if self.really:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed

    def _hook(self, event, arguments):
        if self.folder and event in _OPERATIONS and str(arguments[0]).startswith(self.folder):
            self.tick()


class Tick(keras.callbacks.Callback):
    """Between two callbacks, a process may be killed, too."""

    def __init__(self, killer):
        super().__init__()
        self.killer = killer

    def on_epoch_end(self, epoch, logs=None):
        self.killer.tick()


def build():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            *(keras.Input((8, 8, 1)), layers.Conv2D(2, 3, activation="relu")),
            *(layers.GlobalAveragePooling2D(), layers.Dense(2)),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def images():
    y = np.arange(32) % 2
    x = 0.15 + 0.5 * y[:, None, None, None] + 0.3 * np.random.default_rng(0).random((32, 8, 8, 1))
    return x.astype("float32"), y


def train(model, folder, order, killer, at=None):
    """Train until it is killed or done; returns the callback."""
    folder = pathlib.Path(folder)
    ours = kax.callbacks.AdversarialEvaluation(
        images(), epsilons=(0.2,), noise_control=False, batch_size=32, images=1, log_dir=folder / "logs"
    )
    backup = keras.callbacks.BackupAndRestore(folder / "backup")
    pair = [ours, Tick(killer), backup] if order == ORDERS[0] else [backup, Tick(killer), ours]
    killer.watch(folder / "logs", at)
    try:
        model.fit(*images(), epochs=EPOCHS, batch_size=8, shuffle=False, verbose=0, callbacks=[*pair, Tick(killer)])
    finally:
        killer.folder = None
    return ours


if __name__ == "__main__":
    warnings.simplefilter("error", kax.callbacks.FailureWarning)
    train(build(), sys.argv[1], sys.argv[2], Killer(True), int(sys.argv[3]))
