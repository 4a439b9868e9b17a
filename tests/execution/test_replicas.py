"""Several devices: a batch on each replica of a `MirroredStrategy`, and the report of one device."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.replicas import current_replica, strategy_of

HERE = pathlib.Path(__file__).parent


@pytest.mark.slow
def test_two_devices_find_what_one_finds():
    paths = [pathlib.Path(kax.__file__).parents[1], HERE.parent]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, HERE / "two_devices.py"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.count(" s\n") == 6


def test_one_device_is_no_strategy():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert strategy_of(model) is None
    single = tf.distribute.MirroredStrategy(["CPU:0"])
    with single.scope():
        assert strategy_of(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])) is None
        assert strategy_of(model) is None
        assert current_replica() == 0
    assert current_replica() == 0
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        assert strategy_of(model) is None
