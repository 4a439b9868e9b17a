"""Tables of aligned ASCII text."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_LINES = box.Box(" -- \n    \n -- \n    \n -- \n -- \n    \n -- \n", ascii=True)
"""Horizontal lines of ASCII under the heading and between the attacks."""


def new_table(title: str, first: str, others: Iterable[str]) -> Table:
    """A table of ASCII lines: a first column to the left, numbers to the right.

    Args:
        title: Its title; empty for none.
        first: The heading of the first column.
        others: The headings of the columns of numbers.
    """
    table = Table(
        title=title or None, title_justify="left", title_style="", box=_LINES, header_style="", padding=(0, 0, 0, 1)
    )
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def to_text(table: Table) -> str:
    """A table as ASCII text."""
    # Names are text: a layer may be called "[conv]", which would be a style and vanish.
    # In a notebook, rich would show the table by itself, and the text would lack it.
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "force_jupyter": False}
    # Wider than any table, or rich would wrap its cells to the width of the terminal that happens to be there.
    console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False, **plain)
    console.print(table)
    text: Any = console.file
    return "\n".join(line.strip("\n").rstrip() for line in text.getvalue().splitlines() if line.strip())
