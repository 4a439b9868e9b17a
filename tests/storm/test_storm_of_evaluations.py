"""Evaluations in all weathers: called in a thousand ways, most of them nearly right."""

from __future__ import annotations

import pytest
from squall import EVALUATIONS, storm


@pytest.mark.slow
def test_every_call_is_right_or_refused():
    found = storm(EVALUATIONS, 300)
    assert found["right"] > 60
    assert found["refused"] > 60
