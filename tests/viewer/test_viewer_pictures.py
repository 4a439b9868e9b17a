"""Pictures for the viewer: what a browser reads is what was measured, and it is small."""

from __future__ import annotations

import dataclasses
import io
import itertools

import numpy as np
import pytest
from figures.made_report import make_example
from PIL import Image

from keras_advxai.viewer import png
from keras_advxai.viewer import sheets as module
from keras_advxai.viewer.own_size import at_own_size, enlarged
from keras_advxai.viewer.pictures import pictures, sizes
from keras_advxai.viewer.sheets import KEY, sheets

EPSILONS = (2 / 255, 8 / 255)
LEVELS = {"fgsm": EPSILONS, "noise": EPSILONS}


def read(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def tile(where, found, place):
    """One tile, as the browser finds it."""
    height, width = where["tile"]
    each = where["columns"] * where["rows"]
    row, column = divmod(place % each, where["columns"])
    sheet = read(found[where["keys"][place // each]])
    return sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]


@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (40, 30, 3), (5, 1, 3), (9, 6, 4)])
def test_a_png_has_the_pixels_and_nothing_else(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    smooth = np.broadcast_to(np.linspace(0, 255, shape[0]).reshape(-1, *[1] * (len(shape) - 1)), shape).astype("uint8")
    for given in (pixels, smooth):
        content = png.encode(given)
        np.testing.assert_array_equal(read(content), given)
        assert png.is_png(content)
        assert not png.is_png(b"GIF89a" + content)
        assert content.count(b"IDAT") == 1
        assert b"gAMA" not in content
        assert b"iCCP" not in content
        quick = png.encode(given, quick=True)
        np.testing.assert_array_equal(read(quick), given)
        assert quick.count(b"IDAT") == 1


def test_a_quick_picture_is_little_larger():
    """Of a montage: enlarged pixels, a smooth part, and gaps that are transparent."""
    generator = np.random.default_rng(0)
    pixels = np.full((100, 204, 4), 255, "uint8")
    pixels[:, :100, :3] = generator.integers(0, 256, (25, 25, 3), "uint8").repeat(4, 0).repeat(4, 1)
    pixels[:, 100:104] = 0
    pixels[:, 104:, :3] = np.linspace(0, 255, 100).astype("uint8")[:, None, None]
    quick, small = png.encode(pixels, quick=True), png.encode(pixels)
    np.testing.assert_array_equal(read(quick), pixels)
    assert len(quick) < 1.2 * len(small)


def test_what_is_no_picture_is_refused():
    for wrong in (np.zeros((2, 2)), np.zeros((2, 2, 2), "uint8"), np.zeros((0, 2), "uint8"), np.zeros(4, "uint8")):
        with pytest.raises(ValueError, match="must be uint8"):
            png.encode(wrong)


@pytest.mark.parametrize(
    ("own", "full"), [((7, 7), (28, 28)), ((3, 5), (25, 25)), ((12, 12), (96, 96)), ((1, 4), (9, 16))]
)
def test_heatmaps_are_brought_back_to_the_size_of_their_layer(own, full):
    import tensorflow as tf

    small = np.random.default_rng(1).random((4, *own)).astype("float32")
    small[2] = 0  # a blank one
    large = tf.image.resize(small[..., None], full).numpy()[..., 0]
    found = at_own_size(large)
    assert found.shape == small.shape
    np.testing.assert_allclose(found, small, atol=1e-5)
    np.testing.assert_allclose(enlarged(found, full), large, atol=1e-5)


def test_heatmaps_that_were_not_interpolated_stay_as_they_are():
    maps = np.random.default_rng(2).random((3, 20, 20))
    np.testing.assert_array_equal(at_own_size(maps), maps)
    one = np.zeros((3, 20, 20))
    one[1, 4, 7] = 1  # the others are simpler
    np.testing.assert_array_equal(at_own_size(one), one)


def test_tiles_lie_where_the_sheets_say():
    tiles = [np.full((30, 50, 3), place, "uint8") for place in range(90)]
    where, found = sheets(tiles)
    assert all(KEY.fullmatch(key) for key in found)
    assert [int(tile(where, found, place).max()) for place in range(90)] == list(range(90))
    large = [np.full((1500, 900), place, "uint8") for place in range(5)]
    where, found = sheets(large)
    assert len(where["keys"]) == 3
    assert [int(tile(where, found, place).min()) for place in range(5)] == list(range(5))


def test_a_sheet_that_was_compressed_is_not_compressed_again(monkeypatch):
    made = []
    monkeypatch.setattr(module, "encode", lambda pixels: made.append(pixels.shape) or png.encode(pixels))
    kept = module._Encoded(200)
    dark, light = np.zeros((8, 8), "uint8"), np.full((8, 8), 9, "uint8")
    for _ in range(3):
        assert kept.png(dark.copy()) == png.encode(dark)
        assert kept.png(light) == png.encode(light)
    assert len(made) == 2
    flat = dark.reshape(4, 16)  # the same bytes in another shape are another picture
    assert read(kept.png(flat)).shape == (4, 16)
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), "uint8")
    kept.png(noise)  # about 140 bytes, beside which one of about 70 would be too much
    kept.png(noise)
    assert len(made) == 4
    assert kept.png(dark) == png.encode(dark)
    assert len(made) == 5


def examples(channels=3, size=12, epsilons=EPSILONS):
    """Two images: fgsm steps along one sign, noise anywhere; heatmaps of 3x3 at one explainer."""
    generator = np.random.default_rng(3)
    made = []
    for index in (4, 9):
        image = generator.integers(0, 256, (size, size, channels)) / 255
        signs = generator.choice([-1, 1], image.shape)
        for attack, epsilon in itertools.product(("fgsm", "noise"), epsilons):
            change = signs * epsilon if attack == "fgsm" else generator.uniform(-epsilon, epsilon, image.shape)
            maps = enlarged(generator.random((2, 3, 3)), (size, size))
            own = {"image": image, "adversarial": np.clip(image + change, 0, 1), "heatmap": maps[0] / maps[0].max()}
            made.append(
                make_example(
                    attack=attack, epsilon=epsilon, index=index, adversarial_heatmap=maps[1] / maps[1].max(), **own
                )
            )
    clean = {item.index: item.heatmap for item in made}
    return [dataclasses.replace(item, heatmap=clean[item.index]) for item in made]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_is_got_back_from_the_sheets(channels):
    made = examples(channels)
    where, found = pictures(made, LEVELS, ("grad_cam",))
    assert where["indices"] == [4, 9]
    assert where["size"] == [12, 12]
    maps = where["heatmaps"]["grad_cam"]
    assert maps["tile"] == [3, 3]
    assert not maps["reduced"]
    assert maps["conditions"] == 5
    assert [item["kind"] for item in where["attacks"]["fgsm"]] == ["scaled", "difference"]  # one pattern
    assert [item["kind"] for item in where["attacks"]["noise"]] == ["difference", "difference"]
    for item in made:
        place, level = where["indices"].index(item.index), EPSILONS.index(item.epsilon)
        original = tile(where["images"], found, place).astype(int)
        np.testing.assert_array_equal(original, np.round(255 * item.image).squeeze().astype(int))
        change = where["attacks"][item.attack][level]
        if change["kind"] == "scaled":
            stored = tile(where["attacks"][item.attack][change["of"]], found, place).astype(int) - 128
            shown = np.clip(original + np.sign(stored) * change["step"], 0, 255)
        else:
            shown = original + tile(change, found, place) - 128
        np.testing.assert_array_equal(shown, np.round(255 * item.adversarial).squeeze().astype(int))
        condition = 1 + ["fgsm", "noise"].index(item.attack) * 2 + level
        for number, heatmap in ((0, item.heatmap), (condition, item.adversarial_heatmap)):
            gray = tile(maps, found, 5 * place + number)[None] / 255 * maps["scale"]
            np.testing.assert_allclose(enlarged(gray, (12, 12))[0], heatmap, atol=maps["scale"] / 255)


def test_the_images_of_the_noise_are_left_out_first_and_small_epsilons_before_large_ones():
    made = examples()
    _, whole = pictures(made, LEVELS, ("grad_cam",))
    where, found = pictures(made, dict(reversed(LEVELS.items())), ("grad_cam",), most_bytes=700, last=["noise"])
    assert where["attacks"]["noise"] == [None, None]
    assert [item["kind"] for item in where["attacks"]["fgsm"]] == ["scaled", "difference"]
    assert sizes(where, found)["attacks"] <= 700 < sum(map(len, whole.values()))
    where, _ = pictures(made, dict(reversed(LEVELS.items())), ("grad_cam",), most_bytes=0, last=["noise"])
    assert where["attacks"]["fgsm"] == [None, None]
    assert where["heatmaps"]["grad_cam"]["keys"]  # these are always there


def test_large_changes_are_kept_as_images_and_odd_examples_are_left_out():
    made = examples(epsilons=(0.5, 0.9))
    where, _ = pictures(made, dict.fromkeys(LEVELS, (0.5, 0.9)), ("grad_cam",))
    assert where["attacks"]["noise"][1]["kind"] == "image"
    odd = [dataclasses.replace(made[0], heatmap=np.full((12, 12), np.nan)), *made[1:]]
    where, _ = pictures(odd, dict.fromkeys(LEVELS, (0.5, 0.9)), ("grad_cam",))
    assert where["indices"] == [9]  # the other one lacks a picture
    assert pictures([], {"fgsm": (0.1,)}, ("grad_cam",)) == (None, {})


def test_maps_of_large_images_are_averaged():
    generator = np.random.default_rng(0)
    maps = generator.random((2, 160, 200)) ** 4
    item = make_example(image=np.zeros((160, 200, 1)), adversarial=np.zeros((160, 200, 1)), epsilon=0.1)
    item = dataclasses.replace(item, heatmap=maps[0] / maps[0].max(), adversarial_heatmap=maps[1] / maps[1].max())
    where, found = pictures([item], {"fgsm": (0.1,)}, ("grad_cam",))
    kept = where["heatmaps"]["grad_cam"]
    assert kept["reduced"]
    assert kept["tile"] == [67, 84]
    assert [int(tile(kept, found, place).max()) for place in (0, 1)] == [255, 255]
