"""What the operations of a pass forward and backward take, from TensorFlow's profiler.

    python -m benchmarks.operations [NETWORK] [--folded]

Prints the share of each kind of operation. What runs in two threads at once counts twice, so shares compare and times
do not. `TF_ENABLE_ONEDNN_OPTS=0` shows the same without oneDNN.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import tempfile
from collections.abc import Callable

import tensorflow as tf

import keras_advxai as kax
from benchmarks import subjects
from benchmarks.options import SIDE, passes

RUNS = 5
WRAPPERS = ("__inference", "Run", "Process")
"""Events that hold other events."""


def seconds(run: Callable[[], object]) -> collections.Counter[str]:
    """The seconds of each kind of operation in one call, the mean over several."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2  # has no public place

    run()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(RUNS):
                run()
        (file,) = pathlib.Path(folder).glob("plugins/profile/*/*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    found: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # Operations are named `NAME:KIND`; what else has a colon is a step of the executor's own.
                name, _, kind = plane.event_metadata[event.metadata_id].name.split("#")[0].rpartition(":")
                if name and kind.isidentifier() and not kind.startswith(WRAPPERS):
                    found[kind] += event.duration_ps / 1e12 / RUNS
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations", description=__doc__)
    parser.add_argument("network", nargs="?", default="mobilenet_v2", choices=subjects.BUILDERS)
    parser.add_argument("--folded", action="store_true", help="with fold_batch_norm=True")
    given = parser.parse_args()
    side = 32 if "cnn" in given.network else SIDE
    images = tf.constant(subjects.images(8, side))
    model = subjects.BUILDERS[given.network](side)  # with any weights: no operation's time depends on them
    found = seconds(passes(kax.ImageClassifier(model, fold_batch_norm=given.folded), images))
    for kind, time in found.most_common(20):
        print(f"{time / found.total():7.2%}  {kind}")


if __name__ == "__main__":
    main()
