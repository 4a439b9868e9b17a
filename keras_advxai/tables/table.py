"""What a table is, before anybody decides how it is written: columns, and lines of values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Column:
    r"""One column.

    Attributes:
        key: What it is called where a program reads it, as in a CSV file.
        heading: What it is called where a person reads it, in one or several lines. Defaults to the key.
        show: A value as a person reads it. Defaults to `str`.
        dtype: The type of its values in NumPy's words, for files that have types. Defaults to `"str"`.

    Example:

    >>> from keras_advxai.tables import Column
    >>> Column("mod", "mean\nMOD", "{:.2f}".format).text(0.123)
    '0.12'
    """

    key: str
    heading: str = ""
    show: Callable[[Any], str] = str
    dtype: str = "str"

    @property
    def title(self) -> str:
        """The heading in one line."""
        return (self.heading or self.key).replace("\n", " ")

    def text(self, value: Any) -> str:
        """A value as a person reads it; nothing for `None`. What is text already, stays."""
        return "" if value is None else value if isinstance(value, str) else self.show(value)


@dataclasses.dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        values: A value for each column, `None` for none.
        indented: Whether it belongs to the line above that is not.
        last: Whether a rule is drawn below it.
    """

    values: tuple[Any, ...]
    indented: bool = False
    last: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it is a heading of those below it."""
        return not self.indented and len(self.values) > 1 and all(value is None for value in self.values[1:])


class Table:
    r"""A table: what is printed, and written as CSV, Markdown, LaTeX and HTML, are forms of one and the same.

    Args:
        columns: Its columns. The first one is text, and the others are numbers.
        title: Its title. Defaults to none.

    Attributes:
        columns: Its columns.
        title: Its title, empty for none.
        lines: Its lines.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_csv, to_markdown
    >>> table = Table([Column("layer"), Column("mod", "MOD", "{:.2f}".format)])
    >>> table.add("conv_1", 0.123)
    >>> to_csv([table])
    'layer,mod\nconv_1,0.123\n'
    >>> print(to_markdown([table]))
    | layer | MOD |
    |:---|---:|
    | conv\_1 | 0.12 |
    """

    def __init__(self, columns: Iterable[Column], title: str = "") -> None:
        self.columns = tuple(columns)
        self.title = title
        self.lines: list[Line] = []

    def add(self, *values: Any, indented: bool = False, last: bool = False) -> None:
        """Add a line at the end.

        Args:
            *values: Its values; further ones are `None`.
            indented: See `Line`. Defaults to `False`.
            last: See `Line`. Defaults to `False`.
        """
        more = (None,) * (len(self.columns) - len(values))
        self.lines.append(Line((*values, *more), indented, last))

    def rule(self) -> None:
        """Draw a rule below the last line."""
        self.lines[-1] = dataclasses.replace(self.lines[-1], last=True)

    def texts(self, line: Line) -> list[str]:
        """The cells of a line as a person reads them."""
        return [column.text(value) for column, value in zip(self.columns, line.values, strict=True)]


@dataclasses.dataclass(frozen=True)
class Remark:
    """A sentence beside tables, without which they would be misread.

    Attributes:
        label: What kind it is, such as `"Warning (one-class)"`.
        text: The sentence.
    """

    label: str
    text: str
