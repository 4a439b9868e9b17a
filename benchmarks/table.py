"""The tables of docs/benchmarks.md, made of `results/*.json` and of nothing else.

    python -m benchmarks.table

writes each between the comments that name it, `<!-- results: NAME -->` and `<!-- end of results -->`.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.harness import RESULTS
from benchmarks.memory import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def update(page: pathlib.Path = PAGE) -> None:
    """Write the tables into the page again."""
    page.write_text(updated(page.read_text()))


def updated(text: str, results: pathlib.Path = RESULTS) -> str:
    """A page with its tables made again."""

    def made(place: re.Match[str]) -> str:
        before, name, after = place.groups()
        report = json.loads((results / f"{name}.json").read_text())
        return f"{before}\n{render(name, report)}\n\n{after}"

    return PLACE.sub(made, text)


def render(name: str, report: dict[str, Any]) -> str:
    """The tables of one benchmark, in Markdown."""
    parts = [ran_on(report["environment"]), ratios(report["cases"])]
    parts += [settings(case) for case in report["cases"]]
    if "memory" in report:
        parts += [peaks(report["memory"]), *growth(report["memory"])]
    return "\n\n".join(parts)


def ran_on(environment: dict[str, Any]) -> str:
    """The line that says what was measured where."""
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    return f"{environment['processor']}, {environment['cores']} cores, {environment['system']}; {versions}."


def ratios(cases: Iterable[dict[str, Any]]) -> str:
    """How many times as long one takes as another: the median over the rounds, the smallest and the largest."""
    rows = [
        [
            f"{case['name']}, {case['images']} images, {case['steps']} steps",
            f"{ratio['of']} / {ratio['to']}",
            spread(ratio["wall"]),
            spread(ratio["cpu"]),
            goal(ratio["goal"], ratio["wall"]["median"]),
        ]
        for case in cases
        for ratio in case["ratios"]
    ]
    return markdown(["model", "time of / time of", "wall time", "CPU time", "goal"], rows)


def spread(found: dict[str, float]) -> str:
    """A median with the smallest and the largest value."""
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def goal(wanted: dict[str, float], value: float) -> str:
    """What a value should be, and whether it is."""
    if "at_most" in wanted:
        return f"at most {wanted['at_most']:g}: {'met' if value <= wanted['at_most'] else 'missed'}"
    if "at_least" in wanted:
        return f"at least {wanted['at_least']:g}: {'met' if value >= wanted['at_least'] else 'missed'}"
    return ""


def settings(case: dict[str, Any]) -> str:
    """A sentence with the batch sizes and the errors of a case."""
    sizes = ", ".join(f"{found['batch']} ({name})" for name, found in case["settings"].items() if "batch" in found)
    errors = ", ".join(f"{value:.1e} ({name})" for name, value in case["errors"].items())
    return (
        f"{case['name']}: {case['rounds']} rounds. Images at a time: {sizes}. Largest difference from the float64 "
        f"reference: {errors}; {case['tolerance']:g} is allowed."
    )


def peaks(found: Iterable[dict[str, Any]]) -> str:
    """The peak memory of fresh processes."""
    rows = [
        [
            row["engine"],
            str(row["images"]),
            str(row["steps"]),
            f"{row['peak']:.0f} MB",
            f"{row['peak'] - row['before']:.0f} MB",
        ]
        for row in found
    ]
    return markdown(["library", "images", "steps", "peak", "above what was there before the call"], rows)


def growth(found: Sequence[dict[str, Any]]) -> list[str]:
    """Sentences that say how the peak of each library grows with the images and with the steps."""
    sentences = []
    for engine in dict.fromkeys(row["engine"] for row in found):
        rows = [row for row in found if row["engine"] == engine]
        for what, other in (("images", "steps"), ("steps", "images")):
            pairs = [(a, b) for a in rows for b in rows if a[what] < b[what] and a[other] == b[other]]
            if pairs:
                few, many = max(pairs, key=lambda pair: pair[1][what] / pair[0][what])
                times = many["peak"] / few["peak"]
                each = (many["peak"] - few["peak"]) / (many[what] - few[what])
                sentences.append(
                    f"{engine}: from {few[what]} to {many[what]} {what} the peak grows {times:.2f} times, by "
                    f"{each:.1f} MB each."
                )
    return sentences


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    update()
