"""All but evaluations in all weathers: called in a thousand ways, most of them nearly right."""

from __future__ import annotations

import pytest
from squall import PARTS, storm


@pytest.mark.slow
def test_every_call_is_right_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a word is a path, too
    found = storm(PARTS, 600)
    assert found["right"] > 120
    assert found["refused"] > 120
