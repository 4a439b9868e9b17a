"""Turns, ratios and what is said of the machine, with candidates that only write down that they ran."""

from __future__ import annotations

import json
import time

import pytest

from benchmarks.harness import Candidate, Timings, best, environment, interleaved, processor, spread, write


def sleeper(name: str, seconds: float) -> Candidate:
    return Candidate(name, lambda: time.sleep(seconds))


def timings(**seconds: list[float]) -> Timings:
    return Timings({"wall": seconds, "cpu": {name: [2 * value for value in found] for name, found in seconds.items()}})


def test_every_second_round_goes_backwards_and_the_warm_up_is_not_timed():
    ran: list[str] = []
    candidates = [Candidate(name, lambda name=name: ran.append(name)) for name in "abc"]
    found = interleaved(candidates, rounds=3, warm_up=2)
    assert "".join(ran) == "abcabc" + "abccbaabc"
    assert list(found.seconds) == ["wall", "cpu"]
    for times in found.seconds.values():
        assert {name: len(seconds) for name, seconds in times.items()} == dict.fromkeys("abc", 3)


def test_a_candidate_that_waits_takes_wall_time_and_no_cpu_time():
    found = interleaved([sleeper("waits", 0.05)], rounds=1)
    assert found.seconds["wall"]["waits"][0] >= 0.05
    assert found.seconds["cpu"]["waits"][0] < 0.03


def test_times_are_divided_round_by_round():
    found = timings(ours=[1.0, 10.0, 3.0], other=[2.0, 40.0, 3.0]).ratio("ours", "other")
    assert found["wall"] == found["cpu"] == {"median": 0.5, "min": 0.25, "max": 1.0}


def test_the_ratio_of_medians_would_have_been_another():
    found = timings(ours=[1.0, 10.0, 3.0], other=[2.0, 40.0, 3.0])
    assert found.medians() == {"ours": 3.0, "other": 3.0}


def test_the_fastest_is_the_one_with_the_smallest_median():
    assert timings(once=[0.1, 9.0, 9.0], mostly=[9.0, 1.0, 1.0]).fastest() == "mostly"


def test_the_best_of_some_settings():
    fastest, seconds = best([sleeper("slow", 0.05), sleeper("fast", 0.001)])
    assert fastest.name == "fast"
    assert list(seconds) == ["slow", "fast"]
    assert seconds["slow"] > seconds["fast"]


def test_spread():
    assert spread([3.0, 1.0, 2.0, 10.0]) == {"median": 2.5, "min": 1.0, "max": 10.0}


@pytest.mark.parametrize(
    ("names", "rounds", "message"), [("aa", 1, "different names. Received: a, a"), ("ab", 0, "rounds=0")]
)
def test_what_cannot_be_timed(names, rounds, message):
    with pytest.raises(ValueError, match=message):
        interleaved([sleeper(name, 0) for name in names], rounds)


def test_the_environment_names_processor_and_versions():
    found = environment(["numpy", "pytest"])
    assert list(found["versions"]) == ["python", "numpy", "pytest"]
    assert found["versions"]["pytest"] == pytest.__version__
    assert found["cores"] >= 1
    assert found["processor"]


def test_the_processor_is_read_from_what_linux_tells(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2 GHz\n"
    )
    assert processor(str(file)) == "Some CPU @ 2 GHz"


def test_a_report_is_written_with_six_digits(tmp_path):
    path = write("found", {"value": 1.23456789, "count": 12345678, "list": [2 / 3, "text"]}, tmp_path / "results")
    assert path == tmp_path / "results" / "found.json"
    assert json.loads(path.read_text()) == {"value": 1.23457, "count": 12345678, "list": [0.666667, "text"]}
