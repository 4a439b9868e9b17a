"""The figures of a comparison: their curves are its numbers."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from comparison.made_reports import EPSILONS, made
from matplotlib.colors import to_rgba

from keras_advxai import figures
from keras_advxai.comparison import Comparison

LAYERS = ("grad_cam", "grad_cam_first", "grad_cam_middle")
PROVENANCE = {
    "layers": {"grad_cam": ["last"], "grad_cam_first": ["first"], "grad_cam_middle": ["middle"]},
    "depths": {"grad_cam": [5], "grad_cam_first": [1], "grad_cam_middle": [2]},
}
MODELS = ("one", "$1", "third")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    one, several, third = made(0), [made(1), made(2)], made(3)
    return Comparison(dict(zip(MODELS, (one, several, third), strict=True)))


def drawn(figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    return file.getvalue()


def test_accuracy_and_mod_of_each_model_stand_against_epsilon(comparison):
    figure = figures.models(comparison)
    accuracy, mods = figure.axes
    assert (accuracy.get_title(), mods.get_title()) == ("accuracy", "MOD of grad_cam")
    for place, model in enumerate(MODELS):
        of_attack, of_noise = accuracy.lines[2 * place : 2 * place + 2]
        for line, attack in ((of_attack, "fgsm"), (of_noise, "uniform_noise")):
            shares = [comparison.value(model, "accuracy", attack=attack, epsilon=each) for each in EPSILONS]
            np.testing.assert_array_equal(line.get_xdata(), [0, *EPSILONS])
            np.testing.assert_array_equal(line.get_ydata(), [comparison.value(model, "clean_accuracy"), *shares])
        for line, attack in zip(mods.lines[2 * place : 2 * place + 2], ("fgsm", "uniform_noise"), strict=True):
            expected = [comparison.value(model, "mod", attack=attack, epsilon=each) for each in EPSILONS]
            np.testing.assert_array_equal(line.get_ydata(), expected)
            assert line.get_color() == of_attack.get_color()
        # A band and a bar of chance for each, in the model's colour.
        band, bar = mods.collections[2 * place : 2 * place + 2]
        reports = comparison.reports[model]
        chance = np.mean([report.chance("grad_cam") for report in reports])
        np.testing.assert_allclose(bar.get_segments()[0][:, 1], chance)
        assert bar.get_color()[0].tolist() == list(to_rgba(of_attack.get_color()))
        heights = band.get_paths()[0].vertices[:, 1]
        middle = comparison.value(model, "mod", epsilon=0.1)
        if len(reports) == 1:
            low, high = reports[0].mod_interval("fgsm", "grad_cam", 0.1)
        else:
            std = np.std([report.mod("fgsm", "grad_cam", 0.1) for report in reports], ddof=1)
            low, high = middle - std, middle + std
        assert np.isclose(heights, low).any()
        assert np.isclose(heights, high).any()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(MODELS)
    assert figure.get_suptitle() == (
        "fgsm, 12 images; bands: 95 % intervals, of several runs their standard deviation; dotted: uniform_noise"
    )
    assert drawn(figure).startswith(b"\x89PNG")


def test_accuracy_stands_against_mod(comparison):
    figure = figures.trade_off(comparison)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == len(EPSILONS)]
    for line, model in zip(lines, MODELS, strict=True):
        mods, shares = (
            [comparison.value(model, what, epsilon=each) for each in EPSILONS] for what in ("mod", "accuracy")
        )
        np.testing.assert_array_equal(line.get_xdata(), mods)
        np.testing.assert_array_equal(line.get_ydata(), shares)
    assert figure.get_suptitle() == "fgsm, 12 images: points grow with epsilon, 0.02 to 0.1"
    markers = [line.get_markersize() for line in axes.lines if line.get_linestyle() == "None"]
    assert markers == [4, 9] * len(MODELS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(MODELS)
    assert drawn(figure).startswith(b"\x89PNG")


def test_of_regressions_the_change_of_the_outputs_is_drawn():
    comparison = Comparison({"one": made(0, outputs=2), "other": [made(1, outputs=2), made(2, outputs=2)]})
    change = figures.models(comparison).axes[0]
    assert change.get_title() == "mean absolute change of the output"
    for line, model in zip(change.lines[::2], ("one", "other"), strict=True):
        expected = [0, *(comparison.value(model, "mean_change", epsilon=each) for each in EPSILONS)]
        np.testing.assert_array_equal(line.get_ydata(), expected)
    assert len(change.collections) == 1  # the standard deviation of two runs
    (axes,) = figures.trade_off(comparison).axes
    assert axes.get_ylabel() == "mean absolute change of the output"
    np.testing.assert_array_equal(
        axes.lines[0].get_ydata(), [comparison.value("one", "mean_change", epsilon=each) for each in EPSILONS]
    )


def test_mod_stands_against_relative_depth():
    reports = {
        "one": made(0, explainers=LAYERS, **PROVENANCE),
        "other": [made(seed, explainers=LAYERS, **PROVENANCE) for seed in (1, 2)],
    }
    comparison = Comparison(reports)
    figure = figures.relative_depth(comparison)
    (axes,) = figure.axes
    order = ["grad_cam_first", "grad_cam_middle", "grad_cam"]
    for place, (model, runs) in enumerate(comparison.reports.items()):
        attacked, noise, chance = axes.lines[3 * place : 3 * place + 3]
        np.testing.assert_array_equal(attacked.get_xdata(), [0, 0.25, 1])
        for line, attack in ((attacked, "fgsm"), (noise, "uniform_noise")):
            expected = np.mean([[run.mod(attack, name, 0.1) for name in order] for run in runs], axis=0)
            np.testing.assert_array_equal(line.get_ydata(), expected)
        np.testing.assert_array_equal(
            chance.get_ydata(), np.mean([[run.chance(name) for name in order] for run in runs], axis=0)
        )
        assert comparison.profile(model).layers == ("first", "middle", "last")
    assert figure.get_suptitle() == "fgsm at 0.1, 12 images; dotted: uniform_noise; dashed: chance"
    assert drawn(figure).startswith(b"\x89PNG")
    other = {"layers": PROVENANCE["layers"], "depths": {**PROVENANCE["depths"], "grad_cam": [7]}}
    runs = [made(1, explainers=LAYERS, **PROVENANCE), made(2, explainers=LAYERS, **other)]
    with pytest.raises(ValueError, match="have other layers: they are no runs of one model"):
        figures.relative_depth(Comparison({"one": reports["one"], "other": runs}))


def test_what_cannot_be_drawn_is_refused(comparison):
    for draw in (figures.models, figures.trade_off, figures.relative_depth):
        with pytest.raises(TypeError, match=r"must be a Comparison\. Received: EvaluationReport"):
            draw(made(0))
        with pytest.raises(ValueError, match="Not all models have the attack 'pgd'"):
            draw(comparison, attack="pgd")
    with pytest.raises(ValueError, match="compare with every_layer=True"):
        figures.relative_depth(comparison)


def test_names_of_many_epsilons_have_room():
    epsilons = tuple(level / 255 for level in (1, 2, 4, 8, 12, 16, 24, 32))
    figure = figures.models(Comparison({name: made(place, epsilons=epsilons) for place, name in enumerate("ab")}))
    drawn(figure)
    for axes in figure.axes:
        labels = sorted(axes.get_xticklabels(), key=lambda text: text.get_position()[0])
        assert [text.get_text() for text in labels] == ["0", "4/255", "8/255", "16/255", "24/255", "32/255"]
        boxes = [text.get_window_extent() for text in labels]
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
