"""AdversarialTraining under a MirroredStrategy, in a process with two logical CPU devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_advxai as kax

DISTRIBUTED = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import keras_advxai as kax

x = np.random.default_rng(0).random((16, 6, 6, 1), "float32")
y = np.arange(16) % 3


def trained(strategy, **settings):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        stack = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
        inner = keras.Sequential([keras.Input((6, 6, 1)), *stack, keras.layers.Dense(3, activation="softmax")])
        model = kax.training.AdversarialTraining(inner, epsilon=0.1, warmup_steps=2, **settings)
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.fit(x, y, sample_weight=np.linspace(1, 2, 16), batch_size=8, epochs=2, shuffle=False, verbose=0)
    return inner.get_weights()


two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
for settings in ({"attack": "fgsm", "explainer": "grad_cam"}, {"loss": "trades"}):
    for found, right in zip(trained(two, **settings), trained(tf.distribute.get_strategy(), **settings), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-5)
"""


@pytest.mark.slow
def test_two_devices_train_as_one_does():
    env = {**os.environ, "PYTHONPATH": str(Path(kax.__file__).parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", DISTRIBUTED], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
