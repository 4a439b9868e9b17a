"""Layers of a network in TensorBoard: few charts, in order of depth, under the same names in each training."""

from __future__ import annotations

import dataclasses

import pytest
from event_files import by_plugin, read, scalars
from figures.made_report import ATTACKS, make_report, with_explainers

from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.explained import charted, numbered, profiles
from keras_advxai.tensorboard.pictures import figures_of

DEPTHS = [9, 3, 4, 12, *range(20, 29)]
"""Of 13 layers, not in their order."""
LAST = "grad_cam_conv2d_19"


def layered(first):
    """The report of 13 layers, whose numbers Keras begins with some other one, and of Integrated Gradients."""
    own = make_report(chance=True)
    layers = {f"grad_cam_conv2d_{first + place}": [f"conv2d_{first + place}"] for place in range(len(DEPTHS))}
    layers["grad_cam_backbone-conv2d_2"] = layers.pop(f"grad_cam_conv2d_{first}") and ["backbone/conv2d_2"]
    depths = dict(zip(layers, [[depth] for depth in (*DEPTHS[1:], DEPTHS[0])], strict=True))
    chosen = {**dict.fromkeys(layers, "grad_cam"), "integrated_gradients": "integrated_gradients"}
    report = with_explainers(own, chosen)
    return dataclasses.replace(report, provenance={**report.provenance, "layers": layers, "depths": depths})


def test_names_are_in_order_of_depth_and_the_same_in_each_training():
    names = []
    for first in (7, 93):
        report = layered(first)
        ((family, found),) = profiles(report).items()
        assert family == "grad_cam"
        assert [report.provenance["depths"][name][0] for name in found] == sorted(DEPTHS)
        names.append(list(numbered(report, found).values()))
    assert names[0] == names[1] == sorted(names[0])
    assert names[0][:4] == ["01_conv2d", "02_conv2d", "03_backbone.conv2d", "04_conv2d"]
    assert charted(layered(7)) == {LAST: "grad_cam", "integrated_gradients": "integrated_gradients"}


def test_there_are_few_charts_a_number_for_each_layer_and_a_profile(tmp_path):
    report = layered(7)
    with ReportWriter(tmp_path) as writer:
        writer.write(report, 0)
    found, clean = scalars(tmp_path, "eps_16_255"), scalars(tmp_path, "clean")
    shown = {tag for tag in (*found, *clean) if not tag.startswith("~")}
    assert shown == {
        *(
            f"{where}/{what}/{attack}"
            for where, attack in zip(("advxai", "advxai_controls"), ATTACKS, strict=True)
            for what in ("accuracy", "mod/grad_cam")
        ),
        *(f"advxai_vid/grad_cam/{attack}" for attack in ATTACKS),
    }
    names = profiles(report)["grad_cam"]
    for attack in ATTACKS:
        for name, layer in numbered(report, names).items():
            tag = f"~advxai_layers/mod/grad_cam/{attack}/{layer}"
            assert found[tag] == {0: pytest.approx(report.mod(attack, name, 16 / 255))}
            assert clean[tag] == {0: pytest.approx(0.25)}
    assert len([tag for tag in found if "_layers/" in tag]) == 2 * 13
    assert set(by_plugin(read(tmp_path, "eps_16_255"), "histograms")) == {
        f"advxai_nissim/grad_cam/{a}" for a in ATTACKS
    }
    drawn = {tag: draw for tag, _, draw in figures_of(report, None)}
    assert list(drawn) == ["advxai_report/1_drift", "advxai_report/2_depth/grad_cam"]
    assert len(drawn["advxai_report/1_drift"]().axes) == 3  # accuracy, the deepest layer, Integrated Gradients
    (line, *_) = drawn["advxai_report/2_depth/grad_cam"]().axes[0].lines
    assert len(line.get_xdata()) == 13


def test_two_scores_are_two_profiles_and_one_layer_is_none():
    report = with_explainers(
        make_report(), dict.fromkeys(["grad_cam_a", "grad_cam_b", "grad_cam_a_probability"], "grad_cam")
    )
    layers = {name: [name.split("_")[2]] for name in report.explainers}
    report = dataclasses.replace(report, provenance={**report.provenance, "layers": layers})
    assert profiles(report) == {"grad_cam": ("grad_cam_a", "grad_cam_b")}
    assert charted(report) == {"grad_cam_b": "grad_cam", "grad_cam_a_probability": "grad_cam_a_probability"}
