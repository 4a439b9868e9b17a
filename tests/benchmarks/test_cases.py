"""What counts as agreement, and what is reported of a case."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cases import Ratio, agreement, apart, divided, largest, relative, timed
from benchmarks.harness import Candidate, Timings

SECONDS = {"F": [1.0, 2.0, 4.0], "F+B": [3.0, 5.0, 6.0], "ours": [4.0, 14.0, 5.0]}


def test_what_agrees_is_told_and_what_does_not_stops_the_benchmark():
    assert agreement("a from b", 0.01, 0.01) == {"what": "a from b", "found": 0.01, "allowed": 0.01}
    with pytest.raises(RuntimeError, match=r"a from b: 0\.011, and at most 0\.01 is allowed, so their times"):
        agreement("a from b", 0.011, 0.01)
    with pytest.raises(RuntimeError, match="nan"):
        agreement("a from b", float("nan"), 0.01)


def test_differences():
    expected = np.array([[3.0, 4.0], [0.0, 2.0]])
    found = expected + np.array([[0.0, 0.5], [0.0, -0.1]])
    assert largest(found, expected) == 0.5
    assert largest(np.array([np.nan, 1.0]), np.array([np.nan, 1.25])) == 0.25
    assert np.isnan(largest(np.array([np.nan, 1.0]), np.array([0.5, 1.0])))
    assert relative(found, expected) == pytest.approx(0.1)
    assert apart(found, expected, than=0.2) == 0.25
    assert apart(found, expected, than=0.05) == 0.5


def test_sums_are_made_round_by_round():
    timings = Timings({"wall": SECONDS, "cpu": SECONDS}).with_sum("2F+B", {"F": 1, "F+B": 1})
    assert timings.seconds["wall"]["2F+B"] == timings.seconds["cpu"]["2F+B"] == [4.0, 7.0, 10.0]
    assert timings.with_sum("10F", {"F": 10}).seconds["wall"]["10F"] == [10.0, 20.0, 40.0]
    assert timings.ratio("ours", "2F+B")["wall"] == {"median": 1.0, "min": 0.5, "max": 2.0}


def test_what_is_reported_of_times_that_were_taken():
    timings = Timings({"wall": SECONDS, "cpu": SECONDS})
    found = divided("Net", "8 images", timings, [Ratio("ours", "F", main=True)], rounds=3)
    assert (found["name"], found["detail"], found["rounds"]) == ("Net", "8 images", 3)
    assert found["seconds"]["wall"] == SECONDS
    spread = {"median": 4.0, "min": 1.25, "max": 7.0}
    assert found["ratios"] == [{"of": "ours", "to": "F", "wall": spread, "cpu": spread, "main": True}]


def test_candidates_are_timed_and_their_settings_and_sums_reported():
    ran: list[str] = []
    candidates = [
        Candidate("a", lambda: ran.append("a")),
        Candidate("b", lambda: ran.append("b"), {"batch": 4}),
    ]
    found = timed(
        "Net",
        "none",
        candidates,
        [Ratio("a", "2b")],
        rounds=2,
        agreements=[agreement("a from b", 0, 1)],
        sums={"2b": {"b": 2}},
    )
    assert "".join(ran) == "ab" + "abba"
    assert found["settings"] == {"b": {"batch": 4}}
    assert found["agreement"] == [{"what": "a from b", "found": 0.0, "allowed": 1}]
    assert [2 * seconds for seconds in found["seconds"]["wall"]["b"]] == found["seconds"]["wall"]["2b"]
