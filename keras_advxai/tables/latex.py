"""Tables as LaTeX, for pdfLaTeX, XeLaTeX and LuaLaTeX with the package booktabs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from keras_advxai.tables.table import Remark, Table

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

_OTHER = r"\providecommand{\advxaichar}[2]{\ifdefined\Umathcode #1\else [#2]\fi}"
"""pdfLaTeX has no other letters and stops at them, where the other two show them or leave them out."""


def to_latex(parts: Iterable[str | Table | Remark]) -> str:
    r"""Tables as LaTeX, for `\input`; paragraphs and remarks are comments.

    It needs `\usepackage{booktabs}`. Letters that pdfLaTeX does not know, such as Chinese ones, are shown by XeLaTeX
    and LuaLaTeX, and by pdfLaTeX as their numbers.

    Args:
        parts: The parts.

    Example:

    >>> from keras_advxai.tables import Column, Table, to_latex
    >>> table = Table([Column("layer"), Column("mod")])
    >>> table.add("conv_1", 0.25)
    >>> print(to_latex([table]).splitlines()[8])
    conv\_1 & 0.25 \\
    """
    found = "\n\n".join(map(_latex, parts))
    needed = [r"% \usepackage{booktabs}", *([_OTHER] if r"\advxaichar{" in found else [])]
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
    return f"\\advxaichar{{{letter}}}{{U+{ord(letter):04X}}}"


def _latex(part: str | Table | Remark) -> str:
    if isinstance(part, Remark):
        part = f"{part.label}: {part.text}"
    if isinstance(part, str):
        return "\n".join(f"% {line}" for line in part.splitlines())
    head = [_stacked(column.heading or column.key, "r" if place else "l") for place, column in enumerate(part.columns)]
    rows = []
    for line in part.lines:
        first, *others = map(escaped, part.texts(line))
        rows.append(" & ".join([f"\\quad {first}" if line.indented else first, *others]) + r" \\")
        if line.last and line is not part.lines[-1]:
            rows.append(r"\midrule")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            *([f"\\caption{{{escaped(part.title)}}}"] if part.title else []),
            f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _stacked(heading: str, side: str) -> str:
    lines = [escaped(line) for line in heading.split("\n")]
    return lines[0] if len(lines) == 1 else f"\\shortstack[{side}]{{" + r"\\".join(lines) + "}"
