"""What the tests of data share."""

from __future__ import annotations

import pytest
from image_files import write


@pytest.fixture
def animals(tmp_path):
    """Three images of two classes, one of them deeper down."""
    for index, name in enumerate(("dog/1.png", "cat/b/2.png", "cat/a.png")):
        write(tmp_path / "animals" / name, 10 * index)
    (tmp_path / "animals" / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "animals" / ".hidden").mkdir()
    write(tmp_path / "animals" / "dog" / ".thumbnail.png")
    return tmp_path / "animals"
