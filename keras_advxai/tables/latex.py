"""Tables as LaTeX, for pdfLaTeX, XeLaTeX and LuaLaTeX with the packages booktabs and graphicx."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from keras_advxai.tables.table import Line, Remark, Table

_ASCII = {
    **{letter: f"\\{letter}" for letter in "%&$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # in the fonts that LaTeX begins with, it is another sign
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",  # which babel may make a letter of its own
    "[": "{[}",  # behind a line's end it would be that line's height
    "]": "{]}",
    "*": "{*}",
}
_LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "\u0131": "i",
    "\u2026": "ldots",
    "\u2013": "textendash",
    "\u2014": "textemdash",
    "\u2018": "textquoteleft",
    "\u2019": "textquoteright",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_PAIRS = re.compile(r"([-,'`])(?=\1)")
"""Of two of them, fonts make one sign."""

_MOST_LINES = 30
"""What a page has room for, also in letters of 12 points: of a longer one, the rest would be below the paper."""

_MOST_TABLES = 15
"""So many may wait for a page: LaTeX has room for 18 in older releases, for 52 in later ones, and ends in an error."""

_FIT = (
    r"\providecommand{\advxaifit}[1]{\ifdefined\resizebox\resizebox"
    r"{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{#1}\else#1\fi}"
)
"""A dozen columns are twice as wide as the text of an article: the last five would be beside the paper."""

_OTHER = r"\providecommand{\advxaichar}[2]{\ifdefined\Umathcode #1\else [#2]\fi}"
"""pdfLaTeX has no other letters and stops at them, where the other two show them or leave them out."""


def to_latex(parts: Iterable[str | Table | Remark]) -> str:
    r"""Tables as LaTeX, for `\input`; paragraphs and remarks are comments.

    It needs `\usepackage{booktabs}`, and `\usepackage{graphicx}` by which tables that are wider than the text are
    made as wide as it is; without, they stand out of it. Those that are longer than a page are divided. Letters that
    pdfLaTeX does not know, such as Chinese ones, are shown by XeLaTeX and LuaLaTeX, and by pdfLaTeX as their numbers.

    Args:
        parts: The parts.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_latex
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> print(to_latex([table]).splitlines()[9])
    conv\_1 & 0.25 \\
    """
    pieces = [piece for part in parts for piece in _latex(part)]
    ends = [place for place, piece in enumerate(pieces) if piece.endswith(r"\end{table}")]
    for place in ends[_MOST_TABLES - 1 : -1 : _MOST_TABLES]:
        pieces[place] += "\n" + r"\clearpage"
    found = "\n\n".join(pieces)
    needed = [r"% \usepackage{booktabs,graphicx}", _FIT, *([_OTHER] if r"\advxaichar{" in found else [])]
    return "\n".join([*needed, "", found])


def escaped(text: str) -> str:
    r"""A text that LaTeX shows as it is.

    Example:

    >>> from keras_advxai.tables.latex import escaped
    >>> print(escaped("50 % of grad_cam, Käse"))
    50 \% of grad\_cam, K\"{a}se
    """
    whole = unicodedata.normalize("NFC", text)  # some file systems take letters and their accents apart
    return "".join(map(_letter, _PAIRS.sub("\\1\0", whole))).replace("\0", "{}")


def _letter(letter: str) -> str:
    if letter in _ASCII:
        return _ASCII[letter]
    if letter.isascii():
        return letter if letter.isprintable() or letter == "\0" else " "
    if letter in _LETTERS:
        return f"\\{_LETTERS[letter]}{{}}"
    apart = unicodedata.normalize("NFD", letter)
    if len(apart) == 2 and apart[0].isascii() and apart[0].isalpha() and apart[1] in _ACCENTS:
        return f"\\{_ACCENTS[apart[1]]}{{{apart[0]}}}"
    shown = "?" if letter == "\ufffd" else letter  # by which LuaLaTeX means what it cannot read, and stops
    return f"\\advxaichar{{{shown}}}{{U+{ord(letter):04X}}}"


def _latex(part: str | Table | Remark) -> Iterator[str]:
    if isinstance(part, Remark):
        part = f"{part.label}: {part.text}"
    if isinstance(part, str):
        yield "\n".join(f"% {line}" for line in part.splitlines())
        return
    pieces = list(_pages(part.lines))
    for place, lines in enumerate(pieces, 1):
        which = f" ({place} of {len(pieces)})" if len(pieces) > 1 else ""
        yield _table(part, lines, f"{part.title}{which}".strip())


def _pages(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """The lines of a table in pieces that fit on a page, divided where a group ends if one does."""
    while len(lines) > _MOST_LINES:
        ends = [place for place in range(1, _MOST_LINES + 1) if lines[place - 1].last]
        end = ends[-1] if ends else _MOST_LINES
        yield lines[:end]
        groups = [line for line in lines[:end] if line.is_group] if lines[end].indented else []
        lines = [*groups[-1:], *lines[end:]]  # or nobody would see whose they are
    yield lines


def _table(table: Table, lines: Sequence[Line], title: str) -> str:
    head = [_stacked(column.heading or column.key, "r" if place else "l") for place, column in enumerate(table.columns)]
    rows = []
    for place, line in enumerate(lines, 1):
        first, *others = map(escaped, table.texts(line))
        if line.is_group:  # across all columns: the first one need not be as wide
            rows.append(f"\\multicolumn{{{len(head)}}}{{l}}{{{first}}}" + r" \\")
        else:
            rows.append(" & ".join([f"\\quad {first}" if line.indented else first, *others]) + r" \\")
        if line.last and place < len(lines):
            rows.append(r"\midrule")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            *([f"\\caption{{{escaped(title)}}}"] if title else []),
            f"\\advxaifit{{\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
    )


def _stacked(heading: str, side: str) -> str:
    lines = [escaped(line) for line in heading.split("\n")]
    return lines[0] if len(lines) == 1 else f"\\shortstack[{side}]{{" + r"\\".join(lines) + "}"
