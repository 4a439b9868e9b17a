"""Montages: three panels and a caption that fits below them."""

from __future__ import annotations

import numpy as np
import pytest
from figures.made_report import NAN, make_example

from keras_advxai.figures.overlay import change, overlay
from keras_advxai.tensorboard.montage import caption, description, is_drawable, montage

BLANK = np.zeros((5, 6))


def example_of(height: int, width: int, channels: int = 3, **changes):
    image = np.full((height, width, channels), 0.5, "float32")
    heatmap = np.ones((height, width), "float32")
    return make_example(image=image, adversarial=image, heatmap=heatmap, adversarial_heatmap=heatmap, **changes)


def test_small_images_are_enlarged_by_whole_pixels():
    example = make_example()
    picture = montage(example)
    assert picture.dtype == "uint8"
    assert picture.shape[1] == 3 * 6 * 20 + 2 * 4
    left, middle, right = picture[:100, :120], picture[:100, 124:244], picture[:100, 248:]
    expected = (
        overlay(example.image, example.heatmap),
        overlay(example.adversarial, example.adversarial_heatmap),
        change(example.heatmap, example.adversarial_heatmap),
    )
    for panel, pixels in zip((left, middle, right), expected, strict=True):
        np.testing.assert_array_equal(panel[10::20, 10::20], np.round(pixels * 255))
        np.testing.assert_array_equal(panel, panel[10::20, 10::20].repeat(20, axis=0).repeat(20, axis=1))
    assert (picture[:100, 120:124] == 255).all()
    assert (picture[:100, 244:248] == 255).all()


@pytest.mark.parametrize(
    ("height", "width", "panel"),
    [
        (25, 25, (100, 100)),
        (96, 96, (96, 96)),
        (224, 224, (224, 224)),
        (10, 40, (100, 400)),
        (3, 300, (3, 300)),
        (40, 1500, (14, 500)),
        (600, 30, (300, 15)),
    ],
)
def test_size(height, width, panel):
    picture = montage(example_of(height, width, channels=1))
    assert picture.shape[1] == max(3 * panel[1] + 8, 296)
    scale = max(1, picture.shape[1] // 340)
    assert picture.shape[0] == panel[0] + scale * (3 * 14 + 8)


@pytest.mark.parametrize("side", [25, 96, 112, 172, 224])
def test_the_caption_is_written_and_not_cut_off(side):
    example = example_of(side, side, adversarial_confidence=1.0, dissimilarity=0.123)
    picture = montage(example, ["Chesapeake_Bay_retriever", "American_Staffordshire_terrier"])
    text = picture[-50 * max(1, picture.shape[1] // 340) :]
    ink = text.min(axis=-1) < 128
    assert ink.any()
    for edge in (ink[:1], ink[-1:], ink[:, :1], ink[:, -1:]):
        assert not edge.any()


def test_caption_says_predictions_and_nissim():
    assert caption(make_example(), ["cat", "dog"]) == [
        "original: cat 90.0 %",
        "adversarial: dog 60.0 %, flipped",
        "NISSIM 0.500",
    ]
    assert caption(make_example(adversarial_prediction=0))[1] == "adversarial: class 0 60.0 %"


def test_caption_tells_blank_heatmaps():
    assert caption(make_example(heatmap=BLANK, dissimilarity=NAN))[2] == "NISSIM -, blank: original"
    both = make_example(heatmap=BLANK, adversarial_heatmap=BLANK, dissimilarity=NAN)
    assert caption(both)[2] == "NISSIM -, blank: original and adversarial"


def test_texts_are_ascii():
    assert caption(make_example(), ["Kätzchen", "dog"])[0] == "original: K?tzchen 90.0 %"
    assert description(make_example(), "Kätzchen").isascii()


def test_description_holds_for_all_steps():
    text = description(make_example(index=3), "dog")
    assert text.startswith("Image 3, labelled dog. fgsm at epsilon 8/255, heatmaps of grad_cam")
    assert "labelled" not in description(make_example(), None)
    assert description(make_example(dissimilarity=0.1, adversarial_prediction=0), "dog") == description(
        make_example(), "dog"
    )


def test_numbers_that_are_not_finite_cannot_be_drawn():
    assert is_drawable(make_example())
    for name in ("image", "adversarial", "heatmap", "adversarial_heatmap"):
        assert not is_drawable(make_example(**{name: np.full((5, 6), NAN)}))
