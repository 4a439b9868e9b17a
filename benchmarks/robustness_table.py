"""The tables of `results/robustness.json`: all of it for the page of benchmarks, the essence for the guide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.attackers import LIBRARIES
from benchmarks.table import markdown, ran_on, spread

NORMS = {"linf": "L-infinity", "l2": "L2"}
ATTACKS = {"fgsm": "FGSM", "pgd": "PGD", "bim": "BIM", "mifgsm": "MI-FGSM"}
FEW = ("fgsm", "pgd")
OURS, STANDARD, AUTO_ATTACK = "keras-advxai", "standard", "AutoAttack"


def render(report: dict[str, Any]) -> str:
    """Everything, in Markdown."""
    parts = [ran_on(report["environment"]), *clean(report), accuracies(report, ATTACKS), *errors(report["rows"])]
    if "full" in report:
        parts += [ensembles(report), times(report["pgd"])]
    return "\n\n".join(parts)


def summary(report: dict[str, Any]) -> str:
    """FGSM and PGD of every library, and the ensembles."""
    return "\n\n".join([accuracies(report, FEW), ensembles(report)])


def clean(report: dict[str, Any]) -> list[str]:
    """What was attacked, and how."""
    found = ", ".join(f"{share(count, report)} ({name})" for name, count in report["clean"].items())
    budgets = " and ".join(f"{epsilon:g} in {NORMS[norm]}" for norm, epsilon in report["epsilons"].items())
    sizes = ", ".join(f"{ATTACKS[name]} {size:g} epsilon" for name, size in report["step_sizes"].items())
    return [
        f"{report['images']} images; epsilon {budgets}. Without an attack the accuracy of the models is {found}. "
        f"All attacks except FGSM take {report['steps']} steps from the image; the step size: {sizes}."
    ]


def accuracies(report: dict[str, Any], attacks: Iterable[str]) -> str:
    """The robust accuracy under each attack of each library; lower is a stronger attack."""
    wanted = [row for row in report["rows"] if row["attack"] in attacks]
    lines = []
    for row in wanted:
        least = min(row["robust"].values())
        cells = []
        for library in LIBRARIES:
            if library in row["robust"]:
                text = share(row["robust"][library], report)
                cells.append(f"**{text}**" if row["robust"][library] == least else text)
            else:
                cells.append("error")
        lines.append([row["model"], f"{ATTACKS[row['attack']]}, {NORMS[row['norm']]}", *cells])
    return markdown(["model", "attack", *LIBRARIES], lines)


def errors(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The errors of the libraries that failed, and how many images they returned that cannot be used."""
    said: dict[tuple[str, str, str], list[str]] = {}
    left: dict[str, int] = {}
    for row in rows:
        for library, message in row["errors"].items():
            norms = said.setdefault((library, ATTACKS[row["attack"]], message), [])
            norms += [NORMS[row["norm"]]] * (NORMS[row["norm"]] not in norms)
        for library, count in row["invalid"].items():
            left[library] = left.get(library, 0) + count
    found = [
        f"- {library}, {attack} in {' and '.join(norms)}: `{message}`"
        for (library, attack, message), norms in said.items()
    ]
    invalid = ", ".join(f"{library} {count}" for library, count in left.items() if count)
    told = "Images out of budget or bounds, which do not count as successes: " + (invalid or "none") + "."
    return [told, *(["Errors:\n\n" + "\n".join(found)] if found else [])]


def ensembles(report: dict[str, Any]) -> str:
    """`standard` beside AutoAttack's full run."""
    lines = [
        [
            row["model"],
            NORMS[row["norm"]],
            *(share(row["robust"][name], report) for name in (STANDARD, AUTO_ATTACK)),
            *(str(row["only"][name]) for name in (STANDARD, AUTO_ATTACK)),
            spread(row["ratio"]),
        ]
        for row in report["full"]
    ]
    header = [
        "model",
        "norm",
        "`standard`",
        "AutoAttack",
        "robust to `standard` only",
        "robust to AutoAttack only",
    ]
    return markdown([*header, "time of AutoAttack / time of `standard`"], lines)


def times(found: Iterable[dict[str, Any]]) -> str:
    """PGD beside cleverhans'."""
    lines = [
        [
            row["model"],
            NORMS[row["norm"]],
            f"{name} / cleverhans",
            spread(ratio["wall"]),
            spread(ratio["cpu"]),
        ]
        for row in found
        for name, ratio in row["ratios"].items()
    ]
    return markdown(["model", "norm", "PGD, time of / time of", "wall time", "CPU time"], lines)


def share(count: int, report: dict[str, Any]) -> str:
    """A number of images as a share of all, with three digits."""
    return f"{count / report['images']:.3f}"
