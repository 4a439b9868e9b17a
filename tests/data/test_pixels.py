"""Image files of every kind as the pixels that one sees."""

from __future__ import annotations

import struct

import keras
import numpy as np
import pytest
from PIL import Image

from keras_advxai.data.pictures import ImageFileError, Picture

SCENE = np.zeros((24, 40, 3), "uint8")
SCENE[:, :20] = (200, 40, 90)
SCENE[:12, 20:] = (10, 220, 60)
SCENE[12:, 20:] = (30, 60, 250)


@pytest.fixture
def saved(tmp_path):
    def save(image, name, **options):
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.PNG"])
def test_what_loses_nothing_is_what_was_written(name, saved):
    found = Picture().read(saved(SCENE, name))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, SCENE)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.gif"])
def test_others_are_what_keras_reads(name, saved):
    path = saved(SCENE, name)
    np.testing.assert_array_equal(Picture().read(path), keras.utils.img_to_array(keras.utils.load_img(path)))
    np.testing.assert_allclose(Picture().read(path)[4, 4], SCENE[4, 4], atol=8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_upright(orientation, saved):
    turned = {
        1: SCENE,
        2: SCENE[:, ::-1],
        3: SCENE[::-1, ::-1],
        4: SCENE[::-1],
        5: SCENE.swapaxes(0, 1),
        6: np.rot90(SCENE),
        7: SCENE[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(SCENE, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(np.ascontiguousarray(turned), "a.png", exif=exif)
    np.testing.assert_array_equal(Picture().read(path), SCENE)


def test_sixteen_bits_are_scaled_and_gray_is_repeated(saved):
    values = np.array([[0, 257, 65535], [32896, 100, 514]], "uint16")
    path = saved(values, "a.png")
    for channels in (1, 3):
        found = Picture(channels=channels).read(path)
        assert found.shape == (2, 3, channels)
        np.testing.assert_allclose(found, np.repeat(values[..., None] / 257, channels, -1), rtol=1e-6)


def tiff(path, values, bits=16, photometric=1, form=1, packed=None):
    """A gray TIFF as Pillow does not write it: with 12 bits, with signs, or with 0 for white."""
    pixels = values.astype("<u2" if bits == 16 else "<u4").tobytes() if packed is None else packed
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height}
    tags |= {279: len(pixels), 339: form}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    return path


def test_gray_tiffs_are_scaled_by_their_own_bits_or_refused(tmp_path):
    values = np.array([[0, 257], [65535, 32896]])
    path = tmp_path / "a.tif"
    np.testing.assert_allclose(Picture(channels=1).read(tiff(path, values))[..., 0], values / 257, rtol=1e-6)
    negative = Picture(channels=1).read(tiff(path, values, photometric=0))[..., 0]
    np.testing.assert_allclose(negative, 255 - values / 257, atol=1e-4)
    twelve = tiff(path, values, bits=12, packed=bytes.fromhex("000fff" + "800001"))
    np.testing.assert_allclose(
        Picture(channels=1).read(twelve)[..., 0], np.array([[0, 4095], [2048, 1]]) / 4095 * 255, rtol=1e-5
    )
    for options, what in (({"bits": 32}, "numbers of 32 bits"), ({"form": 2}, "signed numbers of 16 bits")):
        with pytest.raises(ImageFileError, match=f"it holds {what}, and nothing says which of them are black"):
            Picture().read(tiff(path, values, **options))
    Image.fromarray(values.astype("float32")).save(path)
    with pytest.raises(ImageFileError, match="it holds floats"):
        Picture().read(path)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA", "CMYK", "RGB"])
def test_every_mode_becomes_the_channels_that_are_asked_for(mode, saved):
    name = "a.tif" if mode == "CMYK" else "a.png"
    path = saved(Image.fromarray(SCENE).convert(mode), name)
    with Image.open(path) as file:
        colour, gray = (np.asarray(file.convert(form), "float32") for form in ("RGB", "L"))
    np.testing.assert_array_equal(Picture().read(path), colour)
    # Of colour to gray there is one formula, of gray to gray none is needed.
    np.testing.assert_allclose(Picture(channels=1).read(path)[..., 0], gray, atol=0.51)


def test_of_an_animation_the_first_frame_counts(saved):
    frames = [Image.fromarray(np.full((8, 8), value, "uint8")) for value in (10, 120, 240)]
    path = saved(frames[0], "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(Picture(channels=1).read(path), 10)


def test_the_middle_is_cropped_or_all_of_it_stretched(saved):
    ramp = np.broadcast_to(np.arange(40, dtype="uint8")[None], (20, 40))
    path = saved(np.ascontiguousarray(ramp), "a.png")
    found = {crop: Picture((10, 10), crop, channels=1).read(path)[5, :, 0] for crop in (True, 0.5, False)}
    # The centres of ten columns that divide the middle 20, the middle 10 and all 40 of them.
    for crop, width in ((True, 20), (0.5, 10), (False, 40)):
        centres = 19.5 + (np.arange(10) - 4.5) * width / 10
        np.testing.assert_allclose(found[crop][2:-2], centres[2:-2], atol=0.6)
    tall = Picture((20, 5), True, channels=1).read(path)
    assert tall.shape == (20, 5, 1)
    np.testing.assert_allclose(tall[5, :, 0], 19.5 + np.arange(-2, 3), atol=1)


def test_a_size_is_that_of_the_file_unless_it_is_said(saved):
    assert Picture().read(saved(SCENE, "a.png")).shape == (24, 40, 3)


def test_bicubic_resizing_stays_within_the_pixels(saved):
    edge = np.zeros((16, 16), "uint16")
    edge[:, 8:] = 65535
    found = Picture((40, 40)).read(saved(edge, "a.png"))
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a"])
def test_what_is_no_image_is_named(content, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match=r"broken\.png: "):
        Picture().read(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_a_truncated_file_is_named(name, saved):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")
    path = saved(noise, name)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageFileError, match=r"truncated|broken|incomplete"):
        Picture().read(path)


def test_a_file_that_says_it_has_too_many_pixels_is_not_decoded(saved, monkeypatch):
    monkeypatch.setattr("keras_advxai.data.pictures.MOST_PIXELS", 900)
    with pytest.raises(ImageFileError, match=r"a\.png: it has 40 x 24 pixels, and at most 900 are read"):
        Picture().read(saved(SCENE, "a.png"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 4}, "`channels` must be 1 or 3. Received: channels=4"),
        ({"size": (0, 3)}, "`size` must be an integer of at least 1"),
        ({"crop": 1.5}, r"`crop` must be True, False, or the share .* Received: crop=1.5"),
        ({"crop": "True"}, "Received: crop='True'"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        Picture(**options)
