"""The confidence figure: its points are the numbers, and what has none is marked."""

from __future__ import annotations

import io
import types

import numpy as np
import pytest
from figures.layout import check_layout, words
from figures.made_report import NAN, make_report
from matplotlib._pylab_helpers import Gcf

from keras_advxai import figures
from keras_advxai.measurements.scores import ScoreComparison, ScoredImages

NONE = np.zeros(4, bool)
EXPLAINERS = ("grad_cam", "integrated_gradients")


def make_images(log_odds=(-1.0, 0.5, 3.0, 9.0), **changes):
    """Four images, the last with a blank map of `grad_cam` and a gradient of zero."""
    odds = np.array(log_odds)
    last = np.arange(4) == 3
    found = {
        "confidence": 1 / (1 + np.exp(-odds)),
        "log_odds": odds,
        "nissim": {"grad_cam": np.array([0.1, 0.2, 0.3, 0.4]), "integrated_gradients": np.array([0.0, 0.1, 0.5, NAN])},
        "blank": {"grad_cam": last, "integrated_gradients": NONE},
        "zero_gradient": last,
    }
    return types.SimpleNamespace(**{**found, **changes})


def unmarked(**changes):
    return make_images(**{"blank": dict.fromkeys(EXPLAINERS, NONE), "zero_gradient": NONE, **changes})


def points(line):
    return [(x, y) for x, y in zip(*line.get_data(), strict=True) if np.isfinite(y)]


def rows(axes):
    """The names of the rows below the points, with their heights."""
    return {
        label.get_text(): place
        for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        if label.get_text().replace(" ", "").isalpha()
    }


def test_points_are_log_odds_and_nissim():
    figure = figures.confidence({"original": unmarked(), "adversarial": unmarked(log_odds=(0.0, 1.0, 2.0, 3.0))})
    assert len(figure.axes) == 2
    for axes, odds in zip(figure.axes, ((-1.0, 0.5, 3.0, 9.0), (0.0, 1.0, 2.0, 3.0)), strict=True):
        first, hollow, second, _ = axes.lines
        assert points(first) == list(zip(odds, (0.1, 0.2, 0.3, 0.4), strict=True))
        assert points(second) == list(zip(odds[:3], (0.0, 0.1, 0.5), strict=True))
        assert not points(hollow)
        assert first.get_color() != second.get_color()
        assert first.get_marker() != second.get_marker()
        assert not rows(axes)


def test_panels_have_the_same_scales_and_say_whose_they_are():
    figure = figures.confidence({"original": make_images(), "adversarial": unmarked(log_odds=(0.0, 1.0, 20.0, 30.0))})
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    assert words(figure)[:3] == [
        "NISSIM between heatmaps without and with softmax",
        "original",
        "median confidence 78.8 %",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(EXPLAINERS)


def test_blank_maps_are_hollow_and_have_a_row():
    (axes,) = figures.confidence({"original": make_images()}).axes
    full, hollow = axes.lines[:2] if axes.lines[0].get_label() == "grad_cam" else axes.lines[1:3]
    assert [x for x, _ in points(full)] == [-1.0, 0.5, 3.0]
    assert points(hollow) == [(9.0, 0.4)]
    assert hollow.get_markerfacecolor() == "none"
    marks = rows(axes)
    assert list(marks) == ["blank", "zero gradient"]
    assert max(marks.values()) < 0
    drawn = [point for line in axes.lines if len(line.get_xdata()) for point in points(line)]
    assert drawn.count((9.0, marks["blank"])) == 1
    assert drawn.count((9.0, marks["zero gradient"])) == 1


def test_only_the_rows_that_are_needed():
    (axes,) = figures.confidence({"original": make_images(zero_gradient=NONE)}).axes
    assert list(rows(axes)) == ["blank"]


def test_infinite_log_odds_stand_at_the_end_and_unknown_ones_nowhere():
    images = unmarked(log_odds=(NAN, 0.0, 10.0, np.inf))
    (axes,) = figures.confidence({"original": images}).axes
    low, high = axes.get_xlim()
    assert low < 0 < 10 < high < 12
    assert [x for x, _ in points(axes.lines[0]) if np.isfinite(x)] == [0.0, 10.0, high]
    check_layout(figures.confidence({"original": unmarked(log_odds=(np.inf,) * 4)}))


def test_probabilities_stand_above():
    (axes,) = figures.confidence({"original": unmarked(log_odds=(-0.5, 1.0, 3.0, 9.0))}).axes
    (above,) = axes.child_axes
    assert next(text.get_text() for text in above.get_xticklabels()) == "50 %"
    for place, text in zip(above.get_xticks(), above.get_xticklabels(), strict=True):
        share = float(text.get_text().removesuffix(" %")) / 100
        assert 1 / (1 + np.exp(-place)) == pytest.approx(share, abs=1e-6)


def test_a_comparison_is_enough():
    report = make_report()
    scored = ScoredImages(
        log_odds=np.array([0.0, 1.0]),
        nissim={"grad_cam": np.array([0.25, 0.5])},
        blank_logit={"grad_cam": NONE[:2]},
        blank_probability={"grad_cam": NONE[:2]},
        zero_gradient_logit=NONE[:2],
        zero_gradient=NONE[:2],
    )
    pairs = {"grad_cam": "grad_cam_probability"}
    comparison = ScoreComparison(scored, scored, pairs, "fgsm", report.epsilons[0], report.provenance)
    figure = figures.confidence(comparison)
    assert words(figure)[:2] == ["NISSIM without and with softmax, fgsm at epsilon 8/255", "original"]
    assert points(figure.axes[1].lines[0]) == [(0.0, 0.25), (1.0, 0.5)]


def test_title():
    assert words(figures.confidence({"original": unmarked()}, title="cats"))[0] == "cats"


@pytest.mark.parametrize("top", [0.001, 0.9])
@pytest.mark.parametrize("odds", [(0.0, 0.0, 0.0, 0.0), (-1.0, 2.0, 5.0, 9.0), (-80.0, 2.0, 5.0, 90.0)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_texts_have_room(count, odds, top):
    long = "class_activation_map_conv5_block3_out"
    images = make_images(
        log_odds=odds,
        nissim={name: np.array([0.0, 0.1, 0.5, 1.0]) * top for name in (*EXPLAINERS, long)},
        blank=dict.fromkeys((*EXPLAINERS, long), ~NONE),
    )
    check_layout(figures.confidence({f"group {number}": images for number in range(count)}))


def test_can_be_saved_and_leaves_nothing_in_pyplot():
    file = io.BytesIO()
    figures.confidence({"original": make_images()}).savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()


@pytest.mark.parametrize("wrong", [make_images(), [make_images()], 3, None])
def test_other_things_are_refused(wrong):
    with pytest.raises(TypeError, match="ScoreComparison or a mapping from names"):
        figures.confidence(wrong)


def test_images_that_lack_something_are_refused():
    with pytest.raises(ValueError, match=r"at least one group of images\. Received: none"):
        figures.confidence({})
    with pytest.raises(TypeError, match=r"'original' with a dict without 'confidence'"):
        figures.confidence({"original": {}})
    with pytest.raises(ValueError, match="of the same explainers"):
        figures.confidence({"original": make_images(nissim={})})
    one = {"nissim": {"grad_cam": np.zeros(4)}, "blank": {"grad_cam": NONE}}
    with pytest.raises(ValueError, match=r"'b' with \['grad_cam'\]"):
        figures.confidence({"a": make_images(), "b": make_images(**one)})
    with pytest.raises(ValueError, match=r"zero_gradient of shape \(3,\) and log_odds of shape \(4,\)"):
        figures.confidence({"original": make_images(zero_gradient=NONE[:3])})
