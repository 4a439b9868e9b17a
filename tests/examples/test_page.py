import importlib.util
import pathlib
import re

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("page", EXAMPLES / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_part_is_written_between_its_marks_and_the_rest_stays(page, tmp_path):
    path = tmp_path / "page.md"
    before, after = "# Title\n\n<!-- one -->\nold\n<!-- end of one -->\n", "\n<!-- two -->\nkept\n<!-- end of two -->\n"
    path.write_text(before + after, encoding="utf-8")
    page.write("one", page.table(["a", "b"], [[1, "x|y"]]), path)
    table = "| a | b |\n| --- | --- |\n| 1 | x\\|y |"
    written = f"# Title\n\n<!-- one -->\n\n{table}\n\n<!-- end of one -->\n{after}"
    assert path.read_text(encoding="utf-8") == written
    page.write("one", table, path)
    assert path.read_text(encoding="utf-8") == written
    for name in ("three", "end of one"):
        with pytest.raises(ValueError, match="must have the lines"):
            page.write(name, "text", path)
    with pytest.raises(ValueError, match="2 cells"):
        page.table(["a", "b"], [[1]])
    assert path.read_text(encoding="utf-8") == written


def test_the_page_has_every_mark_once_and_closed(page):
    text = page.PAGE.read_text(encoding="utf-8")
    names = [line[5:-4] for line in text.splitlines() if line.startswith("<!-- ") and line.endswith(" -->")]
    assert "paper" in names
    assert len(set(names)) == len(names)
    for name, end in zip(names[::2], names[1::2], strict=True):
        assert end == f"end of {name}"


def test_tables_are_whole_and_what_is_said_of_them_stands_in_them(page):
    text = page.PAGE.read_text(encoding="utf-8")
    parts = [part for part in text.split("\n## ") if re.search("\n<!-- (paper|remedies)", part)]
    assert len(parts) >= 2
    for part in parts:
        marked = "".join(
            found[1] for found in re.findall(r"<!-- (paper.*?|remedies) -->(.*?)<!-- end of \1 -->", part, re.DOTALL)
        )
        tables = [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", marked, re.MULTILINE)]
        assert len(tables) >= 3
        for table in tables:
            assert len({len(re.split(r"(?<!\\)\|", line)) for line in table}) == 1
            assert "nan" not in "".join(table)
        said = set(re.findall(r"(?<![\w.])[+-]?\.\d{3}\b|\b\d+ ?%", part.replace(marked, "")))
        measured = re.findall(r"[+-]?\.\d{3}|\d+%", marked)
        assert said
        assert {each.replace(" ", "") for each in said} <= set(measured)
    for name in re.findall(r"\]\((images/paper_\w+\.png)\)", text):
        assert (page.PAGE.parent / name).read_bytes().startswith(b"\x89PNG")
