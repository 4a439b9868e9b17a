"""What one way of computing passes makes of crops of photographs: a process of its own, which writes arrays.

    python -m benchmarks.folding_runs NETWORK WAY CROPS FOLDER

A process, because which kernels TensorFlow takes is settled when it is imported.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from benchmarks.processes import ROOT

WAYS = ("default", "fold_batch_norm", "one image at a time", "other kernels")
"""Two ways to ask the same network, and two whose results differ from the first one's by rounding alone."""
NETWORKS = {
    "efficientnet_lite0": "EfficientNet-Lite0, ImageNet weights",
    "mobilenet_v2": "MobileNetV2, drawn weights",
}
EPSILONS = (0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255, 4 / 255)
SIDE, BATCH = 224, 8
SIZES = (240, 256, 288, 320)
"""To which sides the photographs are resized before they are cropped."""


def start(network: str, way: str, crops: int, folder: pathlib.Path) -> subprocess.Popen[bytes]:
    """Begin a run; what it found is `folder/NAME.npy` when it has ended."""
    # Without oneDNN, TensorFlow multiplies and adds by Eigen: the same formula in another order, and slowly, so it is
    # asked of a quarter of the crops.
    kernels = {"TF_ENABLE_ONEDNN_OPTS": "0"} if way == "other kernels" else {}
    crops = crops // 4 if kernels else crops
    command = [sys.executable, "-m", "benchmarks.folding_runs", network, way, str(crops), str(folder)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **kernels})


def main(network: str, way: str, crops: str, folder: str) -> None:
    """The command line."""
    import numpy as np
    import tensorflow as tf

    from benchmarks import folding_step

    to = pathlib.Path(folder)
    to.mkdir(parents=True, exist_ok=True)
    classifier, x, y = folding_step.subject(network, int(crops), folded=way == "fold_batch_norm")
    gradients = np.lib.format.open_memmap(to / "gradient.npy", mode="w+", dtype="float32", shape=x.shape)
    maps = np.lib.format.open_memmap(to / "map.npy", mode="w+", dtype="float32", shape=(*x.shape[:3], 1))
    rest: dict[str, list[np.ndarray]] = {"logits": [], "right": [], "nissim": []}
    batch = 1 if way == "one image at a time" else BATCH
    for begin in range(0, len(x), batch):
        part = slice(begin, begin + batch)
        labels = None if y is None else tf.constant(y[part])
        found = folding_step.observed(classifier, x[part], labels, EPSILONS)
        gradients[part], maps[part] = found.pop("gradient"), found.pop("map")
        for name, values in found.items():
            rest[name].append(values)
    for name, parts in rest.items():
        np.save(to / f"{name}.npy", np.concatenate(parts, axis=0 if name == "logits" else 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
