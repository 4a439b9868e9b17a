"""The memory of an evaluation does not grow with the number of images, and nothing of their size is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "memory_growth.py"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "generator"])
def test_twenty_times_as_many_images_take_no_more_memory(kind):
    """138 MB of images. Of each one, the report has a few numbers, of which 20,000 are 4 MB."""
    command = [sys.executable, "-W", "error", str(PROGRAM), kind]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    found = json.loads(finished.stdout)
    assert found["data"] > 100
    assert found["many"] - found["few"] < 40
