"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from keras_advxai.tables.table import Table


def to_csv(tables: Iterable[Table]) -> str:
    """Tables of the same columns as comma-separated values below one heading, with the columns' keys.

    Numbers have as many digits as it takes to read the same numbers again; NaN and what is not there are empty.

    Args:
        tables: The tables.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_csv
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> to_csv([table]).splitlines()
    ['layer,mod', 'conv_1,0.25']
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for place, table in enumerate(tables):
        if not place:
            writer.writerow(column.key for column in table.columns)
        writer.writerows(map(_cell, line.values) for line in table.lines)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None or value != value else str(value)  # of a float32 its own digits
