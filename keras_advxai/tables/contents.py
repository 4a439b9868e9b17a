"""Results that can be read as tables: printed, in notebooks and in files."""

from __future__ import annotations

import functools
import os
from typing import TypeAlias

from keras_advxai._files import write_atomically
from keras_advxai.tables.html_text import to_html
from keras_advxai.tables.latex import to_latex
from keras_advxai.tables.markdown import to_markdown
from keras_advxai.tables.plain_text import to_text
from keras_advxai.tables.table import Remark, Table

Parts: TypeAlias = tuple[str | Table | Remark, ...]
"""Paragraphs, tables and remarks in the order in which they are read."""


@functools.singledispatch
def contents(value: object) -> Parts:
    """What is to be read of a result.

    Results (reports, profiles, comparisons) do not know their tables. What makes these registers itself here, so that a
    result can be printed although nothing in its own file knows of tables.

    Args:
        value: The result.

    Example:

    >>> from keras_advxai.tables import Column, Table, Tabulated, contents
    >>> class Answer(Tabulated):
    ...     number = 42
    >>> @contents.register
    ... def table_of_answer(answer: Answer):
    ...     table = Table([Column("name"), Column("number")])
    ...     table.add("answer", answer.number)
    ...     return (table,)
    >>> print(Answer().to_markdown())
    | name | number |
    |:---|---:|
    | answer | 42 |
    <BLANKLINE>
    """
    raise TypeError(f"There is no table of a {type(value).__name__}.")


class Tabulated:
    """A result that is printed, displayed and written as the same tables."""

    def __str__(self) -> str:
        return to_text(contents(self))

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """What is printed, as Markdown, also written to `path` if one is given, whole or not at all.

        Args:
            path: The file. Defaults to `None`, none.

        Raises:
            OSError: It cannot be written.
        """
        return written(to_markdown(contents(self)) + "\n", path)

    def to_latex(self, path: str | os.PathLike[str] | None = None) -> str:
        r"""What is printed, as LaTeX tables for `\input`, also written to `path` if one is given, whole or not at all.

        A document needs `\usepackage{booktabs,graphicx}`; graphicx shrinks tables that are wider than the text, and
        without it they stand out of it. It compiles by pdfLaTeX, XeLaTeX and LuaLaTeX whatever names are in the tables.
        What is printed beside them stands in comments: findings, too.

        Args:
            path: The file. Defaults to `None`, none.

        Raises:
            OSError: It cannot be written.
        """
        return written(to_latex(contents(self)) + "\n", path)

    def _repr_html_(self) -> str:
        """What a notebook displays."""
        return to_html(contents(self))


def written(text: str, path: str | os.PathLike[str] | None) -> str:
    """A text, after it was written to a file if one is named, whole or not at all.

    Args:
        text: The text.
        path: The file; `None` for none.

    Raises:
        OSError: It cannot be written.
    """
    if path is not None:
        write_atomically(path, text.encode("utf-8"))
    return text
