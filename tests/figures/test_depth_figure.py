"""The depth figure: its lines are the report's numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest

import keras_advxai as kax
from keras_advxai import figures
from keras_advxai.explainers import GradCAM

EPSILONS = (0.1, 0.02)


@pytest.fixture(scope="module")
def report(model, few):
    return kax.evaluate(model, few, explainers=GradCAM.every_layer(model), epsilons=EPSILONS, progress=False)


@pytest.mark.slow
def test_one_panel_for_each_attack_and_one_line_for_each_epsilon(report):
    figure = figures.depth(report)
    assert [axes.get_title() for axes in figure.axes] == ["fgsm", "uniform_noise"]
    for axes, attack in zip(figure.axes, report.attacks, strict=True):
        profile = report.depth_profile(attack)
        *lines, chance = axes.lines
        np.testing.assert_array_equal(chance.get_ydata(), [report.chance(name) for name in profile.explainers])
        for line, epsilon in zip(lines, sorted(EPSILONS), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), profile.mod[:, EPSILONS.index(epsilon)])
        assert [text.get_text() for text in axes.get_xticklabels()] == ["conv1", "conv2", "conv3"]
    legend = figure.axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0.02", "0.1", "chance"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_report_without_layers_is_refused(model, few):
    report = kax.evaluate(model, few, explainers=(), epsilons=EPSILONS, progress=False)
    with pytest.raises(ValueError, match="one layer each"):
        figures.depth(report)
    with pytest.raises(TypeError, match=r"must be an EvaluationReport. Received: dict"):
        figures.depth(report.to_dict())
