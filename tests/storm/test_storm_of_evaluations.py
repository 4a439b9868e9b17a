"""Evaluations in all weathers: called in a thousand ways, most of them nearly right."""

from __future__ import annotations

import pytest
from squall import EVALUATIONS, storm


@pytest.mark.slow
def test_every_call_is_right_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a word is a path, too
    found = storm(EVALUATIONS, 150)
    assert found["right"] > 30
    assert found["refused"] > 30
