"""Overlays: colour is heat, and nothing else is coloured."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from keras_advxai.figures import overlay
from keras_advxai.figures.overlay import as_rgb, change

RAMP = np.linspace(0, 1, 12).reshape(3, 4)


def test_without_heat_the_image_shows_as_it_is():
    gray = np.random.default_rng(0).random((3, 4, 1))
    np.testing.assert_allclose(overlay(gray, np.zeros((3, 4))), gray.repeat(3, axis=-1), rtol=1e-6)


def test_full_heat_and_full_alpha_is_the_colour_map():
    shown = overlay(np.full((3, 4), 0.3), np.ones((3, 4)), colormap="magma", alpha=1.0)
    np.testing.assert_allclose(shown, np.broadcast_to(matplotlib.colormaps["magma"](1.0)[:3], (3, 4, 3)), rtol=1e-6)


def test_a_pixel_computed_by_hand():
    (shown,) = overlay(np.full((1, 1, 1), 0.5), np.full((1, 1), 0.25))[0]
    color = np.array(matplotlib.colormaps["viridis"](0.25)[:3])
    np.testing.assert_allclose(shown, 0.6 * 0.5 + 0.4 * color, rtol=1e-6)  # 0.8 * sqrt(0.25) = 0.4


def test_colours_of_the_image_do_not_pass_for_heat():
    red = np.zeros((3, 4, 3))
    red[..., 0] = 1.0
    shown = overlay(red, np.zeros((3, 4)))
    np.testing.assert_allclose(shown, 0.2126, rtol=1e-6)


def test_result_is_rgb_in_the_unit_range():
    shown = overlay(np.random.default_rng(1).random((3, 4, 3)), RAMP)
    assert shown.shape == (3, 4, 3)
    assert shown.dtype == "float32"
    assert shown.min() >= 0
    assert shown.max() <= 1


@pytest.mark.parametrize("channels", [2, 4, 12])
def test_other_numbers_of_channels_show_their_mean(channels):
    image = np.random.default_rng(2).random((3, 4, channels))
    np.testing.assert_allclose(as_rgb(image), image.mean(axis=-1, keepdims=True).repeat(3, axis=-1))


def test_channel_axis_of_a_heatmap_may_be_there():
    image = np.full((3, 4), 0.5)
    np.testing.assert_array_equal(overlay(image, RAMP[..., None]), overlay(image, RAMP))


@pytest.mark.parametrize("option", [{"colormap": "magma"}, {"alpha": 0.3}])
def test_every_option_changes_the_result(option):
    image = np.full((3, 4), 0.5)
    assert not np.allclose(overlay(image, RAMP, **option), overlay(image, RAMP))


def test_arguments_are_not_changed():
    image, heatmap = np.full((3, 4, 1), 0.5), RAMP.copy()
    overlay(image, heatmap)
    assert (image == 0.5).all()
    np.testing.assert_array_equal(heatmap, RAMP)


def test_change_is_white_for_none_red_for_more_blue_for_less():
    none, more, less = change(np.array([[0.5, 0.0, 1.0]]), np.array([[0.5, 1.0, 0.0]]))[0]
    assert none.min() > 0.95
    assert more[0] > 2 * more[2]
    assert less[2] > 2 * less[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3, 4, 1)), RAMP), r"one image.*\(2, 3, 4, 1\)"),
        ((np.zeros((0, 4, 1)), RAMP), r"one image.*\(0, 4, 1\)"),
        ((np.full((3, 4), 255.0), RAMP), r"`image`.*255.*Scale it"),
        ((np.full((3, 4), np.nan), RAMP), r"`image`.*nan"),
        ((np.zeros((3, 4)), RAMP.T), r"`heatmap`.*\(3, 4\).*\(4, 3\)"),
        ((np.zeros((3, 4)), 2 * RAMP), r"`heatmap`.*0 to 2.*maximum"),
        ((np.zeros((3, 4)), np.full((3, 4), np.nan)), r"`heatmap`.*nan"),
    ],
)
def test_wrong_arrays_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        overlay(*arguments)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"colormap": "hot pink"}, "colormap='hot pink'"), ({"alpha": 1.5}, "alpha=1.5")],
)
def test_wrong_options_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        overlay(np.zeros((3, 4)), RAMP, **option)
