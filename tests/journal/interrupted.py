"""Runs in a process of its own: an evaluation with a journal, which somebody kills, or whose disk is full.

python interrupted.py JOURNAL REPORT [BYTES]
"""

from __future__ import annotations

import pathlib
import resource
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import keras
import numpy as np

import keras_advxai as kax

SHAPE, IMAGES, BATCH = (8, 8, 1), 240, 4


def evaluate(**given):
    """The evaluation, whose model and data are the same in each process."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    stack = [layers.Conv2D(3, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input(SHAPE), *stack, layers.Dense(3)], name="net")
    draw = np.random.default_rng(0)
    data = draw.random((IMAGES, *SHAPE), dtype="float32"), draw.integers(0, 3, IMAGES)
    settings = {"epsilons": (0.05, 0.1), "attacks": ["fgsm", kax.attacks.PGD(steps=2)], "batch_size": BATCH}
    return kax.evaluate(model, data, progress=False, **settings, **given)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        report = evaluate(journal=sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    report.save(sys.argv[2])
    sys.stdout.write("\n".join(str(item.message) for item in said if "journal" in str(item.message)))
