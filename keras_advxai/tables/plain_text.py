"""Tables as aligned text."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from keras_advxai.tables.table import Remark, Table

_LINES = box.Box(" -- \n    \n -- \n    \n -- \n -- \n    \n -- \n", ascii=True)
"""Horizontal lines of ASCII under the heading and between the attacks."""

_WIDTH = 110
"""Characters of a line of words."""


def to_text(parts: Iterable[str | Table | Remark]) -> str:
    """Paragraphs, tables and remarks as text, with an empty line between them.

    Args:
        parts: The parts.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_text
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> print(to_text([table]))
     -------------
      layer    mod
     -------------
      conv_1  0.25
     -------------
    """
    return "\n\n".join(map(_text, parts))


def _text(part: str | Table | Remark) -> str:
    if isinstance(part, Table):
        return _table_text(part)
    if isinstance(part, Remark):
        return textwrap.fill(f"{part.label}: {part.text}", width=_WIDTH, break_on_hyphens=False)
    return part


def _table_text(table: Table) -> str:
    style: dict[str, Any] = {"title_justify": "left", "title_style": "", "header_style": "", "padding": (0, 0, 0, 1)}
    found = RichTable(title=table.title or None, box=_LINES, **style)
    for place, column in enumerate(table.columns):
        found.add_column(column.heading or column.key, justify="right" if place else "left")
    for line in table.lines:
        first, *others = table.texts(line)
        found.add_row(f"  {first}" if line.indented else first, *others, end_section=line.last)
    # Names are text: a layer may be called "[conv]", which would be a style and vanish.
    # In a notebook, rich would show the table by itself, and the text would lack it.
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "force_jupyter": False}
    # Wider than any table, or rich would wrap its cells to the width of the terminal that happens to be there.
    console = Console(file=io.StringIO(), width=1000, color_system=None, legacy_windows=False, **plain)
    console.print(found)
    text: Any = console.file
    return "\n".join(line.strip("\n").rstrip() for line in text.getvalue().splitlines() if line.strip())
