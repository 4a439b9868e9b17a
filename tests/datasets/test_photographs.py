"""Photographs as networks are tested on them: cropped, and then resized."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import skimage.transform

from keras_advxai.datasets import photographs


def test_what_comes_back():
    x, y, names = photographs.load_data(64)
    assert (x.shape, x.dtype, y.dtype) == ((4, 64, 64, 3), np.float32, np.int32)
    assert y.tolist() == [872, 967, 665, 657]
    assert names == ("camera.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
    assert x.min() >= 0
    assert 200 < x.max() <= 255
    again, _, _ = photographs.load_data(64)
    np.testing.assert_array_equal(again, x)


def test_it_is_the_middle_of_the_photograph():
    x, _, _ = photographs.load_data(64)
    coffee = skimage.data.coffee().astype("float64")
    side = 0.875 * min(coffee.shape[:2])
    top, left = (round((length - side) / 2) for length in coffee.shape[:2])
    middle = coffee[top : top + round(side), left : left + round(side)]
    expected = skimage.transform.resize(middle, (64, 64), order=3, anti_aliasing=True)
    assert np.abs(x[1] - expected).mean() < 4  # other filters of the same crop; the whole photograph is 30 away
    whole = skimage.transform.resize(coffee, (64, 64), order=3, anti_aliasing=True)
    assert np.abs(x[1] - whole).mean() > 15


@pytest.mark.parametrize("size", [0, -1, 2.5, "224", True])
def test_a_size_is_a_number_of_pixels(size):
    with pytest.raises((TypeError, ValueError), match="`size`"):
        photographs.load_data(size)
