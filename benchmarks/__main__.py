"""The benchmark suite.

python -m benchmarks [--full] [NAME ...]
"""

from __future__ import annotations

import argparse
import importlib
import warnings

from benchmarks import table
from benchmarks.harness import rounded, write

BENCHMARKS = ("integrated_gradients",)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the package.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument(
        "--full", action="store_true", help="measure what the documentation tells, and write results and table"
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    warnings.simplefilter("ignore")
    for name in arguments.names or BENCHMARKS:
        report = rounded(importlib.import_module(f"benchmarks.{name}").report(arguments.full))
        if arguments.full:
            write(name, report)
        print(table.render(name, report), flush=True)
    if arguments.full:
        table.update()


if __name__ == "__main__":
    main()
