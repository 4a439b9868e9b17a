"""The tables of `results/explanation_attacks.json`: all of it for the page of benchmarks, an essence for the guide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.explanation_attacks import ATTACKS, FACES
from benchmarks.robustness_table import NORMS
from benchmarks.table import markdown, ran_on

NOISE, AIMED = ATTACKS[0], ATTACKS[-1]
TITLES = {NOISE: "noise (`uniform_noise`)", AIMED: "`ExplanationPGD`"}
ONE = 0.05
"""The epsilon on the faces that the guide shows."""


def render(report: dict[str, Any]) -> str:
    """Everything, in Markdown."""
    return "\n\n".join([ran_on(report["environment"]), mods(report["rows"], counts=True)])


def summary(report: dict[str, Any]) -> str:
    """MOD in L-infinity, at one epsilon for each model."""
    return mods(row for row in report["rows"] if row["norm"] == "linf" and row["epsilon"] == shown(row))


def shown(row: dict[str, Any]) -> float:
    """The epsilon that the guide shows of a model."""
    return ONE if row["model"] == FACES else row["epsilon"]


def mods(rows: Iterable[dict[str, Any]], counts: bool = False) -> str:
    """MOD by each attack, the highest in bold.

    Args:
        rows: The measurements.
        counts: Whether to tell how many predictions changed, too, and how MOD compares with that of the noise.
    """
    titles = [TITLES.get(name, f"`{name}`") for name in ATTACKS]
    header = ["model and budget", "explainer", *titles]
    more = ["beside the noise", *(f"changed by {title}" for title in titles[2:])] if counts else []
    return markdown(header + more, [line(row, counts) for row in rows])


def line(row: dict[str, Any], counts: bool) -> list[str]:
    """A row of the table."""
    mod, changed = row["mod"], row["flipped"]
    cells = [f"**{mod[name]:.3f}**" if mod[name] == max(mod.values()) else f"{mod[name]:.3f}" for name in ATTACKS]
    budget = f"{row['model']}, {NORMS[row['norm']]} {row['epsilon']:g}"
    more = [f"{mod[AIMED] / mod[NOISE]:.1f} times", *(f"{changed[name]} of {row['images']}" for name in ATTACKS[2:])]
    return [budget, row["explainer"], *cells, *(more if counts else [])]
