"""The tables of docs/ and of the README, made of `results/*.json` and of nothing else.

    python -m benchmarks.table

writes each between the comments that name it, `<!-- results: NAME -->` and `<!-- end of results -->`. The names are
those of the benchmarks; `overview`, the main ratios of all; `beside_others` and `speed`, what the README tells; and
`robustness_summary` and `explanation_attacks_summary`, the essence of two.
"""

from __future__ import annotations

import functools
import importlib
import json
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import folding_changes, readme_table
from benchmarks.harness import RESULTS
from benchmarks.processes import ROOT

_GUIDES = ROOT / "docs" / "howto"
PAGES = (
    *(ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "options.md", ROOT / "README.md"),
    *(_GUIDES / "attacks.md", _GUIDES / "explanation_attacks.md"),
)
PLACE = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end of results -->)", re.DOTALL)
ORDER = (
    "grad_cam",
    "score_cam",
    "attacks",
    "integrated_gradients",
    "ssim",
    "evaluation",
    "layers",
    "training",
    "steady_state",
    "first_calls",
    "options",
    "folding",
    "shares",
)
"""The benchmarks, as the tables of several list them."""
OWN = {"robustness": "benchmarks.robustness_table", "explanation_attacks": "benchmarks.explanation_table"}
"""Benchmarks whose tables are others, to the module that makes them."""
FEW = 0.1
"""Ratios below this one are told as percentages."""


def update(pages: Iterable[pathlib.Path] = PAGES) -> None:
    """Write the tables into the pages again."""
    for page in pages:
        page.write_text(updated(page.read_text()))


def updated(text: str, results: pathlib.Path = RESULTS) -> str:
    """A page with its tables made again, but for those whose results are missing."""

    def made(place: re.Match[str]) -> str:
        before, name, after = place.groups()
        if name in OVERVIEWS:
            return f"{before}\n{OVERVIEWS[name](reports)}\n\n{after}"
        return f"{before}\n{render(name, reports[name])}\n\n{after}" if name in reports else place[0]

    reports = read(results)
    return PLACE.sub(made, text)


def read(results: pathlib.Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The reports of the benchmarks that were run in full, by name."""
    return {path.stem: json.loads(path.read_text()) for path in results.glob("*.json") if path.stem in (*ORDER, *OWN)}


def render(name: str, report: dict[str, Any]) -> str:
    """The tables of one benchmark, in Markdown."""
    if name in OWN:
        return importlib.import_module(OWN[name]).render(report)
    parts = [ran_on(report["environment"]), ratios(report["cases"])]
    parts += [text for text in map(settings, report["cases"]) if text]
    if any("moved" in case for case in report["cases"]):
        parts.append(moved(report["cases"]))
    if "changes" in report:
        parts.append(folding_changes.render(report["changes"]))
    if "memory" in report:
        parts += [peaks(report["memory"]), *growth(report["memory"])]
    return "\n\n".join(parts)


def ran_on(environment: dict[str, Any]) -> str:
    """The line that says what was measured where."""
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    where = f"{environment['processor']}, {environment['cores']} cores, {devices(environment)}{environment['system']}"
    return f"{where}; {versions}."


def devices(environment: dict[str, Any]) -> str:
    """The accelerators, and whether they multiply float32 in TF32, where a benchmark tells that."""
    if "accelerators" not in environment:
        return ""
    found = ", ".join(environment["accelerators"])
    return f"{found} with TF32 {'on' if environment['tf32'] else 'off'}, " if found else "no accelerator, "


def ratios(cases: Iterable[dict[str, Any]]) -> str:
    """How many times as long one takes as another: the median over the rounds, the smallest and the largest."""
    rows = [row(case, ratio) for case in cases for ratio in case["ratios"]]
    return markdown(HEADER, rows)


HEADER = ["case", "time of / time of", "wall time", "CPU time"]


def row(case: dict[str, Any], ratio: dict[str, Any]) -> list[str]:
    """A ratio as a row of a table."""
    return [
        f"{case['name']}; {case['detail']}",
        f"{ratio['of']} / {ratio['to']}",
        spread(ratio["wall"]),
        spread(ratio["cpu"]),
    ]


def overview(reports: dict[str, dict[str, Any]]) -> str:
    """The main ratios of all benchmarks."""
    cases = [case for name in ORDER if name in reports for case in reports[name]["cases"]]
    return markdown(HEADER, [row(case, ratio) for case in cases for ratio in case["ratios"] if ratio["main"]])


def essence(name: str, reports: dict[str, dict[str, Any]]) -> str:
    """What the README tells of a benchmark whose table is its own."""
    return importlib.import_module(OWN[name]).summary(reports[name])


OVERVIEWS = {
    "overview": overview,
    "beside_others": readme_table.beside_others,
    "speed": readme_table.speed,
    **{f"{name}_summary": functools.partial(essence, name) for name in OWN},
}
"""The tables of several benchmarks, or of a part of one."""


def spread(found: dict[str, float]) -> str:
    """A median with the smallest and the largest value."""
    percent = found["median"] < FEW
    median, smallest, largest = (number(found[name], percent) for name in ("median", "min", "max"))
    return f"{median} ({smallest} to {largest})"


def number(value: float, percent: bool = False) -> str:
    """A ratio with two decimals, as a number or in percent."""
    return f"{100 * value:.2f} %" if percent else f"{value:.2f}"


def settings(case: dict[str, Any]) -> str:
    """Sentences with the rounds, the batch sizes and the differences of a case."""
    sizes = ", ".join(f"{found['batch']} ({name})" for name, found in case["settings"].items() if "batch" in found)
    parts = [f"{case['name']}; {case['detail']}: {case['rounds']} rounds."]
    if sizes:
        parts.append(f"Images at a time: {sizes}.")
    parts += [
        f"{item['what'][0].upper()}{item['what'][1:]}: {item['found']:.1e}; {item['allowed']:g} is allowed."
        for item in case["agreement"]
    ]
    return " ".join(parts)


def moved(cases: Iterable[dict[str, Any]]) -> str:
    """How far the results of each option are from those of the default, and the default's from float64."""
    rows = [
        [
            f"{case['name']}; {case['detail']}",
            way,
            number(found["flipped"], percent=True),
            number(found["flipped_to_float64"], percent=True),
            f"{found['nissim']:.1e}",
        ]
        for case in cases
        for way, found in case["moved"].items()
    ]
    header = ["case", "way", "signs against default", "signs against float64", "NISSIM of Grad-CAM"]
    return markdown(header, rows)


def peaks(found: Iterable[dict[str, Any]]) -> str:
    """The peak memory of fresh processes."""
    rows = [
        [row["library"], row["detail"], f"{row['peak']:.0f} MB", f"{row['peak'] - row['before']:.0f} MB"]
        for row in found
    ]
    return markdown(["library", "call", "peak", "above what was there before the call"], rows)


def growth(found: Sequence[dict[str, Any]]) -> list[str]:
    """Sentences that say how the peak of each library grows with the images and with the steps, where both vary."""
    sentences = []
    found = [row for row in found if "steps" in row]
    for library in dict.fromkeys(row["library"] for row in found):
        rows = [row for row in found if row["library"] == library]
        for what, other in (("images", "steps"), ("steps", "images")):
            pairs = [(a, b) for a in rows for b in rows if a[what] < b[what] and a[other] == b[other]]
            if pairs:
                few, many = max(pairs, key=lambda pair: pair[1][what] / pair[0][what])
                times = many["peak"] / few["peak"]
                each = (many["peak"] - few["peak"]) / (many[what] - few[what])
                sentences.append(
                    f"{library}: from {few[what]} to {many[what]} {what} the peak grows {times:.2f} times, by "
                    f"{each:.1f} MB each."
                )
    return sentences


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    update()
