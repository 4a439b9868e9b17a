"""Findings: sentences with a name and a severity."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

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


@dataclass(frozen=True)
class Images:
    """Images by their faults: what one check has spoken of is kept from those that it silences."""

    faults: tuple[str, ...]

    def without(self, cause: str) -> Self | None:
        left = tuple(fault for fault in self.faults if fault != cause)
        return type(self)(left) if left else None


def counting(checks: Checks[Images], id: str, causes: tuple[str, ...] = ()) -> None:
    @checks.check(id, silenced_by=causes)
    def count(images: Images) -> str | None:
        """Says how many it sees, if one has its fault."""
        return f"{len(images.faults)} images." if id in images.faults else None


@pytest.mark.parametrize(
    ("faults", "said", "sentences"),
    [
        (("last",), (), {"last": "1 images."}),
        # Of three, the first check sees all, and what is caused sees only those that it has not spoken of.
        (("first", "second", "last"), (), {"last": "1 images.", "second": "3 images.", "first": "3 images."}),
        (("first", "first", "last"), (), {"last": "1 images.", "first": "3 images."}),
        # A cause that has not spoken keeps nothing back, and of what others have said nothing is left.
        (("second", "last"), (), {"last": "1 images.", "second": "2 images."}),
        (("elsewhere", "last"), (), {"last": "2 images."}),
        (("elsewhere", "last"), ("elsewhere",), {"last": "1 images."}),
    ],
)
def test_what_is_caused_sees_only_what_no_cause_has_spoken_of(faults, said, sentences):
    checks: Checks[Images] = Checks()
    counting(checks, "last", ("first", "second", "elsewhere"))  # declared before its causes, and speaks first
    counting(checks, "second")
    counting(checks, "first")
    found = checks.findings(Images(faults), said)
    assert {item.id: str(item) for item in found} == sentences
    assert [item.id for item in found] == list(sentences)


def test_where_nothing_is_left_to_look_at_what_is_caused_is_silent():
    checks: Checks[Images] = Checks()
    counting(checks, "cause")

    @checks.check("always", silenced_by=("cause", "other"))
    def always(images: Images) -> str:
        """Says what it sees."""
        return f"{len(images.faults)} images."

    counting(checks, "other")
    assert checks.findings(Images(("cause", "cause"))) == ["2 images."]
    assert checks.findings(Images(("cause", "other"))) == ["2 images.", "2 images."]  # of both causes
    assert checks.findings(Images(("neither",))) == ["1 images."]


def test_checks_that_name_each_other_are_asked_once():
    checks: Checks[Images] = Checks()
    counting(checks, "one", ("two",))
    counting(checks, "two", ("one",))
    found = checks.findings(Images(("one", "two")))
    assert {item.id: str(item) for item in found} == {
        "one": "1 images.",
        "two": "2 images.",
    }  # the first is asked first
