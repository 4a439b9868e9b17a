"""Image files and tables as they come out of damaged disks and strangers' hands: refused in one way, or read."""

from __future__ import annotations

import io
import random
import warnings

import numpy as np
import pytest
from PIL import Image, features

import keras_advxai as kax
from keras_advxai.data import ImageFileError
from keras_advxai.data.pictures import Picture

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", *(("WEBP",) if features.check("webp") else ()))
MODES = ("RGB", "L", "P", "RGBA", "I;16")
PICTURE = Picture((12, 9))


def originals() -> list[bytes]:
    """A file of each format and mode that go together."""
    scene = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype="uint8")
    found = []
    for mode in MODES:
        image = Image.fromarray(scene[..., 0].astype("uint16") * 257) if mode == "I;16" else Image.fromarray(scene)
        for form in FORMATS:
            content = io.BytesIO()
            try:
                (image if mode == "I;16" else image.convert(mode)).save(content, form)
            except OSError:  # this format has no such mode
                continue
            found.append(content.getvalue())
    return found


def damaged(content: bytes, draw: random.Random) -> bytes:
    """A file that was changed in some place."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        place = draw.randrange(len(changed) or 1)
        match draw.choice(("flip", "cut", "insert", "header", "swap", "zero")):
            case "flip" if changed:
                changed[place] ^= 1 << draw.randrange(8)
            case "cut":
                del changed[place:]
            case "insert":
                changed[place:place] = draw.randbytes(draw.choice((1, 4, 300)))
            case "header":  # where sizes, lengths and kinds stand
                changed[:40] = bytes(
                    draw.choice((0, 255, byte)) if draw.random() < 0.1 else byte for byte in changed[:40]
                )
            case "swap":
                changed[place : place + 4] = changed[place : place + 4][::-1]
            case "zero":
                changed[place : place + 64] = bytes(len(changed[place : place + 64]))
    return bytes(changed)


def read_damaged_images(count: int, folder) -> dict[str, int]:
    found = {"refused": 0, "read": 0}
    sources = originals()
    assert len(sources) > 15
    for number in range(count):
        draw = random.Random(number)
        path = folder / draw.choice(("a.png", "a.jpg"))  # Pillow looks at the content alone
        path.write_bytes(damaged(sources[number % len(sources)], draw))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pixels, said = None, ""
            try:
                pixels = PICTURE.read(path)
            except ImageFileError as error:
                said = str(error)
        if pixels is None:
            assert str(path) in said
            assert len(said) < 1000
            found["refused"] += 1
            continue
        assert pixels.shape == (12, 9, 3)
        assert pixels.dtype == np.float32
        assert ((pixels >= 0) & (pixels <= 255)).all()
        found["read"] += 1
    return found


def test_damaged_images_are_refused_or_pixels(tmp_path):
    found = read_damaged_images(300, tmp_path)
    assert min(found.values()) > 50


@pytest.mark.slow
def test_two_thousand_damaged_images_are_refused_or_pixels(tmp_path):
    found = read_damaged_images(2000, tmp_path)
    assert min(found.values()) > 300


CELLS = (
    "a.png",
    "b/c.png",
    "none.png",
    "1",
    "2",
    "cat",
    "",
    " ",
    '"',
    '""',
    "\0",
    "\ud800",
    "../up.png",
    "a" * 5000,
    "/",
)
JOINTS = (",", ",", ",", "\n", "\n", ";", "\t", '"', "\r", "\r\n", "\ufeff", "")


def read_strange_tables(count: int, folder) -> dict[str, int]:
    for name in ("a.png", "b/c.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), "uint8")).save(folder / name)
    found = {"refused": 0, "read": 0}
    table = folder / "table.csv"
    for number in range(count):
        draw = random.Random(number)
        usual = draw.random() < 0.4
        cells = ("a.png,1\n", "b/c.png,0\n", "a.png,7\n") if usual else CELLS
        text = "".join(draw.choice(cells) + ("" if usual else draw.choice(JOINTS)) for _ in range(draw.randrange(8)))
        content = text.encode("utf-8", "surrogatepass")
        table.write_bytes(damaged(content, draw) if draw.random() < 0.5 else content)
        data, said = None, ""
        try:
            data = kax.data.load(table, size=8)
        except ValueError as error:
            said = str(error)
        if data is None:
            assert "table.csv" in said
            assert len(said) < 1000
            found["refused"] += 1
            continue
        assert set(data.names) <= {"a.png", "b/c.png", "../up.png"} or all(
            (folder / name).exists() for name in data.names
        )
        assert data.labels is None or (len(data.labels) == len(data.names) and data.labels.min() >= 0)
        data[0]
        assert not data.skipped
        found["read"] += 1
    return found


def test_strange_tables_are_refused_or_read(tmp_path):
    found = read_strange_tables(300, tmp_path)
    assert min(found.values()) > 30


@pytest.mark.slow
def test_two_thousand_strange_tables_are_refused_or_read(tmp_path):
    found = read_strange_tables(2000, tmp_path)
    assert min(found.values()) > 200


@pytest.mark.parametrize("name", ["a" * 200, "ä ö.png", "-o.png", "a\nb.png", "<b>.png", "$(x).png", "%s.png"])
def test_names_of_files_are_names(name, tmp_path):
    (tmp_path / "images").mkdir()
    name = name if name.endswith(".png") else f"{name}.png"
    Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / "images" / name, "PNG")
    assert kax.data.load(tmp_path / "images", size=8).names == (name,)
