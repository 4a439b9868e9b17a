"""How a command ends that has a report: the table, the files, the limits."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_advxai.cli import limits, writing
from keras_advxai.cli.console import Console
from keras_advxai.cli.failing import FAILED_LIMIT, Failure, printable
from keras_advxai.cli.legend import legend

if TYPE_CHECKING:
    from keras_advxai.evaluation import EvaluationReport


def conclude(
    console: Console,
    report: EvaluationReport,
    *,
    output: pathlib.Path | None,
    page: pathlib.Path | None = None,
    min_accuracy: float | None,
    max_mod: float | None,
    figure_formats: Sequence[str] = (),
    **more: Any,
) -> int:
    """Show a report, write its files and hold it against the limits.

    Args:
        console: Where it is shown.
        report: The report.
        output: The folder of the files; `None` for none.
        page: The file of the page of HTML. Defaults to `None`, none.
        min_accuracy: The limit on the accuracy; `None` for none.
        max_mod: The limit on MOD; `None` for none.
        figure_formats: The formats of the figures. Defaults to PNG.
        **more: What else the JSON has.

    Returns:
        The exit code, 0.

    Raises:
        Failure: A limit is not kept.
        OSError: The files cannot be written; the result was shown before.
    """
    console.show(str(report))
    if not console.quiet:
        console.show(f"\n{legend(report)}")
    failed = limits.broken(report, min_accuracy, max_mod)
    written: list[tuple[pathlib.Path, str]] = []
    try:
        if output is not None:
            writing.write(report, output, written, figure_formats)
            console.show(f"\n{writing.listed(written)}")
            left = writing.left_over(written)
            if left:
                console.warn(f"{output} also has figures of an earlier run: {', '.join(map(printable, left))}")
        if page is not None:
            writing.write_page(report, page, written)
            console.show(f"\nThe page is {printable(str(page))}.")
    finally:  # what was computed is not lost to a full disk
        files = [str(path) for path, _ in written]
        console.finish({**more, "failed": failed, "files": files, **writing.summary(report)})
    if failed:
        raise Failure(" ".join(failed), FAILED_LIMIT)
    return 0
