"""The tables of the documentation are what the results give, and say what they should."""

from __future__ import annotations

import importlib
import json
import re

import pytest

from benchmarks import readme_table, table
from benchmarks.__main__ import BENCHMARKS
from benchmarks.harness import Timings
from benchmarks.processes import ROOT

RATIO = {"median": 1.104, "min": 1.0, "max": 1.25}
SHARE = {"median": 0.0104, "min": 0.01, "max": 0.0125}
REPORT = {
    "environment": {"processor": "Some CPU", "cores": 4, "system": "Linux x86_64", "versions": {"python": "3.11.7"}},
    "cases": [
        {
            "name": "Net",
            "detail": "8 images",
            "rounds": 7,
            "agreement": [{"what": "ours from theirs", "found": 1e-5, "allowed": 0.001}],
            "settings": {"bare": {"batch": 64}},
            "ratios": [
                {"of": "ours", "to": "bare", "wall": RATIO, "cpu": RATIO, "main": True},
                {"of": "theirs", "to": "ours", "wall": RATIO, "cpu": RATIO, "main": True},
                {"of": "ours", "to": "all", "wall": SHARE, "cpu": SHARE, "main": False},
            ],
        }
    ],
    "memory": [
        {"library": "ours", "detail": "a", "images": 16, "steps": 50, "before": 600.0, "peak": 1000.0},
        {"library": "ours", "detail": "b", "images": 64, "steps": 50, "before": 600.0, "peak": 1048.0},
        {"library": "ours", "detail": "c", "images": 16, "steps": 100, "before": 600.0, "peak": 1010.0},
        {"library": "theirs", "detail": "d", "before": 600.0, "peak": 1010.0},
    ],
}


@pytest.mark.parametrize("page", table.PAGES, ids=lambda page: page.name)
def test_the_pages_have_what_the_results_give(page):
    text = page.read_text()
    assert table.updated(text) == text, "run: python -m benchmarks.table"


def test_every_benchmark_has_results_and_a_place_in_the_documentation():
    names = [name for page in table.PAGES for _, name, _ in table.PLACE.findall(page.read_text())]
    assert sorted(names) == sorted([*BENCHMARKS, *table.OVERVIEWS])
    assert sorted([*table.ORDER, *table.OWN]) == sorted(BENCHMARKS) == sorted(table.read())


@pytest.mark.parametrize("name", table.ORDER)
def test_results_are_complete_and_what_was_compared_agrees(name):
    module = importlib.import_module(f"benchmarks.{name}")
    report = table.read()[name]
    assert set(report["environment"]["versions"]) == {"python", *module.PACKAGES}
    for case in report["cases"]:
        # A sweep over all layers takes minutes, and of first calls each takes a process.
        assert case["rounds"] >= (3 if case["name"].startswith("VGG16") or name == "first_calls" else 7)
        assert all(item["found"] <= item["allowed"] for item in case["agreement"])
        for times in case["seconds"].values():
            assert {len(found) for found in times.values()} == {case["rounds"]}
        for ratio in case["ratios"]:
            again = Timings(case["seconds"]).ratio(ratio["of"], ratio["to"])
            assert ratio["wall"]["median"] == pytest.approx(again["wall"]["median"], rel=1e-4)


def test_no_figure_of_the_readme_comes_from_anywhere_else():
    """The README tells no times and ratios of speed but those in the table."""
    text = table.PLACE.sub("", (ROOT / "README.md").read_text())
    assert not re.findall(r"\d+(?:\.\d+)?(?: times|x) (?:as fast|faster|slower)", text)


def test_what_is_told_of_a_benchmark():
    assert table.render("any", REPORT).splitlines() == [
        "Some CPU, 4 cores, Linux x86_64; python 3.11.7.",
        "",
        "| case | time of / time of | wall time | CPU time |",
        "| --- | --- | --- | --- |",
        "| Net; 8 images | ours / bare | 1.10 (1.00 to 1.25) | 1.10 (1.00 to 1.25) |",
        "| Net; 8 images | theirs / ours | 1.10 (1.00 to 1.25) | 1.10 (1.00 to 1.25) |",
        "| Net; 8 images | ours / all | 1.04 % (1.00 % to 1.25 %) | 1.04 % (1.00 % to 1.25 %) |",
        "",
        "Net; 8 images: 7 rounds. Images at a time: 64 (bare). Ours from theirs: 1.0e-05; 0.001 is allowed.",
        "",
        "| library | call | peak | above what was there before the call |",
        "| --- | --- | --- | --- |",
        "| ours | a | 1000 MB | 400 MB |",
        "| ours | b | 1048 MB | 448 MB |",
        "| ours | c | 1010 MB | 410 MB |",
        "| theirs | d | 1010 MB | 410 MB |",
        "",
        "ours: from 16 to 64 images the peak grows 1.05 times, by 1.0 MB each.",
        "",
        "ours: from 50 to 100 steps the peak grows 1.01 times, by 0.2 MB each.",
    ]


def test_the_overview_has_the_main_ratios():
    assert table.overview({"ssim": REPORT}).splitlines()[2:] == [
        "| Net; 8 images | ours / bare | 1.10 (1.00 to 1.25) | 1.10 (1.00 to 1.25) |",
        "| Net; 8 images | theirs / ours | 1.10 (1.00 to 1.25) | 1.10 (1.00 to 1.25) |",
    ]


def test_what_the_readme_tells_is_in_the_pages():
    """Its counts stand in the table of kinds, and its ratios, rounded, in those of the benchmarks."""
    reports = table.read()
    rows = [line.split(" | ") for line in readme_table.beside_others(reports).splitlines()[2:]]
    kinds = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").split("**right**")[1].splitlines()[0]
    assert rows[0][1] in kinds
    assert all(count in kinds for count in re.findall(r": (\d+ of \d+)", rows[0][2]))
    accuracies = table.render("robustness", reports["robustness"])
    assert all(share in accuracies for share in [rows[1][1], *re.findall(r": (0\.\d{3})", rows[1][2])])
    measured = re.findall(r"\| (\d+\.\d\d)", (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"))
    told = re.findall(r"(\d+\.\d) times as long", " ".join(rows[3] + rows[4]))
    told += re.findall(r"(\d+\.\d) to (\d+\.\d) times", readme_table.speed(reports))[0]
    assert len(told) == 4
    assert set(told) <= {f"{float(ratio):.1f}" for ratio in measured}


def test_devices_and_how_far_results_move_are_told_where_they_were_measured():
    environment = {**REPORT["environment"], "accelerators": [], "tf32": True}
    moved = {"default": {"flipped": 0.0, "flipped_to_float64": 0.0123, "nissim": 0.0}}
    report = {"environment": environment, "cases": [{**REPORT["cases"][0], "moved": moved}]}
    lines = table.render("any", report).splitlines()
    assert lines[0] == "Some CPU, 4 cores, no accelerator, Linux x86_64; python 3.11.7."
    assert lines[-3:] == [
        "| case | way | signs against default | signs against float64 | NISSIM of Grad-CAM |",
        "| --- | --- | --- | --- | --- |",
        "| Net; 8 images | default | 0.00 % | 1.23 % | 0.0e+00 |",
    ]
    environment["accelerators"] = ["Some GPU"]
    assert table.ran_on(environment) == "Some CPU, 4 cores, Some GPU with TF32 on, Linux x86_64; python 3.11.7."


def test_the_rest_of_a_page_is_kept_and_a_second_time_changes_nothing(tmp_path):
    (tmp_path / "ssim.json").write_text(json.dumps(REPORT))
    missing = "<!-- results: layers -->\nkept\n<!-- end of results -->\n"
    page = f"Before\n\n<!-- results: ssim -->\nold\n<!-- end of results -->\n\nAfter\n{missing}"
    once = table.updated(page, tmp_path)
    assert once.startswith("Before\n\n<!-- results: ssim -->\n\nSome CPU")
    assert once.endswith(f"\n\n<!-- end of results -->\n\nAfter\n{missing}")
    assert "old" not in once
    assert table.updated(once, tmp_path) == once
