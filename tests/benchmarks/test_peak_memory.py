"""The peak memory of a fresh process, whatever the one that started it holds. No TensorFlow."""

from __future__ import annotations

import pathlib

import pytest

from benchmarks import memory


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).parent))


def test_the_peak_is_that_of_the_call():
    found = memory.peak("allocations:allocation", before=0, during=200)
    assert 200 <= found["peak"] - found["before"] < 210


def test_what_was_taken_before_the_call_is_not_counted_twice():
    found = memory.peak("allocations:allocation", before=200, during=100)
    assert found["before"] > 200
    assert found["peak"] == pytest.approx(found["before"], abs=5)


def test_what_this_process_holds_does_not_count():
    held = b"x" * 300_000_000
    found = memory.peak("allocations:allocation", before=0, during=1)
    assert memory.resident() > len(held) / 1e6
    assert found["peak"] < 100


def test_the_end_of_what_a_failing_process_wrote_is_told():
    with pytest.raises(RuntimeError, match="nothing to measure"):
        memory.peak("allocations:failure")
