"""Montages: six panels and no words; the words are those of the card."""

from __future__ import annotations

import numpy as np
import pytest
from figures.made_report import NAN, make_example

from keras_advxai.figures.overlay import as_rgb, change, overlay
from keras_advxai.tensorboard.montage import description, is_drawable, montage


def test_six_panels_of_whole_pixels_with_nothing_between():
    example = make_example()
    picture = montage(example)
    assert picture.dtype == "uint8"
    assert picture.shape == (2 * 100 + 4, 3 * 120 + 2 * 4, 4)
    original, adversarial = as_rgb(example.image), as_rgb(example.adversarial)
    expected = [
        [original, adversarial, np.clip(0.5 + 10 * (adversarial - original), 0, 1)],
        [
            overlay(example.image, example.heatmap),
            overlay(example.adversarial, example.adversarial_heatmap),
            change(example.heatmap, example.adversarial_heatmap),
        ],
    ]
    assert np.ptp(expected[0][2]) == 1
    for row, panels in enumerate(expected):
        for column, pixels in enumerate(panels):
            panel = picture[104 * row :][:100, 124 * column :][:, :120]
            np.testing.assert_array_equal(panel[10::20, 10::20, :3], np.round(pixels * 255))
            np.testing.assert_array_equal(panel, panel[10::20, 10::20].repeat(20, axis=0).repeat(20, axis=1))
            assert (panel[..., 3] == 255).all()
    assert not picture[100:104].any()
    assert not picture[:, 120:124].any()


@pytest.mark.parametrize(
    ("height", "width", "panel"),
    [(25, 25, (100, 100)), (224, 224, (224, 224)), (3, 300, (3, 300)), (40, 1500, (14, 500)), (600, 30, (300, 15))],
)
def test_size(height, width, panel):
    image, heatmap = np.full((height, width, 1), 0.5, "float32"), np.ones((height, width), "float32")
    example = make_example(image=image, adversarial=image, heatmap=heatmap, adversarial_heatmap=heatmap)
    assert montage(example).shape == (2 * panel[0] + 4, 3 * panel[1] + 8, 4)


def test_description_holds_for_all_steps():
    text = description(make_example(index=3), "dog")
    assert text.startswith("Image 3, labelled dog. fgsm at epsilon 8/255. Above: the original, the adversarial image,")
    assert "the heatmaps of grad_cam over both images, and what changed" in text
    assert "labelled" not in description(make_example(), None)
    same = description(make_example(dissimilarity=0.1, adversarial_prediction=0), "dog")
    assert same == description(make_example(), "dog")
    assert description(make_example(), "Kätzchen").isascii()


def test_numbers_that_are_not_finite_cannot_be_drawn():
    assert is_drawable(make_example())
    for name in ("image", "adversarial", "heatmap", "adversarial_heatmap"):
        assert not is_drawable(make_example(**{name: np.full((5, 6), NAN)}))
