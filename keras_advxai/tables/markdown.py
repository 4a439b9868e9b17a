"""Tables as Markdown, as GitHub and others read it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from keras_advxai.tables.table import Remark, Table
from keras_advxai.text import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!^]|:(?=//)|=(?==))")
"""What has a meaning somewhere: addresses would be links, and show what is escaped in them."""

_BEGINS = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")
"""What makes a line of text one of a list, or a heading of the line above: a model may be called `1. net`."""


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
    r"""A text that Markdown shows as it is, in one line: a second one would end the table.

    Example:

    >>> from keras_advxai.tables.markdown import escaped
    >>> print(escaped("grad_cam|1 *"))
    grad\_cam\|1 \*
    """
    return _SPECIAL.sub(r"\\\1", one_line(text))


def _paragraph(text: str) -> str:
    """Lines of text, none of which is anything else."""
    lines = (escaped(line.strip()) for line in text.splitlines())
    return "\n".join(_BEGINS.sub(lambda sign: _marked(sign[0]), line) for line in lines)


def _marked(sign: str) -> str:
    return f"{sign}\\" if sign.isdigit() else f"\\{sign}"


def _markdown(part: str | Table | Remark) -> str:
    if isinstance(part, Remark):
        return f"> **{escaped(part.label)}:** {escaped(' '.join(part.text.split()))}"
    if isinstance(part, str):
        return _paragraph(part)
    head = [column.title for column in part.columns]
    rows = [_row(map(escaped, head)), f"|:---|{'---:|' * (len(head) - 1)}"]
    for line in part.lines:
        first, *others = map(escaped, part.texts(line))
        rows.append(_row([f"**{first.strip()}**" if line.is_group and first.strip() else first, *others]))
    title = [f"**{escaped(part.title)}**"] if part.title else []
    return "\n\n".join([*title, "\n".join(rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
