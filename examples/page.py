"""Write a part of docs/what_moves_explanations.md, whose tables are measured by programs of this folder."""

import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "what_moves_explanations.md"


def write(name, text, page=PAGE):
    """Put a text between `<!-- name -->` and `<!-- end of name -->`, in the place of what stood there.

    Args:
        name: What the marks are called.
        text: Markdown, such as that of `table`.
        page: Path of the page. Defaults to docs/what_moves_explanations.md.
    """
    path = pathlib.Path(page)
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} must have the lines {begin} and {end}, in this order.")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def table(heading, rows):
    """A table in Markdown.

    Args:
        heading: What the columns are called.
        rows: A list of cells for each row: text, or numbers as they are to be shown.
    """
    lines = [heading, ["---"] * len(heading), *rows]
    if any(len(line) != len(heading) for line in lines):
        raise ValueError(f"Each row must have {len(heading)} cells, as the heading has.")
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
