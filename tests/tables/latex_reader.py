"""A strict reader of the LaTeX that tables are written in: whatever it does not know is an error."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\([a-zA-Z]+)|\\(.)|(.)", re.DOTALL)
SIGNS = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">"}
SIGNS |= {"textbar": "|", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł"}
SIGNS |= {"i": "\u0131", "ldots": "\u2026", "textendash": "\u2013", "textemdash": "\u2014"}
SIGNS |= {"textquoteleft": "\u2018", "textquoteright": "\u2019"}
ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307"}
ACCENTS |= {'"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "c": "\u0327"}
FIT = r"\providecommand{\advxaifit}[1]{\ifdefined\resizebox\resizebox"
FIT += r"{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{#1}\else#1\fi}"
DOUBLED = ("--", ",,", "''", "``")


class Reader:
    """Reads text in LaTeX as the sign that it stands for."""

    def __init__(self, source: str) -> None:
        assert not any(pair in source for pair in DOUBLED), "two signs that fonts make one of"
        self.source, self.place = source, 0

    def text(self) -> str:
        found = self.until_end()
        assert self.place == len(self.source), "a brace too many"
        return found

    def until_end(self) -> str:
        found = ""
        while self.place < len(self.source) and self.source[self.place] != "}":
            found += self.next()
        return found

    def group(self) -> str:
        assert self.source[self.place] == "{", "no argument"
        self.place += 1
        found = self.until_end()
        assert self.place < len(self.source), "a brace is not closed"
        self.place += 1
        return found

    def next(self) -> str:
        match = TOKEN.match(self.source, self.place)
        assert match
        word, sign, letter = match.groups()
        if self.source[self.place : self.place + 3] in ("{[}", "{]}", "{*}"):
            self.place += 3
            return self.source[self.place - 2]
        if letter == "{":
            return self.group()
        self.place = match.end()
        if word in SIGNS:
            assert self.group() == ""
            return SIGNS[word]
        if word == "symbol":
            return chr(int(self.group()))
        if word == "advxaichar":
            begin = self.place + 1
            self.place += 3
            letter = chr(int(self.group().removeprefix("U+"), 16))
            assert self.source[begin : begin + 3] == ("?}{" if letter == "\ufffd" else f"{letter}}}{{")
            return letter
        if (word or sign) in ACCENTS:
            return self.group() + ACCENTS[word or sign]
        if sign and sign in "%&$#_{}":
            return sign
        assert letter, f"an unknown command: {word or sign}"
        assert letter.isascii(), f"{letter} stops pdfLaTeX"
        assert letter not in '%&$#_~^[]*|<>"', f"{letter} has a meaning"
        return letter


def read_text(source: str) -> str:
    """What a piece of text looks like."""
    return Reader(source).text()


def read_tables(source: str) -> list[tuple[str, list[list[str]]]]:
    """The caption and the rows of each table, the heading first."""
    lines = [line for line in source.split("\n") if line and not line.startswith("%")]
    assert lines.pop(0) == FIT
    if lines and lines[0].startswith(r"\providecommand"):
        assert lines.pop(0) == r"\providecommand{\advxaichar}[2]{\ifdefined\Umathcode #1\else [#2]\fi}"
    else:
        assert r"\advxaichar" not in source
    found = []
    while lines:
        if lines[0] == r"\clearpage":
            lines.pop(0)
        assert [lines.pop(0), lines.pop(0)] == [r"\begin{table}", r"\centering"]
        caption = ""
        if lines[0].startswith(r"\caption{"):
            caption = read_text(lines.pop(0).removeprefix(r"\caption"))
        begin = re.fullmatch(r"\\advxaifit\{\\begin\{tabular\}\{(l+r*)\}", lines.pop(0))
        assert begin
        assert lines.pop(0) == r"\toprule"
        rows = []
        while lines[0] != r"\bottomrule":
            line = lines.pop(0)
            if line == r"\midrule":
                continue
            assert line.endswith(r" \\")
            line = line.removesuffix(r" \\")
            across = f"\\multicolumn{{{len(begin[1])}}}{{l}}"
            if line.startswith(across):
                rows.append([read_text(line.removeprefix(across))] + [""] * (len(begin[1]) - 1))
                continue
            cells = re.split(r" (?<!\\)& ", line)
            assert len(cells) == len(begin[1])
            rows.append([_cell(cell) for cell in cells])
        assert [lines.pop(0) for _ in range(3)] == [r"\bottomrule", r"\end{tabular}}", r"\end{table}"]
        found.append((caption, rows))
    return found


def _cell(source: str) -> str:
    stacked = re.fullmatch(r"\\shortstack\[[lr]\]\{(.*)\}", source)
    if stacked:
        return "\n".join(map(read_text, stacked[1].split(r"\\")))
    return read_text(source.removeprefix(r"\quad "))
