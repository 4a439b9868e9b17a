"""The benchmark suite.

    python -m benchmarks [NAME ...]
    python -m benchmarks --full [NAME ...]

The first takes two minutes, the second measures all that the documentation tells.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import warnings
from collections.abc import Container, Iterable, Sequence

from benchmarks import table
from benchmarks.harness import rounded, write

BENCHMARKS = {
    "grad_cam": "bench",
    "score_cam": "bench",
    "attacks": "bench",
    "ssim": "bench",
    "evaluation": "bench",
    "layers": "bench",
    "training": "bench",
    "steady_state": "bench",
    "first_calls": "bench",
    "options": "bench",
    "folding": "bench",
    "shares": "bench",
    "robustness": "bench",
    "explanation_attacks": "bench",
    "integrated_gradients": "alibi",
}
"""Each benchmark, and the extra in setup.cfg whose environment it runs in. alibi and the others exclude one another."""
BRIEF = ("grad_cam", "attacks", "ssim", "evaluation")
"""What is run where no names are given and not all is measured."""
MARKS = {"bench": "einops", "alibi": "alibi"}
"""What is installed in each environment, and in no other one."""


def main(given: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the package.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(BENCHMARKS)}; by default all in full, and else {', '.join(BRIEF)}",
    )
    parser.add_argument(
        "--full", action="store_true", help="measure what the documentation tells, and write results and table"
    )
    arguments = parser.parse_args(given)
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    here, elsewhere = divided(arguments.names or (BENCHMARKS if arguments.full else BRIEF))
    if elsewhere:
        print(f"Not in this environment: {', '.join(elsewhere)}. README.md says in which.", flush=True)
    warnings.simplefilter("ignore")
    for name in here:
        report = rounded(importlib.import_module(f"benchmarks.{name}").report(arguments.full))
        if arguments.full:
            write(name, report)
        print(table.render(name, report), flush=True)
    if arguments.full and here:
        table.update()


def divided(names: Iterable[str], installed: Container[str] | None = None) -> tuple[list[str], list[str]]:
    """The benchmarks that run in this environment, and those that do not.

    Args:
        names: Names of benchmarks.
        installed: The extras whose peers are here. Defaults to `None`, which looks for them.
    """
    if installed is None:
        installed = [extra for extra, package in MARKS.items() if importlib.util.find_spec(package)]
    here = [name for name in names if BENCHMARKS[name] in installed]
    return here, [name for name in names if name not in here]


if __name__ == "__main__":
    main()
