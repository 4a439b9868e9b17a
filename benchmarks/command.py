"""The command line of a benchmark that has options of its own."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks import table
from benchmarks.harness import ROUNDS, rounded, write


def run(name: str, report: Callable[..., dict[str, Any]], **options: dict[str, Any]) -> None:
    """Measure, print the tables, and of a full run keep the results and write them into the pages.

    Args:
        name: The benchmark's module.
        report: Measures everything, given `full`, `rounds` and the options.
        **options: By name, what `add_argument` takes for each option beside these two.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--full", action="store_true", help="measure what the documentation tells, and write it there")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"{ROUNDS} by default")
    for option, settings in options.items():
        parser.add_argument(f"--{option}", metavar="N", **settings)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    found = rounded(report(**vars(arguments)))
    print(table.render(name, found))
    if arguments.full:
        write(name, found)
        table.update()
