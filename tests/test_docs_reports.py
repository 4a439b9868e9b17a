"""The programs in docs/reports.md run, one after another, and the files are there."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "reports.md"


@pytest.mark.slow
def test_the_programs_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "reports"}
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile("\n" * text.count("\n", 0, match.start(1)) + match[1], PAGE.name, "exec"), namespace)
    names = ["comparison.pdf", "report.html", "report.md", "report.tex", "rows.csv", "samples.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    lines = (tmp_path / "samples.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 12 * (1 + 2 * 2)
    assert lines[1].startswith("0,cats and dogs/0.png,0,")
