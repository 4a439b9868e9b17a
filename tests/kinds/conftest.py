"""One model of each kind for all tests of a file."""

from __future__ import annotations

import pytest

from kinds import KINDS, Case


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest) -> Case:
    """A model of the kind that the test names, shared by the tests of a file."""
    return Case(KINDS[request.param])
