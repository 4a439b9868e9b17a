"""All but evaluations in all weathers: called in a thousand ways, most of them nearly right."""

from __future__ import annotations

import pytest
from squall import PARTS, storm


@pytest.mark.slow
def test_every_call_is_right_or_refused():
    found = storm(PARTS, 1200)
    assert found["right"] > 240
    assert found["refused"] > 240
