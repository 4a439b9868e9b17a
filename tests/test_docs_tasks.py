"""The programs in docs/tasks.md and docs/training.md run, one after another."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

PAGES = pathlib.Path(__file__).parents[1] / "docs"


def ran(name: str) -> dict[str, Any]:
    text = (PAGES / name).read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": name}
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile("\n" * text.count("\n", 0, match.start(1)) + match[1], name, "exec"), namespace)
    return namespace


@pytest.mark.slow
def test_tasks():
    namespace = ran("tasks.md")
    assert namespace["classifier"].default_layer == "bottleneck"
    assert namespace["heatmaps"].shape == (4, 32, 32, 1)
    assert namespace["report"].mean_change("pgd", 0.05) > 0


@pytest.mark.slow
def test_training():
    namespace = ran("training.md")
    assert 0 <= namespace["report"].accuracy("standard", 0.05) <= namespace["report"].clean_accuracy
    assert len(namespace["history"].history["loss"]) == 1
