"""Run by `test_ray_runner.py` in a process of its own: a Ray of two workers on this machine, one of which is killed."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
import time
from typing import Any

import keras
import ray
from small_models import labelled_images, normed_cnn

import keras_advxai as kax

FOLDER = pathlib.Path(sys.argv[1])
X, Y = labelled_images(40)
SETTINGS: dict[str, Any] = {"batch_size": 4, "epsilons": (0.02, 0.1), "attacks": "fgsm"}


class Data(keras.utils.PyDataset):
    """Batches that are noted where they are read; the worker that reads one of them first is killed."""

    def __init__(self, deadly: int = -1) -> None:
        super().__init__()
        self.deadly = deadly

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        with open(FOLDER / "read.txt", "a") as file:
            file.write(f"{os.getpid()} {index}\n")
        if index == self.deadly and not (FOLDER / "died").exists():
            (FOLDER / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def taken() -> list[int]:
    """The batches that other processes have read since the last time."""
    path = FOLDER / "read.txt"
    rows = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    path.unlink()
    return sorted(index for process, index in rows if process != os.getpid())


def main() -> None:
    found: dict[str, Any] = {}
    model = normed_cnn()
    expected = kax.evaluate(model, (X, Y), progress=False, **SETTINGS)
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": paths})
    begin = time.perf_counter()
    report = kax.evaluate(model, (X, Y), runner=kax.distributed.RayRunner(shards=4), **SETTINGS)
    found["seconds"] = time.perf_counter() - begin
    found["arrays"] = report.to_json() == expected.to_json() and str(report) == str(expected)
    found["bytes"] = all(
        values.tobytes() == report.measurements.arrays[name].tobytes()
        for name, values in expected.measurements.arrays.items()
    )
    found["examples"] = [item.index for item in report.examples] == [item.index for item in expected.examples]

    runner = kax.distributed.RayRunner(shards=5)
    alive = kax.evaluate(model, Data(), runner=runner, progress=False, **SETTINGS)
    found["read"] = taken()
    # Batch 4 is one that a single shard reads: 5 is read by the next shard too, and which of them is first is chance.
    killed = kax.evaluate(model, Data(deadly=4), runner=runner, progress=False, **SETTINGS)
    found["killed"] = (FOLDER / "died").exists() and killed.to_json() == alive.to_json()
    found["read_again"] = taken()
    same = {**killed.provenance, "data_sha256": expected.provenance["data_sha256"]}
    found["same"] = kax.EvaluationReport(killed.measurements, same, killed.warnings).to_json() == expected.to_json()

    # Without retries, what was killed is an error; what the other shards have found is in their journals.
    (FOLDER / "died").unlink()
    settings = {**SETTINGS, "journal": FOLDER / "journals", "progress": False}
    try:
        kax.evaluate(model, Data(deadly=4), runner=kax.distributed.RayRunner(shards=5, retries=0), **settings)
    except kax.EvaluationError as error:
        found["error"] = f"{type(error.__cause__).__name__}: {error}"[:200]
        found["partial"] = len(error.report.measurements)
    taken()
    sizes = {path.name: path.stat().st_size for path in (FOLDER / "journals").iterdir()}
    again = kax.evaluate(model, Data(), runner=runner, **settings)
    found["goes_on"] = again.to_json() == alive.to_json()
    kept = {path.name: path.stat().st_size for path in (FOLDER / "journals").iterdir()}
    found["journals"] = [sizes.get("001-of-005.journal") == kept["001-of-005.journal"], len(kept)]

    # An error of the data is told as it is, and not as one of Ray's.
    try:
        kax.evaluate(model, lambda: (X, Y + 7), runner=runner, progress=False, **SETTINGS)
    except ValueError as error:
        found["own_error"] = str(error)
    ray.shutdown()
    (FOLDER / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
