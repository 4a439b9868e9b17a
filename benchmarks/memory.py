"""The peak resident memory of a call, in a process of its own.

    python -m benchmarks.memory MODULE:FUNCTION JSON

runs the function with the keyword arguments in the JSON, and prints what `peak` returns.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent


def peak(function: str, **arguments: Any) -> dict[str, float]:
    """The memory that a call takes in a fresh process.

    Args:
        function: `"module:function"`. The function prepares, and returns the call that is to be measured.
        **arguments: What the function is given; anything that JSON can hold.

    Returns:
        `"before"` and `"peak"`: the peak resident memory in MB (10^6 bytes) before the call and after it. The first
        is what the interpreter, TensorFlow and the model take.

    Raises:
        RuntimeError: The process failed; the message has the end of what it wrote.
    """
    command = [sys.executable, "-m", "benchmarks.memory", function, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{function} with {arguments} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def resident() -> float:
    """The peak resident memory of this process so far, in MB.

    Linux starts `ru_maxrss` of a new process at what the process that started it had at that time, so a small one
    started by a large one would seem large. `VmHWM` begins anew.
    """
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measured(prepare: Callable[..., Callable[[], Any]], arguments: dict[str, Any]) -> dict[str, float]:
    """What `peak` returns, of this process."""
    call = prepare(**arguments)
    before = resident()
    result = call()
    found = {"before": before, "peak": resident()}
    del result
    return found


def main() -> None:
    """The command line."""
    function, arguments = sys.argv[1:]
    module, name = function.split(":")
    print(json.dumps(measured(getattr(importlib.import_module(module), name), json.loads(arguments))))


if __name__ == "__main__":
    main()
