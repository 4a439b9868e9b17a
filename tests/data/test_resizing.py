"""Image files resized as Keras' own loader resizes them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

import keras_advxai as kax

SIZES = [(40, 60), (64, 30), (9, 11)]
"""Of the files: wide, high, and smaller than what they become."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    draw = np.random.default_rng(1)
    for place, size in enumerate(SIZES):
        for name, shape in (("colour", (*size, 3)), ("gray", size)):
            (root / name).mkdir(exist_ok=True)
            Image.fromarray(draw.integers(0, 256, shape, dtype="uint8")).save(root / name / f"{place}.png")
    return root


def by_keras(folder, channels, **settings):
    mode = "rgb" if channels == 3 else "grayscale"
    given = {"shuffle": False, "image_size": (24, 20), "color_mode": mode, "verbose": False, "batch_size": 32}
    ((x, y),) = keras.utils.image_dataset_from_directory(folder, **given, **settings)
    return x.numpy(), y.numpy()


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_bilinear_pixels_are_those_of_keras_loader(folder, crop, channels):
    given = {"size": (24, 20), "channels": channels, "crop": crop}
    x, y = kax.data.load(folder, **given, interpolation="bilinear")[0]
    expected, labels = by_keras(folder, channels, crop_to_aspect_ratio=crop)
    np.testing.assert_array_equal(y, labels)
    # Of colour as gray, TensorFlow and Pillow weigh the channels with as many digits as they like.
    alike = slice(3, None) if channels == 1 else slice(None)
    np.testing.assert_allclose(x[alike], expected[alike], atol=1e-3)
    np.testing.assert_allclose(x, expected, atol=1.0)
    smooth, _ = kax.data.load(folder, **given)[0]
    assert np.abs(smooth - expected)[0].mean() > 10  # noise, of which the other averages


def test_a_share_of_the_middle_and_bounds(folder):
    given = {"size": (10, 15), "interpolation": "bilinear", "crop": 0.5, "bounds": (-1, 1)}
    x = kax.data.load(folder / "gray", labels=False, channels=1, **given)[0]
    whole = np.asarray(Image.open(folder / "gray" / "0.png"), "float32")
    np.testing.assert_allclose(
        x[0, ..., 0], whole[10:30, 15:45].reshape(10, 2, 15, 2).mean((1, 3)) / 127.5 - 1, atol=1e-5
    )


@pytest.mark.parametrize("given", ["nearest", None, True, ["bilinear"]])
def test_another_interpolation_is_refused(folder, given):
    with pytest.raises(ValueError, match=r"must be bicubic or bilinear\. Received: interpolation="):
        kax.data.load(folder, size=8, interpolation=given)
