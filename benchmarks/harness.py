"""Interleaved timings of candidates, the ratios of their times, and what they ran on."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

RESULTS = pathlib.Path(__file__).resolve().parent / "results"
ROUNDS = 7
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Wall time is what a user waits for; CPU time adds up what all threads of this process worked."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One way to a result.

    Attributes:
        name: How the tables call it.
        run: Comes to the result, as a NumPy array, so that nothing is left to be computed when it returns.
        settings: What was chosen for it, for the report.
    """

    name: str
    run: Callable[[], Any]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Timings:
    """The times of interleaved candidates.

    Attributes:
        seconds: Clock, then name of the candidate, to the seconds of each round.
    """

    seconds: dict[str, dict[str, list[float]]]

    def ratio(self, name: str, to: str) -> dict[str, dict[str, float]]:
        """How many times as long as another one a candidate took, for each clock.

        Both are divided round by round, so what slowed the machine for a whole round cancels out. The ratio of two
        medians would compare rounds of different hours.

        Returns:
            Clock to `"median"`, `"min"` and `"max"` over the rounds.
        """
        return {
            clock: spread(a / b for a, b in zip(found[name], found[to], strict=True))
            for clock, found in self.seconds.items()
        }

    def with_sum(self, name: str, parts: Mapping[str, float]) -> Timings:
        """The same with the times of a weighted sum of candidates, made round by round.

        Args:
            name: How the sum is called.
            parts: Candidate to how often it counts.
        """
        return Timings(
            {
                clock: {
                    **found,
                    name: [
                        sum(count * seconds for count, seconds in zip(parts.values(), times, strict=True))
                        for times in zip(*(found[part] for part in parts), strict=True)
                    ],
                }
                for clock, found in self.seconds.items()
            }
        )

    def fastest(self) -> str:
        """The candidate with the smallest median of wall times."""
        wall = self.seconds["wall"]
        return min(wall, key=lambda name: statistics.median(wall[name]))

    def medians(self, clock: str = "wall") -> dict[str, float]:
        """The median of each candidate's seconds."""
        return {name: statistics.median(found) for name, found in self.seconds[clock].items()}


def spread(values: Iterable[float]) -> dict[str, float]:
    """The median of some values, the smallest and the largest."""
    found = sorted(values)
    return {"median": statistics.median(found), "min": found[0], "max": found[-1]}


def interleaved(candidates: Sequence[Candidate], rounds: int = ROUNDS, warm_up: int = 1) -> Timings:
    """Run candidates interleaved, in alternating order, and time each run.

    Every second round goes backwards, so that none always follows the same other one.

    Args:
        candidates: What to run; their names must differ.
        rounds: How often each one is timed.
        warm_up: How often each one runs before that, untimed.

    Raises:
        ValueError: Two candidates have the same name, or there is no round.
    """
    names = [candidate.name for candidate in candidates]
    if len(set(names)) != len(names):
        raise ValueError(f"Candidates must have different names. Received: {', '.join(names)}")
    if rounds < 1:
        raise ValueError(f"Argument `rounds` must be at least 1. Received: rounds={rounds}")
    for _ in range(warm_up):
        for candidate in candidates:
            candidate.run()
    seconds: dict[str, dict[str, list[float]]] = {clock: {name: [] for name in names} for clock in CLOCKS}
    for index in range(rounds):
        for candidate in candidates if index % 2 == 0 else reversed(candidates):
            before = {clock: read() for clock, read in CLOCKS.items()}
            candidate.run()
            for clock, read in CLOCKS.items():
                seconds[clock][candidate.name].append(read() - before[clock])
    return Timings(seconds)


def best(candidates: Sequence[Candidate], rounds: int = 1) -> tuple[Candidate, dict[str, float]]:
    """The fastest of several settings of one candidate, from interleaved runs, and the median seconds of each."""
    timings = interleaved(candidates, rounds)
    fastest = timings.fastest()
    return next(candidate for candidate in candidates if candidate.name == fastest), timings.medians()


def environment(packages: Iterable[str]) -> dict[str, Any]:
    """What a benchmark ran on: processor, cores, system, and the versions of Python and of some packages."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            **{package: importlib.metadata.version(package) for package in packages},
        },
    }


def processor(cpuinfo: str = "/proc/cpuinfo") -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = pathlib.Path(cpuinfo).read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def write(name: str, report: dict[str, Any], folder: pathlib.Path = RESULTS) -> pathlib.Path:
    """Write a report into `results/`, its numbers with six significant digits."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(rounded(report), indent=2) + "\n")
    return path


def rounded(value: Any) -> Any:
    """The same with every number cut to six significant digits, which is more than a clock is good for."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
