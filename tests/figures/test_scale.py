"""The colour scale of a figure: what it shows changes, what it is given does not."""

from __future__ import annotations

import numpy as np
import pytest
from figures.made_report import NAN, make_example
from matplotlib.figure import Figure

from keras_advxai.figures.overlay import overlay
from keras_advxai.figures.scale import HeatScale, heat_scale, views

RAMP = np.linspace(0, 1, 100).reshape(10, 10)


def sparse(value: float) -> np.ndarray:
    heatmap = np.full((20, 20), value)
    heatmap[3, 4] = 1
    return heatmap


@pytest.mark.parametrize(
    ("heatmaps", "peak"),
    [
        ([RAMP], 1.0),
        ([sparse(0.61)], 0.7),
        ([sparse(0.3)], 0.3),
        ([sparse(0.021)], 0.03),
        ([sparse(0.0021)], 0.01),
        ([sparse(0.95)], 1.0),
        ([sparse(0.1), RAMP], 1.0),
        ([sparse(0.1), np.zeros((50, 50))], 0.1),
        ([np.zeros((5, 5))], 1.0),
    ],
)
def test_the_peak_leaves_out_few_pixels_that_stand_out(heatmaps, peak):
    assert heat_scale(heatmaps).peak == peak


def test_a_peak_may_be_chosen():
    assert heat_scale([RAMP], 0.25).peak == 0.25
    assert heat_scale([RAMP], np.float32(0.5), root=True) == HeatScale(0.5, root=True)


def test_below_the_peak_colours_are_those_of_the_share_of_it():
    image = np.full((10, 10), 0.5)
    np.testing.assert_allclose(HeatScale(0.5).overlay(image, RAMP), overlay(image, np.minimum(2 * RAMP, 1)))
    np.testing.assert_allclose(HeatScale(1.0, True).overlay(image, RAMP), overlay(image, np.sqrt(RAMP)))
    np.testing.assert_array_equal(HeatScale().overlay(image, RAMP), overlay(image, RAMP))


@pytest.mark.parametrize(
    ("scale", "label", "ticks"),
    [
        (HeatScale(), "heat on gray", ["0", "0.5", "1"]),
        (HeatScale(0.7), "heat on gray, cut at 0.7", ["0", "0.35", "0.7+"]),
        (HeatScale(1.0, True), "heat on gray, square root", ["0", "0.1", "0.5", "1"]),
        (HeatScale(0.02), "heat on gray, cut at 0.02", ["0", ".01", ".02+"]),
        (HeatScale(0.2, True), "heat on gray, square root, cut at 0.2", ["0", "0.02", "0.1", "0.2+"]),
    ],
)
def test_the_bar_says_what_the_colours_mean(scale, label, ticks):
    figure = Figure()
    axes = figure.subplots()
    scale.draw(figure, axes, 8)
    assert scale.label == label
    assert [text.get_text() for text in axes.get_yticklabels()] == ticks
    assert axes.get_ylim() == (0, scale.peak)


def test_small_images_are_shown_as_they_are():
    example = make_example()
    for (image, heatmap), pixels, heat in zip(
        views(example, 6),
        (example.image, example.adversarial),
        (example.heatmap, example.adversarial_heatmap),
        strict=True,
    ):
        np.testing.assert_allclose(image, pixels.repeat(3, axis=-1))
        np.testing.assert_array_equal(heatmap, heat)


def test_of_large_ones_blocks_show_the_mean_and_the_largest_heat():
    example = make_example()
    (image, heatmap), _ = views(example, 3)  # 5x6 pixels in blocks of 2x2, the last row in blocks of 1x2
    assert image.shape == (3, 3, 3)
    assert image[0, 1, 0] == pytest.approx(example.image[:2, 2:4].mean())
    assert image[2, 2, 0] == pytest.approx(example.image[4:, 4:].mean())
    np.testing.assert_array_equal(heatmap, example.heatmap[::2, ::2])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"heatmap.*\(5, 6\).*\(6, 5\)"):
        views(make_example(heatmap=np.zeros((6, 5))), 9)
    with pytest.raises(ValueError, match="finite"):
        views(make_example(adversarial=np.full((5, 6, 1), NAN)), 9)


@pytest.mark.parametrize("peak", [0, -1, 1.5, NAN])
def test_peaks_out_of_range_are_refused(peak):
    with pytest.raises(ValueError, match=f"`peak` must be the heat.*peak={peak}"):
        heat_scale([RAMP], peak)


@pytest.mark.parametrize("peak", ["0.5", True, [0.5]])
def test_other_peaks_are_refused(peak):
    with pytest.raises(TypeError, match="`peak` must be a number"):
        heat_scale([RAMP], peak)
