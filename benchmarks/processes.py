"""A call in a process of its own, which nothing that was run before has warmed up or filled.

    python -m benchmarks.processes MODULE:FUNCTION JSON

calls the function with the keyword arguments in the JSON, and prints what it returns as JSON.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent


def fresh(function: str, /, **arguments: Any) -> Any:
    """What a function returns in a fresh process.

    Args:
        function: `"module:function"`.
        **arguments: What it is given; anything that JSON can hold.

    Raises:
        RuntimeError: The process failed; the message has the end of what it wrote.
    """
    command = [sys.executable, "-m", "benchmarks.processes", function, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{function} with {arguments} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def named(function: str) -> Callable[..., Any]:
    """The function that `"module:function"` names."""
    module, name = function.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


if __name__ == "__main__":
    name, arguments = sys.argv[1:]
    print(json.dumps(named(name)(**json.loads(arguments))))
