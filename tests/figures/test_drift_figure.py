"""The drift figure: its lines are the report's numbers."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from figures.made_report import EPSILONS, make_report, with_explainers, without_explainers
from matplotlib._pylab_helpers import Gcf

from keras_advxai import figures


@pytest.fixture(scope="module")
def report():
    return make_report()


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def saved(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    return file.getvalue()


def test_one_panel_for_accuracy_and_one_for_each_explainer(report):
    figure = figures.drift(report)
    assert [axes.get_title() for axes in figure.axes] == [
        "accuracy under attack",
        "MOD of grad_cam",
        "MOD of integrated_gradients",
    ]
    assert figure.get_suptitle() == "net, 6 images, heatmaps of the predicted class; bands: 95 % intervals"
    assert saved(figure).startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()


def test_accuracy_starts_at_the_clean_accuracy(report):
    for line, attack in zip(figures.drift(report).axes[0].lines, report.attacks, strict=True):
        np.testing.assert_allclose(line.get_xdata(), [0, *EPSILONS])
        expected = [report.clean_accuracy, *(report.accuracy(attack, epsilon) for epsilon in EPSILONS)]
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_accuracy_with_its_interval(report):
    axes = figures.drift(report).axes[0]
    for band, attack in zip(axes.collections, report.attacks, strict=True):
        ends = [report.accuracy_interval(None), *(report.accuracy_interval(attack, epsilon) for epsilon in EPSILONS)]
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices.round(9)}
        places = np.repeat([0, *EPSILONS], 2)
        assert set(zip(places.round(9), np.ravel(ends).round(9), strict=True)) <= corners


def test_mod_with_its_interval(report):
    axes = figures.drift(report).axes[1]
    for line, band, attack in zip(axes.lines, axes.collections, report.attacks, strict=True):
        mods = [report.mod(attack, "grad_cam", epsilon) for epsilon in EPSILONS]
        np.testing.assert_allclose(line.get_ydata(), mods)
        intervals = [report.mod_interval(attack, "grad_cam", epsilon) for epsilon in EPSILONS]
        heights = band.get_paths()[0].vertices[:, 1]
        assert set(np.ravel(intervals).round(9)) <= set(heights.round(9))


def test_legends_tell_vid(report):
    figure = figures.drift(report)
    assert legend(figure.axes[0]) == ["fgsm", "uniform_noise"]
    assert legend(figure.axes[1])[0] == f"fgsm, VID {report.vid('fgsm', 'grad_cam'):.3f}"
    assert legend(figure.axes[2]) == ["fgsm, VID -", "uniform_noise, VID -"]


def test_chance_is_a_line_above_the_curves():
    report = make_report(chance=True)
    figure = figures.drift(report)
    *curves, line = figure.axes[1].lines
    assert len(curves) == len(report.attacks)
    assert set(line.get_ydata()) == {report.chance("grad_cam")}
    assert report.chance("grad_cam") == pytest.approx(0.25)
    assert legend(figure.axes[1])[-1] == "chance 0.250"
    assert len(figure.axes[2].lines) == len(report.attacks)  # of blank heatmaps there is none
    assert figure.axes[1].get_ylim()[1] > 0.25


def test_legends_tell_of_budgets_that_were_not_used():
    report = make_report()
    norms = np.array(EPSILONS)[None, :, None].repeat(2, 0).repeat(6, 2) * np.array([0.5, 1.0])[:, None, None]
    arrays = {**report.measurements.arrays, "perturbation_norm": norms.astype("float32")}
    found = type(report.measurements)(report.measurements.coordinates, arrays)
    first, second = legend(figures.drift(dataclasses.replace(report, measurements=found)).axes[1])
    assert first.endswith(", 50.0 % of budget")
    assert "budget" not in second
    distance = np.full((2, 6), [[0.1], [-1]], "float32")
    found = type(found)(found.coordinates, {**arrays, "distance": distance})
    assert legend(figures.drift(dataclasses.replace(report, measurements=found)).axes[1])[0].endswith(
        ", nearest misclassified"
    )


def test_legends_do_not_hide_data(report):
    figure = figures.drift(report)
    saved(figure)
    for axes in figure.axes:
        assert not axes.get_legend().get_window_extent().overlaps(axes.get_window_extent())


def test_attacks_differ_in_colour_line_and_marker():
    names = ("fgsm", "pgd", "cw", "spsa", "uniform_noise", "uniform_noise_l2")
    lines = figures.drift(make_report(attacks=names)).axes[0].lines
    for looks in ("get_color", "get_marker"):
        assert len({getattr(line, looks)() for line in lines}) == len(names)
    assert len({str(line._dash_pattern) for line in lines}) == len(names)


def test_epsilons_are_drawn_in_order():
    lines = figures.drift(make_report(epsilons=(0.2, 0.1))).axes[0].lines
    assert list(lines[0].get_xdata()) == [0, 0.1, 0.2]


def test_ticks_are_the_epsilons():
    axes = figures.drift(make_report()).axes[0]
    assert {text.get_text() for text in axes.get_xticklabels()} == {"0", "8/255", "16/255"}


def test_panels_of_mod_have_one_scale(report):
    axes = figures.drift(report).axes
    assert axes[1].get_ylim() == axes[2].get_ylim()


def test_many_panels_stand_in_rows_of_four(report):
    names = [f"explainer_{number}" for number in range(5)]
    figure = figures.drift(with_explainers(report, dict.fromkeys(names, "grad_cam")))
    saved(figure)
    places = [axes.get_position() for axes in figure.axes]
    assert len({round(place.y0, 3) for place in places}) == 2
    assert [place.y0 < places[0].y0 for place in places] == [False] * 4 + [True] * 2
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes]
    assert not any(legends[0].overlaps(axes.get_window_extent()) for axes in figure.axes)


@pytest.mark.parametrize("epsilons", [(0.1,), (0.0,), (0.001, 0.0011, 0.2)])
def test_any_epsilons(epsilons):
    assert saved(figures.drift(make_report(epsilons=epsilons)))


def test_an_evaluation_without_explainers(report):
    figure = figures.drift(without_explainers(report))
    assert [axes.get_title() for axes in figure.axes] == ["accuracy under attack"]
    assert saved(figure)


def test_without_labels_accuracy_is_called_agreement():
    axes = figures.drift(make_report(labels="clean prediction")).axes[0]
    assert axes.get_title() == "agreement with the clean prediction"


def test_a_report_from_a_file_is_enough(report, tmp_path):
    report.to_json(tmp_path / "report.json")
    again = type(report).from_json(tmp_path / "report.json")
    assert len(figures.drift(again).axes) == 3


def test_dollar_signs_are_not_formulas(report):
    assert saved(figures.drift(dataclasses.replace(report, provenance={**report.provenance, "model": "$a_b"})))


def test_a_panel_shows_the_dissimilarity_that_is_asked_for():
    report = make_report(metrics=("nissim", "own"))
    figure = figures.drift(report, metric="own")
    assert [axes.get_title() for axes in figure.axes] == [
        "accuracy under attack",
        "MOD of grad_cam (own)",
        "MOD of integrated_gradients (own)",
    ]
    for line, band, attack in zip(figure.axes[1].lines, figure.axes[1].collections, report.attacks, strict=True):
        mods = [report.mod(attack, "grad_cam", epsilon, metric="own") for epsilon in EPSILONS]
        np.testing.assert_allclose(line.get_ydata(), mods)
        intervals = [report.mod_interval(attack, "grad_cam", epsilon, metric="own") for epsilon in EPSILONS]
        assert set(np.ravel(intervals).round(9)) <= set(band.get_paths()[0].vertices[:, 1].round(9))
    assert legend(figure.axes[1])[0] == f"fgsm, VID {report.vid('fgsm', 'grad_cam', metric='own'):.3f}"
    assert figures.drift(report).axes[1].get_title() == "MOD of grad_cam"
    np.testing.assert_allclose(2 * np.array(mods), figures.drift(report).axes[1].lines[1].get_ydata())
    with pytest.raises(ValueError, match=r"has no metric 'owm'. Did you mean 'own'"):
        figures.drift(report, metric="owm")


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="Received: dict"):
        figures.drift({})


@pytest.mark.slow
def test_an_attack_may_be_called_like_a_formula_that_is_none():
    figure = figures.drift(make_report(attacks=(r"$\invalid$", "uniform_noise")))
    figure.savefig(io.BytesIO())
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == r"$\invalid$"
