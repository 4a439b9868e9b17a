"""Tables as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from keras_advxai.tables.table import Table

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that Excel, LibreOffice or Google Sheets would compute, or that was escaped before.

In the full-width forms of these signs it is one to Excel in Japanese."""


def to_csv(tables: Iterable[Table], *, escape_formulas: bool = False) -> str:
    """Tables of the same columns as comma-separated values below one heading, with the columns' keys.

    Numbers have as many digits as it takes to read the same numbers again; NaN and what is not there are empty.

    Args:
        tables: The tables.
        escape_formulas: Whether texts that a spreadsheet would take for formulas, as they begin with `=`, `+`, `-` or
            `@`, get an apostrophe in front, and so do those of them that begin with apostrophes, so that taking one
            away brings each back. Numbers are left as they are. Defaults to `False`: a program reads what was
            written.

    Raises:
        TypeError: `escape_formulas` is something else.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_csv
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("=conv_1", -0.25)
    >>> to_csv([table]).splitlines()
    ['layer,mod', '=conv_1,-0.25']
    >>> to_csv([table], escape_formulas=True).splitlines()
    ['layer,mod', "'=conv_1,-0.25"]
    """
    if not isinstance(escape_formulas, bool):
        raise TypeError(
            f"Argument `escape_formulas` must be True or False. Received: escape_formulas={escape_formulas!r}"
        )
    cell = _escaped if escape_formulas else _cell
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for place, table in enumerate(tables):
        if not place:
            writer.writerow(cell(column.key) for column in table.columns)
        writer.writerows(map(cell, line.values) for line in table.lines)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)  # of a float32 its own digits


def _escaped(value: Any) -> str:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else _cell(value)
