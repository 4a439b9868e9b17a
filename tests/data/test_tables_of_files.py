"""From a table of files and labels to data that an evaluation takes."""

from __future__ import annotations

import numpy as np
import pytest
from image_files import write

import keras_advxai as kax


@pytest.mark.parametrize("header", ["path,label\n", ""])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table(header, mark, animals):
    table = animals.parent / "table.csv"
    table.write_text(f"{mark}{header}animals/dog/1.png,dog\n\nanimals/cat/a.png, cat\n", encoding="utf-8")
    data = kax.data.load(table, size=8)
    assert data.names == ("animals/dog/1.png", "animals/cat/a.png")
    assert (data.labels.tolist(), data.class_names) == ([1, 0], ("cat", "dog"))
    table.write_text("animals/dog/1.png,7\nanimals/cat/a.png,3\n")
    assert kax.data.load(table, size=8).labels.tolist() == [7, 3]
    table.write_text("animals/dog/1.png\nanimals/cat/a.png\n")
    assert kax.data.load(table, size=8).labels is None


def test_a_table_of_numbers(animals):
    table = animals.parent / "numbers.csv"
    table.write_text("path, cat ,dog\nanimals/dog/1.png,0,1\nanimals/cat/a.png,-2.5,1e3\n")
    data = kax.data.load(table, size=8, numbers=True)
    assert (data.labels.dtype, data.labels.tolist()) == (np.float32, [[0, 1], [-2.5, 1000]])
    assert data.class_names == ("cat", "dog")
    assert data[0][1].tolist() == data.labels.tolist()
    assert kax.data.load(table, size=8, numbers=True, limit=1).labels.tolist() == [[0, 1]]
    assert kax.data.load(table, numbers=True, classes=["a", "b"]).class_names == ("a", "b")
    table.write_text("animals/dog/1.png,0.5\nanimals/cat/a.png,7\n")
    data = kax.data.load(table, size=8, numbers=True)
    assert (data.labels.tolist(), data.class_names) == ([[0.5], [7]], None)
    for unlabelled in ("animals/dog/1.png,\n", "animals/dog/1.png\n"):
        table.write_text(unlabelled)
        assert kax.data.load(table, numbers=True).labels is None
    for wrong, message in {
        "animals/dog/1.png,1,2\nanimals/cat/a.png,3\n": "Line 2 of .* has 2 cells, and the first has 3",
        "animals/dog/1.png,1\nanimals/cat/a.png,x\n": "Line 2 of .* has 'x', which is no number",
        "animals/dog/1.png,1,inf\n": "Line 1 of .* has 'inf', which is no number",
        "animals/dog/1.png,,2\n": "Line 1 of .* has '', which is no number",
    }.items():
        table.write_text(wrong)
        with pytest.raises(ValueError, match=message):
            kax.data.load(table, numbers=True)
    with pytest.raises(ValueError, match=r"The sub-folders of .* are classes"):
        kax.data.load(animals, numbers=True)
    assert kax.data.load(animals / "dog", size=8, numbers=True).labels is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"names no image"),
        ("path,label\n", r"names no image"),
        ("a.png,1\nnone.png,2\n", r"Line 2 of .* names 'none\.png', which is no file"),
        ("a.png,1\na.png\n", "Line 2 of .* has no label, unlike the first"),
        ("a.png\na.png,3\n", "Line 2 of .* has a label, unlike the first"),
    ],
)
def test_tables_that_do_not_fit(text, message, tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        kax.data.load(tmp_path / "table.csv")


@pytest.mark.parametrize("heading", ["", "path{0}label\n", "id{0}Label{0}File\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_tables_of_spreadsheets(animals, separator, heading):
    order = (1, 0) if "File" in heading else (0, 1)
    rows = [("cat/a.png", "1"), ("dog/1.png", "0")]
    lines = [separator.join((["7"] if "id" in heading else []) + [row[at] for at in order]) for row in rows]
    (animals / "table.csv").write_text(heading.format(separator) + "\n".join(lines))
    data = kax.data.load(animals / "table.csv", size=8)
    assert (data.names, data.labels.tolist()) == (("cat/a.png", "dog/1.png"), [1, 0])


def test_what_is_no_table_of_files_says_what_one_is(animals):
    (animals / "table.csv").write_text("1;cat/a.png\n2;dog/1.png\n")
    with pytest.raises(ValueError, match=r"Line 1 of .* names '1;cat/a.png', .*a heading may call the columns path"):
        kax.data.load(animals / "table.csv")
    write(animals / "a, b.png")
    (animals / "table.csv").write_text("a, b.png\n")
    assert kax.data.load(animals / "table.csv").names == ("a, b.png",)


def test_numbers_beside_names(animals):
    """Two classes may share a name, as two of ImageNet do."""
    (animals / "dog").rename(animals / "2")
    data = kax.data.load(animals, classes=["missile", "cat", "missile"])
    assert dict(zip(data.names, data.labels.tolist(), strict=True))["2/1.png"] == 2
    with pytest.raises(ValueError, match=r"several classes 'cat': 1, 2\. Name this folder or label by the number"):
        kax.data.load(animals, classes=["dog", "cat", "cat"])
    with pytest.raises(ValueError, match=r"There is no class '2'\..* after the 2 classes, or by their numbers"):
        kax.data.load(animals, classes=["dog", "cat"])


def test_labels_that_became_floats_are_classes(tmp_path):
    """As pandas writes them in a column with an empty cell; as texts they would be sorted otherwise."""
    for number in range(12):
        write(tmp_path / f"{number}.png")
    (tmp_path / "table.csv").write_text("\n".join(f"{number}.png,{number}.0" for number in range(12)))
    data = kax.data.load(tmp_path / "table.csv")
    assert data.labels.tolist() == list(range(12))
    assert data.class_names is None


def test_numbers_that_are_no_classes_are_refused_unless_they_are_names(animals):
    for labels in (("-1", "0"), ("0.5", "1"), ("1e3", "2")):
        (animals / "t.csv").write_text(f"dog/1.png,{labels[0]}\ncat/a.png,{labels[1]}\n")
        with pytest.raises(ValueError, match=f"There is no class '{labels[0]}': numbers of classes are 0, 1, 2"):
            kax.data.load(animals / "t.csv")
        assert kax.data.load(animals / "t.csv", classes=labels).labels.tolist() == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_tables_in_the_encodings_of_spreadsheets(animals, encoding):
    write(animals / "dog" / "é.png")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (animals / "t.txt").write_bytes(f"{mark}path\tlabel\r\ndog/é.png\tdog\r\ncat/a.png\tcat\r\n".encode(encoding))
    data = kax.data.load(animals / "t.txt")
    assert (data.names, data.labels.tolist()) == (("dog/é.png", "cat/a.png"), [1, 0])


def test_names_of_classes_that_are_numbers_are_names(tmp_path):
    """Keras puts such folders into the order of texts, and calls its classes so."""
    for name in ("1", "2", "10"):
        write(tmp_path / name / "a.png")
    alphabetical = sorted(map(str, range(11)))
    found = kax.data.load(tmp_path, classes=alphabetical)
    assert [alphabetical[label] for label in found.labels] == [name.partition("/")[0] for name in found.names]
    assert kax.data.load(tmp_path).labels.tolist() == [1, 10, 2]


def test_a_file_that_is_not_there_is_no_heading(animals):
    (animals / "table.csv").write_text("cat/gone.png,1\ncat/a.png,0\n")
    with pytest.raises(ValueError, match=r"Line 1 of .* names 'cat/gone.png', which is no file"):
        kax.data.load(animals / "table.csv")
    (animals / "table.csv").write_text("path,fold,what\ncat/a.png,0,1\n")
    with pytest.raises(ValueError, match=r"names several columns beside the path, 'fold', 'what', and none of them a"):
        kax.data.load(animals / "table.csv")
    (animals / "table.csv").write_text("path,fold,class_id\ncat/a.png,0,1\n")
    assert kax.data.load(animals / "table.csv").labels.tolist() == [1]
