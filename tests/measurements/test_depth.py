"""MOD by layer and epsilon."""

from __future__ import annotations

import numpy as np
import pytest
from made_measurements import make_measurements

import keras_advxai as kax
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.explainers import GradCAM
from keras_advxai.measurements import drift
from keras_advxai.measurements.depth import DepthProfile, depth_profile

EPSILONS = (0.02, 0.1)


@pytest.fixture(scope="module")
def report(model, few) -> EvaluationReport:
    explainers = list(reversed(GradCAM.every_layer(model, kind="all")))
    return kax.evaluate(model, few, explainers=explainers, epsilons=EPSILONS, progress=False)


@pytest.mark.slow
def test_it_is_the_reports_mod_in_the_order_of_the_network(report):
    profile = report.depth_profile("fgsm")
    assert profile.layers == ("conv1", "pool1", "conv2", "pool2", "conv3")
    assert profile.epsilons == EPSILONS
    assert profile.mod.shape == (5, 2)
    for layer, explainer, mods, vid in zip(profile.layers, profile.explainers, profile.mod, profile.vid, strict=True):
        assert explainer == GradCAM(layer=layer).name
        assert mods.tolist() == [report.mod("fgsm", explainer, epsilon) for epsilon in EPSILONS]
        assert vid == pytest.approx(np.std(mods), abs=1e-12)
    assert not np.allclose(profile.mod, report.depth_profile("uniform_noise").mod, atol=1e-3)


def test_it_survives_a_file(report):
    again = EvaluationReport.from_json(report.to_json())
    np.testing.assert_array_equal(again.depth_profile("fgsm").mod, report.depth_profile("fgsm").mod)
    assert again.depth_profile("fgsm").layers == report.depth_profile("fgsm").layers


def test_it_prints_a_line_for_each_layer(report):
    profile = report.depth_profile(kax.attacks.FGSM())
    lines = str(profile).splitlines()
    assert lines[0].strip() == "MOD by layer, fgsm"
    np.testing.assert_allclose(profile.chance, [report.chance(name) for name in profile.explainers])
    used = [f"{100 * report.budget_used('fgsm', epsilon):.0f}" for epsilon in report.epsilons]
    assert [line.split() for line in lines if "budget" in line] == [["budget", "used", used[0], "%", used[1], "%"]]
    cells = [line.split() for line in lines if line.strip().startswith("conv2")]
    assert cells == [["conv2", *(f"{value:.3f}" for value in (*profile.mod[2], profile.vid[2], profile.chance[2]))]]


def test_it_is_a_data_frame_of_layers_and_epsilons(report):
    frame = report.depth_profile("fgsm").to_dataframe()
    assert frame.index.tolist() == ["conv1", "pool1", "conv2", "pool2", "conv3"]
    assert frame.columns.tolist() == list(EPSILONS)
    assert frame.loc["pool1", 0.1] == report.mod("fgsm", GradCAM(layer="pool1"), 0.1)


@pytest.mark.slow
def test_a_report_of_many_layers_prints_the_profiles(model, few):
    both = [*GradCAM.every_layer(model, kind="all"), *GradCAM.every_layer(model, kind="all", score="probability")]
    report = kax.evaluate(model, few, explainers=both, epsilons=EPSILONS, progress=False)
    text = str(report)
    assert text.count("MOD by layer") == 2
    assert "MOD by layer, uniform_noise" in text
    assert len(text.splitlines()) < 60
    assert len(report.select(attack="fgsm", explainer=both[0], epsilon=0.1)) == 6


def made_profile(layers, depths, explainers=None, metric=None):
    return depth_profile(make_measurements(), "pgd_targeted", explainers, layers, depths, metric)


def test_layers_stand_in_the_order_in_which_they_run_whatever_explains_them():
    layers = {"grad_cam": ("late",), "grad_cam_probability": ("early",), "integrated_gradients": ()}
    depths = {"grad_cam": (7,), "grad_cam_probability": (3,), "integrated_gradients": ()}
    found, names = make_measurements(), ("grad_cam_probability", "grad_cam")
    for metric in (None, "nissim", "rank_distance"):
        profile = made_profile(layers, depths, metric=metric)
        assert (profile.layers, profile.explainers) == (("early", "late"), names)
        assert (profile.metric, profile.epsilons) == (metric or "nissim", (0.1, 0.02))
        mods = [
            [drift.mod(found, "pgd_targeted", name, epsilon, metric=metric) for epsilon in (0.1, 0.02)]
            for name in names
        ]
        np.testing.assert_array_equal(profile.mod, mods)
        np.testing.assert_allclose(profile.vid, np.std(mods, axis=1))
        np.testing.assert_array_equal(profile.chance, [drift.chance(found, name, metric=metric) for name in names])
    assert made_profile(layers, depths, ["grad_cam"]).layers == ("late",)
    assert made_profile(layers, {"grad_cam": (1,)}).explainers == names
    assert made_profile(layers, {}).explainers == (
        "grad_cam",
        "grad_cam_probability",
    )  # as they are where none is known


def test_where_several_explainers_look_at_a_layer_these_are_its_labels():
    explainers = tuple(f"explainer{number}" for number in range(300))
    numbers, rows = np.zeros(1), np.zeros((300, 1))

    def labels(layers):
        return DepthProfile("fgsm", "nissim", layers, explainers, (0.1,), rows, rows[:, 0], rows[:, 0], numbers).labels

    every = tuple(f"conv{number}" for number in range(300))
    assert labels(every) == every
    assert labels(("conv1", *every[1:])) == explainers


def test_an_explainer_without_a_layer_has_no_depth(model, few):
    class Pixels(kax.explainers.Explainer):
        def attribute(self, model, x, targets, forward):
            return forward.images

    report = kax.evaluate(model, few, explainers=[Pixels()], epsilons=EPSILONS, progress=False)
    with pytest.raises(ValueError, match=r"explainers that look at one layer each.* Received: explainers pixels"):
        report.depth_profile("fgsm")
    with pytest.raises(ValueError, match="no attack 'pgd'"):
        report.depth_profile("pgd")


@pytest.mark.slow
def test_many_blank_maps_make_one_note(build, few):
    """The probability of a saturated model has no gradient, so that every heatmap is blank."""
    model = build("linear")
    head = model.get_layer("head")
    head.set_weights([1e4 * weight for weight in head.get_weights()])
    explainers = GradCAM.every_layer(model, kind="all", score="probability")
    report = kax.evaluate(model, few, explainers=explainers, epsilons=EPSILONS, progress=False)
    (note,) = [note for note in report.warnings if "blank" in note]
    assert note.startswith("5 explainers have blank clean heatmaps")
    assert "up to 6 of 6, of grad_cam_conv1_probability" in note


@pytest.mark.slow
def test_explainers_that_share_a_layer_are_told_apart(model, few):
    every = GradCAM.every_layer(model)
    after = GradCAM.every_layer(model, score="probability")
    report = kax.evaluate(model, few, explainers=[*every, *after], epsilons=EPSILONS, progress=False)
    both = report.depth_profile("fgsm")
    assert both.labels == both.explainers
    assert sorted(both.labels) == sorted(item.name for item in (*every, *after))
    chosen = report.depth_profile("fgsm", after)
    assert chosen.labels == chosen.layers == ("conv1", "conv2", "conv3")
    assert chosen.mod[0].tolist() == [report.mod("fgsm", after[0], epsilon) for epsilon in EPSILONS]
    with pytest.raises(ValueError, match="one explainer for each layer"):
        kax.figures.depth(report)
    assert len(kax.figures.depth(report, after).axes) == 2
