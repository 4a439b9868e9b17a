"""Images of another shape than the model takes: the message says what makes the right ones of them."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_advxai as kax
from keras_advxai.models.shape_hint import shape_hint

L = keras.layers


def net(*shape):
    return keras.Sequential([L.Input(shape), L.GlobalAveragePooling2D(), L.Dense(2)])


@pytest.mark.parametrize(
    ("takes", "received", "said"),
    [
        ((28, 28, 1), (28, 28, 3), "kax.data.load(..., channels=1)"),
        ((28, 28, 3), (28, 28, 1), "kax.data.load(..., channels=3)"),
        ((28, 28, 3), (28, 28, 4), "x[..., :3] leaves it out"),
        ((28, 28, 4), (28, 28, 3), "read with 1 or 3 channels: pass arrays with 4"),
        ((28, 28, 3), (3, 28, 28), "np.moveaxis(x, 1, -1)"),
        ((3, 28, 28), (28, 28, 3), "np.moveaxis(x, -1, 1)"),
        ((28, 20, 1), (30, 30, 1), "size=(28, 20)"),
        ((None, None, 1), (30, 30, 3), "kax.data.load(..., channels=1)"),
    ],
)
def test_each_difference_has_its_way_out_and_no_other(takes, received, said):
    (sentence,) = [item for item in re.split(r"(?<=\.) (?=[A-Z])", shape_hint(takes, received).strip()) if item]
    assert said in sentence


def test_size_and_channels_are_both_said():
    text = shape_hint((28, 28, 1), (50, 40, 3))
    assert "channels=1" in text
    assert "size=(28, 28)" in text


@pytest.mark.parametrize(("takes", "received"), [((28, 28, 3), (28, 28, 7)), ((8, 3), (9, 3)), ((8, 1, 2), (9, 1, 2))])
def test_where_nobody_knows_nothing_is_said(takes, received):
    assert shape_hint(takes, received) == ""


@pytest.mark.parametrize("mode", ["gray", "colour"])
@pytest.mark.parametrize("channels", [1, 4])
def test_a_folder_for_a_model_of_other_channels(tmp_path, mode, channels):
    for index, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        pixels = np.full((6, 6, 1 if mode == "gray" else 3), 100.0 * index)
        keras.utils.save_img(tmp_path / name / "0.png", pixels, scale=False)
    way = {1: "kax.data.load(..., channels=1)", 4: "pass arrays with 4"}[channels]
    settings = {"bounds": (0, 255), "explainers": (), "epsilons": [0.1], "progress": False}
    with pytest.raises(ValueError, match=re.escape(way)):
        kax.evaluate(net(6, 6, channels), kax.data.load(tmp_path), **settings)
    if channels == 1:  # and the way leads there
        assert len(kax.evaluate(net(6, 6, 1), kax.data.load(tmp_path, channels=1), **settings).samples) == 2


def test_what_a_preprocessing_leaves_as_it_is_has_the_same_way_out():
    x = np.zeros((2, 6, 6, 3), "float32")
    with pytest.raises(ValueError, match=re.escape("channels=1")):
        kax.evaluate(net(6, 6, 1), x, preprocess=tf.image.flip_up_down, explainers=(), progress=False)
