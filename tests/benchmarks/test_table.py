"""The tables of the documentation are what the results give, and say what they should."""

from __future__ import annotations

import json

import pytest

from benchmarks import table
from benchmarks.harness import RESULTS

RATIO = {"median": 1.104, "min": 1.0, "max": 1.25}
REPORT = {
    "environment": {"processor": "Some CPU", "cores": 4, "system": "Linux x86_64", "versions": {"python": "3.11.7"}},
    "cases": [
        {
            "name": "Net",
            "images": 8,
            "steps": 50,
            "rounds": 7,
            "tolerance": 0.001,
            "errors": {"ours": 1e-5},
            "settings": {"ours": {}, "bare": {"batch": 64}},
            "ratios": [{"of": "ours", "to": "bare", "wall": RATIO, "cpu": RATIO, "goal": {"at_most": 1.15}}],
        }
    ],
    "memory": [
        {"engine": "ours", "images": 16, "steps": 50, "before": 600.0, "peak": 1000.0},
        {"engine": "ours", "images": 64, "steps": 50, "before": 600.0, "peak": 1048.0},
        {"engine": "ours", "images": 16, "steps": 100, "before": 600.0, "peak": 1010.0},
    ],
}


def test_the_page_has_what_the_results_give():
    text = table.PAGE.read_text()
    assert table.updated(text) == text, "run: python -m benchmarks.table"


def test_every_table_of_the_page_has_results_and_the_results_are_complete():
    names = [name for _, name, _ in table.PLACE.findall(table.PAGE.read_text())]
    assert names
    for name in names:
        report = json.loads((RESULTS / f"{name}.json").read_text())
        assert report["memory"]
        for case in report["cases"]:
            assert case["rounds"] >= 7
            assert max(case["errors"].values()) <= case["tolerance"]
            assert {len(times) for clock in case["seconds"].values() for times in clock.values()} == {case["rounds"]}


def test_what_is_told_of_a_benchmark():
    assert table.render("any", REPORT).splitlines() == [
        "Some CPU, 4 cores, Linux x86_64; python 3.11.7.",
        "",
        "| model | time of / time of | wall time | CPU time | goal |",
        "| --- | --- | --- | --- | --- |",
        "| Net, 8 images, 50 steps | ours / bare | 1.10 (1.00 to 1.25) | 1.10 (1.00 to 1.25) | at most 1.15: met |",
        "",
        "Net: 7 rounds. Images at a time: 64 (bare). Largest difference from the float64 reference: 1.0e-05 (ours); "
        "0.001 is allowed.",
        "",
        "| library | images | steps | peak | above what was there before the call |",
        "| --- | --- | --- | --- | --- |",
        "| ours | 16 | 50 | 1000 MB | 400 MB |",
        "| ours | 64 | 50 | 1048 MB | 448 MB |",
        "| ours | 16 | 100 | 1010 MB | 410 MB |",
        "",
        "ours: from 16 to 64 images the peak grows 1.05 times, by 1.0 MB each.",
        "",
        "ours: from 50 to 100 steps the peak grows 1.01 times, by 0.2 MB each.",
    ]


@pytest.mark.parametrize(
    ("goal", "value", "told"),
    [
        ({"at_most": 1.15}, 1.15, "at most 1.15: met"),
        ({"at_most": 1.15}, 1.16, "at most 1.15: missed"),
        ({"at_least": 2.5}, 2.5, "at least 2.5: met"),
        ({"at_least": 2.5}, 2.4, "at least 2.5: missed"),
        ({}, 1.0, ""),
    ],
)
def test_goals(goal, value, told):
    assert table.goal(goal, value) == told


def test_the_rest_of_a_page_is_kept_and_a_second_time_changes_nothing(tmp_path):
    (tmp_path / "made.json").write_text(json.dumps(REPORT))
    page = "Before\n\n<!-- results: made -->\nold\n<!-- end of results -->\n\nAfter\n"
    once = table.updated(page, tmp_path)
    assert once.startswith("Before\n\n<!-- results: made -->\n\nSome CPU")
    assert once.endswith("\n\n<!-- end of results -->\n\nAfter\n")
    assert "old" not in once
    assert table.updated(once, tmp_path) == once
