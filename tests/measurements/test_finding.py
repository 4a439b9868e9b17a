"""Findings: sentences with a name and a severity."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from keras_advxai.measurements.finding import DOCUMENT, Checks, Finding


def test_it_is_its_sentence():
    found = Finding("Mind the gap.", id="gap", severity="error")
    assert found == "Mind the gap."
    assert "the gap" in found
    assert (found.id, found.severity, found.link) == ("gap", "error", f"{DOCUMENT.as_uri()}#gap")


def test_it_survives_being_saved_and_copied():
    found = Finding("Mind the gap.", id="gap", severity="warning")
    for other in (Finding.from_dict(found.to_dict()), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (other, other.id, other.severity) == (found, "gap", "warning")


def test_an_unknown_severity():
    with pytest.raises(ValueError, match="one of error, warning, note"):
        Finding("x", id="x", severity="fatal")


def test_a_check_may_say_one_sentence_several_or_none():
    checks: Checks[int] = Checks()

    @checks.check("several", "warning")
    def several(count: int) -> Iterator[str]:
        """Says so many sentences."""
        yield from ["Again."] * count

    @checks.check("large")
    def large(count: int) -> str | None:
        """Says whether it is large."""
        return "It is large." if count > 1 else None

    assert checks.findings(0) == []
    found = checks.findings(2)
    assert [(item, item.id, item.severity) for item in found] == [
        ("Again.", "several", "warning"),
        ("Again.", "several", "warning"),
        ("It is large.", "large", "note"),
    ]
    assert checks.all["large"].explanation == "Says whether it is large."
