"""Shards as tasks of a local Ray of two workers, of which one is killed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

import keras_advxai as kax

HERE = pathlib.Path(__file__).parent
PROBE = "import ray; ray.init(num_cpus=1, include_dashboard=False); assert ray.get(ray.remote(lambda: 1).remote()) == 1"


def starts(env):
    """Whether Ray runs anything at all here: in some containers its own processes find no ports or no memory."""
    try:
        return subprocess.run([sys.executable, "-c", PROBE], env=env, capture_output=True, timeout=180).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@pytest.mark.slow
def test_two_workers_find_what_one_process_finds_and_one_of_them_may_die(tmp_path):
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(pathlib.Path(kax.__file__).parents[1]), str(HERE.parent)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",  # else it writes a token into the home directory
    }
    if not starts(env):  # a fault of the machine, and none of ours: see there
        pytest.skip("Ray by itself does not start on this machine")
    command = [sys.executable, HERE / "ray_cluster.py", tmp_path]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-4000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["arrays"]
    assert found["bytes"]
    assert found["examples"]
    assert "40/40" in done.stderr  # the bar, over all shards
    # Of five shards with two batches each, all but the first read the batch before, too.
    assert found["read"] == sorted([*range(10), 1, 3, 5, 7])
    assert found["killed"]
    # What died had read 3, the batch before its own, and 4 which was its end; the others were not read again.
    assert found["read_again"] == sorted([*range(10), 1, 3, 5, 7, 3, 4])
    assert found["same"]
    assert "WorkerCrashedError" in found["error"]
    assert found["partial"] == 16
    assert found["goes_on"]
    assert found["journals"] == [True, 5]
    assert "labels" in found["own_error"]
