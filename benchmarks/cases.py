"""What every benchmark does with a case: compare the results, time the candidates, divide their times."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness import Candidate, Timings, environment, interleaved


@dataclasses.dataclass(frozen=True)
class Ratio:
    """What is divided by what.

    Attributes:
        of: The name of a candidate, or of a sum of candidates.
        to: Another one.
        main: Whether the overview of all benchmarks has it. Defaults to `False`.
    """

    of: str
    to: str
    main: bool = False


def agreement(what: str, found: float, allowed: float) -> dict[str, Any]:
    """How far two results are apart, which must be little.

    Args:
        what: What was compared, in words.
        found: The difference.
        allowed: The largest one with which times still compare the same thing.

    Raises:
        RuntimeError: It is larger, or no number.
    """
    if not found <= allowed:
        raise RuntimeError(f"{what}: {found:.2g}, and at most {allowed:g} is allowed, so their times do not compare.")
    return {"what": what, "found": float(found), "allowed": allowed}


def largest(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference; where both have no value, as MOD of blank heatmaps, there is none."""
    difference = np.abs(np.asarray(found, "float64") - expected)
    return float(np.max(np.where(np.isnan(found) & np.isnan(expected), 0.0, difference)))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """The norm of the difference as a part of the norm of what is expected: the largest over the first axis."""
    found, expected = (np.asarray(values, "float64").reshape(len(values), -1) for values in (found, expected))
    return float(np.max(np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)))


def apart(found: np.ndarray, expected: np.ndarray, than: float) -> float:
    """The part of the values that differ by more than so much."""
    return float(np.mean(np.abs(np.asarray(found, "float64") - expected) > than))


def timed(
    name: str,
    detail: str,
    candidates: Sequence[Candidate],
    ratios: Sequence[Ratio],
    *,
    rounds: int,
    agreements: Sequence[Mapping[str, Any]] = (),
    sums: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """The times and ratios of a case, as the results keep them.

    Args:
        name: How the table calls the case.
        detail: How much work it is, for the table: `"256 images"`.
        candidates: What is run, interleaved.
        ratios: What is divided.
        rounds: How often each candidate is timed.
        agreements: What `agreement` returned of the results.
        sums: Names of weighted sums of candidates' times, such as `{"2F+B": {"F": 1, "F+B": 1}}`. They are made round
            by round.
    """
    timings = interleaved(candidates, rounds)
    for total, parts in (sums or {}).items():
        timings = timings.with_sum(total, parts)
    settings = {candidate.name: candidate.settings for candidate in candidates if candidate.settings}
    return divided(name, detail, timings, ratios, rounds=rounds, agreements=agreements, settings=settings)


def of_networks(
    names: Sequence[str],
    measured: Callable[[str, int], dict[str, Any]],
    packages: Sequence[str],
    full: bool,
    rounds: int,
) -> dict[str, Any]:
    """The report of a benchmark that does the same to several networks.

    Args:
        names: The networks, the smallest first.
        measured: The case of one of them, given its name and the rounds.
        packages: Those whose versions count.
        full: Whether to measure all of them, and not the first one alone.
        rounds: How often each candidate is timed.
    """
    chosen = names if full else names[:1]
    return {"environment": environment(packages), "cases": [measured(name, rounds) for name in chosen]}


def divided(
    name: str,
    detail: str,
    timings: Timings,
    ratios: Sequence[Ratio],
    *,
    rounds: int,
    agreements: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The ratios of times that were taken, as the results keep them; see `timed`."""
    return {
        "name": name,
        "detail": detail,
        "rounds": rounds,
        "agreement": list(agreements),
        "settings": dict(settings or {}),
        "seconds": timings.seconds,
        "ratios": [
            {"of": ratio.of, "to": ratio.to, **timings.ratio(ratio.of, ratio.to), "main": ratio.main}
            for ratio in ratios
        ],
    }
