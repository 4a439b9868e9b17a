"""What the tests in a browser, and the pictures of the documentation, need beside Python."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ROOT / "keras_advxai" / "viewer" / "app"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

# CI has all three. Who runs the tests beside Python alone has not, and is not to fail for it.
IN_A_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM or shutil.which("node") is None or not (APP / "node_modules" / "playwright-core").exists(),
        reason="needs Chromium, Node and what `make viewer` installs",
    ),
]


@contextlib.contextmanager
def tensorboards(flags: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """TensorBoards with some flags each: a name to an address."""
    serve = ROOT / "tests" / "tensorboard" / "serve.py"
    command = [sys.executable, str(serve), json.dumps(list(flags.values()))]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    # It ends when its input does.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as serving:
        yield dict(zip(flags, json.loads(serving.stdout.readline()), strict=True))
