"""Tables as Markdown, as GitHub and others read it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from keras_advxai.tables.table import Remark, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def to_markdown(parts: Iterable[str | Table | Remark]) -> str:
    r"""Paragraphs, tables and remarks as Markdown, with an empty line between them.

    Args:
        parts: The parts.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_markdown
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> print(to_markdown([table]))
    | layer | mod |
    |:---|---:|
    | conv\_1 | 0.25 |
    """
    return "\n\n".join(map(_markdown, parts))


def escaped(text: str) -> str:
    r"""A text that Markdown shows as it is.

    Example:

    >>> from keras_advxai.tables.markdown import escaped
    >>> print(escaped("grad_cam|1 *"))
    grad\_cam\|1 \*
    """
    return _SPECIAL.sub(r"\\\1", text)


def _markdown(part: str | Table | Remark) -> str:
    if isinstance(part, Remark):
        return f"> **{escaped(part.label)}:** {escaped(part.text)}"
    if isinstance(part, str):
        return escaped(part)
    head = [column.title for column in part.columns]
    rows = [_row(map(escaped, head)), f"|:---|{'---:|' * (len(head) - 1)}"]
    for line in part.lines:
        first, *others = map(escaped, part.texts(line))
        rows.append(_row([f"**{first}**" if line.is_group and first else first, *others]))
    title = [f"**{escaped(part.title)}**"] if part.title else []
    return "\n\n".join([*title, "\n".join(rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
