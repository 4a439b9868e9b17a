"""The figures in TensorBoard: which, of what, and that they are there when the log is read back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from figures.made_report import ATTACKS, EPSILONS, EXPLAINERS, NAN, make_example, make_report, without_explainers
from matplotlib._pylab_helpers import Gcf
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_advxai import figures
from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.pictures import FEW, NEUTRAL, as_pixels, figures_of

PAIR = dict([EXPLAINERS])


def read(log_dir, run):
    """The events of a run, and its pictures: tag to step to `(height, width, 3)`."""
    events = EventAccumulator(str(log_dir / "advxai" / run), size_guidance={"tensors": 0}).Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "images":
            values = {event.step: tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
            found[tag] = {step: tf.io.decode_png(value[2]).numpy() for step, value in values.items()}
    return events, found


def log(path, report, class_names=None):
    with ReportWriter(path, class_names=class_names) as writer:
        writer.write_evaluation(report, 3)


@pytest.fixture(scope="module")
def report():
    """Explainers in a pair; `integrated_gradients` stands for the probability."""
    return make_report(score_pairs=PAIR)


@pytest.fixture(scope="module")
def log_dir(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("logs")
    log(path, report, ["cat", "dog"])
    return path


def test_curves_the_first_images_and_the_softmax(log_dir):
    events, found = read(log_dir, "evaluation")
    of_images = {f"advxai_images/{attack}/{name}/{i}" for attack in ATTACKS for name in EXPLAINERS for i in range(2)}
    assert set(found) == {
        *of_images,
        "advxai_report/1_drift",
        *(f"advxai_report/3_comparison/fgsm/{name}" for name in EXPLAINERS),
        *(f"advxai_scores/fgsm/{index}" for index in range(FEW)),
    }
    for tag, steps in found.items():
        assert set(steps) == {3}
        assert steps[3].shape[2] == 4  # with a background that is none
        assert steps[3][0, 0, 3] == (255 if tag in of_images else 0)
        assert events.SummaryMetadata(tag).summary_description.isascii()
    text = events.SummaryMetadata("advxai_report/3_comparison/fgsm/grad_cam").summary_description
    assert text.startswith("fgsm at epsilon 16/255, heatmaps of grad_cam over both images.")
    assert not Gcf.get_all_fig_managers()


def test_pictures_are_the_figures(report, log_dir):
    examples = report.select(attack="fgsm", epsilon=max(EPSILONS))
    rows = [example for example in examples if example.explainer == "grad_cam"][:FEW]
    _, found = read(log_dir, "evaluation")
    expected = as_pixels(figures.comparison(rows, class_names=["cat", "dog"]))
    np.testing.assert_array_equal(found["advxai_report/3_comparison/fgsm/grad_cam"][3], expected)
    np.testing.assert_array_equal(found["advxai_report/1_drift"][3], as_pixels(figures.drift(report)))
    expected = as_pixels(figures.scores(examples, PAIR, index=1, class_names=["cat", "dog"]))
    np.testing.assert_array_equal(found["advxai_scores/fgsm/1"][3], expected)


def test_numbers_that_are_not_finite_are_not_drawn(report):
    def broken(example):
        wrong = example.index == 0 and example.explainer == EXPLAINERS[1]
        return dataclasses.replace(example, heatmap=np.full((5, 6), NAN)) if wrong else example

    spoilt = dataclasses.replace(report, examples=tuple(map(broken, report.examples)))
    compared = {f"advxai_report/3_comparison/fgsm/{name}" for name in EXPLAINERS}
    found = {tag for tag, _, _ in figures_of(spoilt, None)}
    assert found == {"advxai_report/1_drift", *compared, "advxai_scores/fgsm/1"}
    nothing = [dataclasses.replace(e, adversarial=np.full_like(e.adversarial, NAN)) for e in report.examples]
    assert [tag for tag, _, _ in figures_of(dataclasses.replace(report, examples=tuple(nothing)), None)] == [
        "advxai_report/1_drift"
    ]


@pytest.mark.parametrize("what", ["no examples", "no explainers"])
def test_without_images_there_are_the_curves(report, what):
    lacking = without_explainers(report) if what == "no explainers" else dataclasses.replace(report, examples=())
    ((tag, _, draw),) = figures_of(lacking, None)
    assert tag == "advxai_report/1_drift"
    assert len(draw().axes) == (1 if what == "no explainers" else 3)


def test_names_that_are_no_tags():
    report = make_report(attacks=("../up/and away",), score_pairs=PAIR)
    for tag, description, _ in figures_of(report, None):
        assert "up-and" not in tag or tag.count("/") == (3 if tag.startswith("advxai_report/") else 2)
        assert tag.isascii()
        assert description.isascii()


def test_figures_are_for_both_themes():
    figure = Figure(figsize=(2, 2), dpi=50, facecolor="white")
    axes = figure.add_subplot()
    (black, violet), text = axes.plot([0, 1], [[0, 1], [1, 0]]), axes.set_title("title")
    black.set_color("black")
    violet.set_color("#440154")
    axes.grid(color="0.9")
    pixels = as_pixels(figure)
    assert pixels.shape == (100, 100, 4)
    assert pixels[0, 0, 3] == 0
    assert black.get_color() == text.get_color() == NEUTRAL
    assert {spine.get_edgecolor() for spine in axes.spines.values()} == {to_rgba(NEUTRAL)}
    assert axes.get_xgridlines()[0].get_alpha() == 0.25
    for color in (NEUTRAL, violet.get_color()):  # seen on white and on TensorBoard's dark gray, as WCAG has it
        light = luminance(color)
        assert (luminance("#303030") + 0.05) * 2 < light + 0.05 < 1.05 / 2


def test_names_that_leave_no_room_are_no_warning():
    figure = Figure(figsize=(1, 1), dpi=20, layout="constrained")
    figure.add_subplot().set_xlabel("a" * 50 + "\n" * 50)
    assert as_pixels(figure).shape == (20, 20, 4)


def luminance(color):
    parts = np.array(to_rgba(color)[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_figures_become_pixels_of_their_own_resolution():
    pixels = as_pixels(figures.explanation(make_example()))
    assert pixels.dtype == "uint8"
    assert pixels.shape[1:] == (680, 4)
    assert as_pixels(Figure(figsize=(1, 2), dpi=50, facecolor="white")).shape == (100, 50, 4)
    assert max(as_pixels(Figure(figsize=(10, 40), dpi=100)).shape) == 2000
