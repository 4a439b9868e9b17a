"""One table in all its forms: each says the same, whatever the names in it are."""

from __future__ import annotations

import csv
import html.parser
import io
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from latex_reader import read_tables, read_text
from markdown_it import MarkdownIt  # which comes with rich

from keras_advxai.tables import Column, Table, to_csv, to_html, to_latex, to_markdown, to_text
from keras_advxai.tables.latex import escaped
from keras_advxai.tables.table import Remark
from keras_advxai.text import number_text, percent_text

NASTY = "a_b%$&#{}~^\\ [1] *x* |y| <b>`c`</b> \"q\" -- ,, '' ß é Å 中 \u2013"


def make_table(name: str = NASTY) -> Table:
    columns = [
        Column("attack", "attack and\nepsilon"),
        Column("accuracy", show=percent_text, dtype="float64"),
        Column("mod", "MOD %", number_text, "float64"),
    ]
    table = Table(columns, f"title {name}")
    table.add(name)
    table.add("8/255", 0.5, 1 / 3, indented=True)
    table.add("VID", None, float("nan"), indented=True, last=True)
    table.add("[conv]", 1.0, 0.25)
    return table


def test_csv_has_keys_and_all_digits():
    rows = list(csv.reader(io.StringIO(to_csv([make_table(), make_table('b,"c')]))))
    assert rows[:4] == [
        ["attack", "accuracy", "mod"],
        [NASTY, "", ""],
        ["8/255", "0.5", repr(1 / 3)],
        ["VID", "", ""],
    ]
    assert rows[5] == ['b,"c', "", ""]
    assert len(rows) == 9
    table = Table([Column("x"), Column("y")])
    table.add(np.float32(0.1), np.True_)
    table.add(np.float32("inf"), None)
    assert to_csv([table]) == "x,y\n0.1,True\ninf,\n"


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\uff1d1", "'=1", "''-x"]
PLAIN = ["a=b", "", "'quoted'", "'", "1-2", " =x", "_-", "cats/=1.png"]


def test_csv_for_spreadsheets_has_no_formulas():
    """A program reads what was written unless that is asked for, and takes one apostrophe away if it was."""
    table = Table([Column("name"), Column("-x"), Column("y")])
    numbers = [-0.5, float("-inf"), -3, np.float32(-1e-9), np.int64(-1), True, None, float("nan")]
    for name, number in zip([*FORMULAS, *PLAIN], numbers * 2, strict=True):
        table.add(name, number, f"{name},\n")
    plain = list(csv.reader(io.StringIO(to_csv([table]), newline="")))
    assert [row[0] for row in plain] == ["name", *FORMULAS, *PLAIN]
    found = list(csv.reader(io.StringIO(to_csv([table], escape_formulas=True), newline="")))
    assert [row[0] for row in found] == ["name", *(f"'{name}" for name in FORMULAS), *PLAIN]
    assert found[0] == ["name", "'-x", "y"]
    assert [row[2] for row in found[1:]] == [f"'{name},\n" for name in FORMULAS] + [f"{name},\n" for name in PLAIN]
    expected = ["-0.5", "-inf", "-3", "-1e-09", "-1", "True", "", ""] * 2
    assert [row[1] for row in found[1:]] == [row[1] for row in plain[1:]] == expected
    with pytest.raises(TypeError, match=r"`escape_formulas` must be True or False. Received: escape_formulas='no'"):
        to_csv([table], escape_formulas="no")


def test_text():
    found = to_text(["first", make_table("[red]fgsm[/red]"), Remark("Warning (id)", "word " * 30)]).split("\n")
    rule = " " + "-" * 33
    assert found == [
        *("first", "", "title [red]fgsm[/red]", rule),
        "  attack and",
        "  epsilon          accuracy  MOD %",
        *(rule, "  [red]fgsm[/red]"),
        "    8/255            50.0 %  0.333",
        *("    VID                          -", rule),
        *("  [conv]            100.0 %  0.250", rule, ""),
        f"Warning (id): {' '.join(['word'] * 19)}",
        " ".join(["word"] * 11),
    ]


def test_latex_of_a_table_is_balanced_and_says_the_same():
    source = to_latex(["% first\nsecond", make_table(), Remark("Warning (id)", "50 %\nof"), make_table("plain")])
    (title, rows), (other, _) = read_tables(source)
    assert unicodedata.normalize("NFC", title) == f"title {NASTY}"
    assert other == "title plain"
    assert rows[0] == ["attack and\nepsilon", "accuracy", "MOD %"]
    assert unicodedata.normalize("NFC", rows[1][0]) == NASTY
    assert rows[2:] == [["8/255", "50.0 %", "0.333"], ["VID", "", "-"], ["[conv]", "100.0 %", "0.250"]]
    assert source.startswith("% \\usepackage{booktabs,graphicx}\n\\providecommand{\\advxaifit}")
    assert "% % first\n% second\n" in source
    assert "% Warning (id): 50 %\n% of\n" in source
    assert source.count(r"\midrule") == 4
    assert "advxaichar" not in to_latex([make_table("plain")])


def test_latex_fits_on_pages():
    """Of a long table the rest would be below the page, and many tables are too many floats for LaTeX."""
    table = Table([Column("layer"), Column("mod", show=number_text)], "long")
    for index in range(8):
        table.add(f"attack_{index}")
        for place in range(7 if index else 40):
            table.add(f"{index}-{place}", place / 8, indented=True, last=place == 6 and index > 0)
    found = read_tables(to_latex([table, *[make_table("plain")] * 41]))
    pieces = [rows for title, rows in found if title.startswith("long")]
    assert [title for title, _ in found] == [*(f"long ({place} of 4)" for place in (1, 2, 3, 4)), *["title plain"] * 41]
    assert all(rows[0] == ["layer", "mod"] and 3 < len(rows) < 32 for rows in pieces)
    lines = [row for rows in pieces for row in rows[1:]]
    assert lines.pop(30) == ["attack_0", ""]  # whose lines go on
    assert lines == [table.texts(line) for line in table.lines]
    source = to_latex([table, *[make_table("plain")] * 41])
    assert [part.count(r"\begin{table}") for part in source.split("\\end{table}\n\\clearpage\n")] == [15, 15, 15]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12) | st.text(NASTY, max_size=12))
@example("Ka\u0308se")
@example("--- ''' ,,,")
@example("\ufffd")  # at which LuaLaTeX stops
def test_every_text_is_itself_again_behind_latex(text):
    assert unicodedata.normalize("NFC", read_text(escaped(text))) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("wrong", ["a_b", "50 %", "{", "}", r"\foo{}", "é", "~", "--", "a & b"])
def test_the_reader_is_strict(wrong):
    with pytest.raises(AssertionError):
        read_text(wrong)


ELEMENTS = {
    "style",
    "div",
    "p",
    "b",
    "br",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
}


class Seen(html.parser.HTMLParser):
    """Which elements there are, and which text is in their cells."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert {name for name, _ in attributes} <= {"class"}
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)
        if tag in ("td", "th", "caption", "b", "p"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style" and self.cells:
            self.cells[-1] += data


@pytest.mark.parametrize("name", [NASTY, "<script>alert(1)</script>", "</td></table><img src=x onerror=y>"])
def test_html_is_safe_and_says_the_same(name):
    seen = Seen(to_html([f"first {name}", make_table(name), make_table(), Remark(f"Warning {name}", name)]))
    assert set(seen.tags) <= ELEMENTS
    assert seen.cells[0] == f"first {name}"
    assert seen.cells[1] == f"title {name}"
    assert seen.cells[5:11] == [name, "", "", "8/255", "50.0 %", "0.333"]
    assert name in seen.cells[-1]
    assert seen.tags.count("details") == 1


def test_html_stays_small():
    """A notebook keeps it, and is slow with megabytes; what is left out is said."""
    table = Table([Column("layer"), *(Column(f"x_{place}", show=number_text) for place in range(12))])
    for index in range(1000):
        table.add(f"<layer_{index}>", *[index / 1000] * 12)
    small = Table([Column("a")])
    small.add("last")
    source = to_html([small, table, table, small])
    assert len(source) < 60_000
    seen = Seen(source)
    assert seen.tags.count("tr") == 2 + 200  # with the headings
    assert [cell for cell in seen.cells if cell.startswith("<")] == [f"<layer_{index}>" for index in range(199)]
    assert seen.cells[-1] == "1,802 more lines: print it, or write it to a file."
    assert "1 more table</summary>" in source
    assert "more line" not in to_html([make_table()])
    assert "<p>1 more line: print" in to_html([make_table()], most=3)


def test_colours_of_html_are_those_of_the_page():
    source = to_html([make_table("plain")])
    assert "background" not in source
    assert source.count("color:") == source.count("color: inherit")


SIGNS = ["a|b", "|", "\\|", "a\\", "x\\\\", "`a|b`", "<b>x</b>", "<!-- x", "&amp; &lt;", "[l](http://x)", "![i](x)", ""]
SIGNS += [
    "*x* **y** _z_ __w__ ~~s~~",
    "$x$ $$y$$",
    "1. x",
    "- x",
    "+ x",
    "# h",
    "===",
    "---",
    ":---",
    "> q",
    "*",
    "==m==",
]
SIGNS += [
    "https://a_b.example/_c_",
    "www.a.example",
    "a@b.example",
    "^sup^ ~sub~",
    "[^1]",
    "[ ] todo",
    "Käse 中",
    "``x",
]


def seen_in_markdown(source):
    """The paragraphs and the rows of tables that a Markdown library finds, as they are read."""
    paragraphs, rows, level = [], [], []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source):
        level.append(token.type)
        if token.type == "tr_open":
            rows.append([])
        if token.type != "inline":
            continue
        assert {child.type for child in token.children} <= {"text", "softbreak", "strong_open", "strong_close"}
        text = "".join("\n" if child.type == "softbreak" else child.content for child in token.children)
        (rows[-1] if level[-2] in ("td_open", "th_open") else paragraphs).append(text)
    kinds = {"paragraph", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "inline"}
    assert {name.removesuffix("_open").removesuffix("_close") for name in level} <= kinds
    return paragraphs, rows


def test_markdown_is_read_as_it_is_meant():
    table = Table([Column("name", "name|of\nit"), Column("v", "x|y"), Column("w")], "title | *x*")
    for name in [*SIGNS, "a\nb", "a\r\n|\u2028b"]:
        table.add(name, 0.5, name, indented=True)
        table.add(f"{name}g ")
    lines = "\n".join(sign for sign in ["1) a", "12. a", "=====", "    code", "```", *SIGNS] if sign)
    found, rows = seen_in_markdown(to_markdown([lines, table, Remark("Warning (id)", "a | b\n\n# x\n- y\n1. z")]))
    assert found == [lines.replace("    code", "code"), "title | *x*", "Warning (id): a | b # x - y 1. z"]
    expected = [*SIGNS, "a\\nb", "a\\r\\n|\\u2028b"]
    assert rows[0] == ["name|of it", "x|y", "w"]
    assert rows[1::2] == [[name, "0.5", name] for name in expected]
    assert rows[2::2] == [[f"{name}g", "", ""] for name in expected]
    # Superscript to pandoc, a link to GitHub, a mark to others.
    assert to_markdown(["33.3 ^x http://a_b ==c="]) == "33.3 \\^x http\\://a\\_b \\==c="


def test_markdown():
    assert to_markdown(["a_b", make_table("x|y*_"), Remark("Warning (id)", "1 < 2")]) == (
        "a\\_b\n\n"
        "**title x\\|y\\*\\_**\n\n"
        "| attack and epsilon | accuracy | MOD % |\n"
        "|:---|---:|---:|\n"
        "| **x\\|y\\*\\_** |  |  |\n"
        "| 8/255 | 50.0 % | 0.333 |\n"
        "| VID |  | - |\n"
        "| \\[conv\\] | 100.0 % | 0.250 |\n\n"
        "> **Warning (id):** 1 \\< 2"
    )
