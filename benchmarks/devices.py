"""The time of an evaluation on two devices beside one: two logical CPU devices, each with one thread.

python -m benchmarks.devices [--images N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # else one device takes all cores by itself


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.devices")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    import tensorflow as tf

    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    import keras
    import numpy as np

    import keras_advxai as kax
    from benchmarks import subjects

    keras.utils.set_random_seed(0)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        two = subjects.cnn(64)
    one = subjects.cnn(64)
    one.set_weights(two.get_weights())
    generator = np.random.default_rng(0)
    x, y = generator.random((given.images, 64, 64, 3), dtype="float32"), generator.integers(0, 10, given.images)
    times: dict[str, list[float]] = {"one": [], "two": []}
    reports = {}
    for number in range(given.rounds + 1):
        for name, model in (("one", one), ("two", two)):
            begin = time.perf_counter()
            reports[name] = kax.evaluate(model, (x, y), progress=False, images=0)
            if number:  # the first is compiled
                times[name].append(time.perf_counter() - begin)
    apart = max(
        float(np.nanmax(np.abs(values.astype(float) - reports["two"].measurements.arrays[name])))
        for name, values in reports["one"].measurements.arrays.items()
    )
    ratios = sorted(first / second for first, second in zip(times["one"], times["two"], strict=True))
    print(f"{given.images} images, seconds on one device {statistics.median(times['one']):.2f}, on two ", end="")
    print(f"{statistics.median(times['two']):.2f}; ratio by rounds {', '.join(f'{item:.2f}' for item in ratios)}")
    print(f"largest difference of a measurement: {apart:.1e}")


if __name__ == "__main__":
    main()
