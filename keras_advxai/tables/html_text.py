"""Tables as a piece of HTML for notebooks, light or dark."""

from __future__ import annotations

import html
from collections.abc import Iterable

from keras_advxai.tables.table import Line, Remark, Table

# Colours are those of the page, and rules a gray through which the page shines: so they are seen on any. All rules are
# of a class of our own, since the page has tables of others.
_STYLE = """<style>
.keras-advxai p { white-space: pre-line; margin: 0.5em 0; }
.keras-advxai table { border-collapse: collapse; margin: 0.5em 0; font-size: inherit; color: inherit; }
.keras-advxai caption { text-align: left; color: inherit; white-space: nowrap; }
.keras-advxai th, .keras-advxai td { padding: 0.15em 0.6em; border: 0; text-align: right; white-space: nowrap; }
.keras-advxai td { font-variant-numeric: tabular-nums; }
.keras-advxai th { vertical-align: bottom; font-weight: bold; }
.keras-advxai th:first-child, .keras-advxai td:first-child { text-align: left; }
.keras-advxai thead tr, .keras-advxai tr.last { border-bottom: 1px solid rgba(128, 128, 128, 0.6); }
.keras-advxai tr.indented td:first-child { padding-left: 1.6em; }
</style>"""


def to_html(parts: Iterable[str | Table | Remark], shown: int = 1, most: int = 200) -> str:
    """Paragraphs, tables and remarks as HTML without scripts, whatever the names in them are.

    It stays small, some 50 KB, since notebooks keep it with each cell.

    Args:
        parts: The parts.
        shown: How many tables are seen at once; further ones are folded up. Defaults to 1.
        most: How many lines all tables have together; how many are left out is said. Defaults to 200.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_html
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> "<td>conv_1</td><td>0.25</td>" in to_html([table])
    True
    """
    parts = list(parts)
    found = [f"<p>{html.escape(part)}</p>" for part in parts if isinstance(part, str)]
    tables, left = [], most
    for part in parts:
        if isinstance(part, Table) and left:
            tables.append(_table(part, part.lines[:left]))
            left -= len(part.lines[:left])
    found += tables[:shown]
    if tables[shown:]:
        count, more = len(tables) - shown, "".join(tables[shown:])
        found.append(f"<details><summary>{count} more table{'s' if count > 1 else ''}</summary>{more}</details>")
    missing = sum(len(part.lines) for part in parts if isinstance(part, Table)) - (most - left)
    if missing:
        found.append(f"<p>{missing:,} more line{'s' if missing > 1 else ''}: print it, or write it to a file.</p>")
    remarks = [part for part in parts if isinstance(part, Remark)]
    found += [f"<p><b>{html.escape(part.label)}:</b> {html.escape(part.text)}</p>" for part in remarks]
    return f'{_STYLE}<div class="keras-advxai">{"".join(found)}</div>'


def _table(table: Table, lines: Iterable[Line]) -> str:
    title = f"<caption>{html.escape(table.title)}</caption>" if table.title else ""
    headings = [html.escape(column.heading or column.key).replace("\n", "<br>") for column in table.columns]
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    rows = []
    for line in lines:
        kinds = [name for name, is_so in (("indented", line.indented), ("last", line.last)) if is_so]
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in table.texts(line))
        attribute = f' class="{" ".join(kinds)}"' if kinds else ""
        rows.append(f"<tr{attribute}>{cells}</tr>")
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
