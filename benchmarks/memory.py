"""The peak resident memory of a call, in a process of its own."""

from __future__ import annotations

import pathlib
import resource
import sys
from typing import Any, cast

from benchmarks import processes


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
    found = processes.fresh(f"{__name__}:measured", function=function, arguments=arguments)
    return cast("dict[str, float]", found)


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


def measured(function: str, arguments: dict[str, Any]) -> dict[str, float]:
    """What `peak` returns, of this process."""
    call = processes.named(function)(**arguments)
    before = resident()
    result = call()
    found = {"before": before, "peak": resident()}
    del result
    return found
