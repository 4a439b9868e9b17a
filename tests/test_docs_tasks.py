"""The programs in docs/tasks.md run, one after another."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "tasks.md"


@pytest.mark.slow
def test_the_programs_run():
    text = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "tasks"}
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile("\n" * text.count("\n", 0, match.start(1)) + match[1], PAGE.name, "exec"), namespace)
    assert namespace["classifier"].default_layer == "bottleneck"
    assert namespace["heatmaps"].shape == (4, 32, 32, 1)
    assert namespace["report"].mean_change("pgd", 0.05) > 0
