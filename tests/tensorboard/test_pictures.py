"""The figures in TensorBoard: which, of what, and that they are there when the log is read back."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
import tensorflow as tf
from figures.made_report import ATTACKS, EPSILONS, EXPLAINERS, NAN, make_example, make_report, without_explainers
from matplotlib._pylab_helpers import Gcf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_advxai import figures
from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.pictures import FEW, as_pixels, figures_of

STRONGEST = {"fgsm": "fgsm_eps0.0627", "uniform_noise": "uniform_noise_eps0.0627"}
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


def log(path, report, class_names=None, **options):
    with ReportWriter(path, class_names=class_names) as writer:
        writer.write(report, 3, **options)


@pytest.fixture(scope="module")
def report():
    """Explainers in a pair; `integrated_gradients` stands for the probability."""
    return make_report(score_pairs=PAIR)


@pytest.fixture(scope="module")
def log_dir(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("logs")
    log(path, report, ["cat", "dog"], images=False, figures=True)
    return path


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_figure_of_each_explainer_and_one_of_the_softmax_for_few_images(log_dir, attack):
    events, found = read(log_dir, STRONGEST[attack])
    tags = {f"advxai_figures/{attack}/{name}/{index}" for name in EXPLAINERS for index in range(FEW)}
    assert set(found) == tags | {f"advxai_scores/{attack}/{index}" for index in range(FEW)}
    for tag, steps in found.items():
        assert set(steps) == {3}
        assert steps[3].shape[1] == 680
        assert tag.isascii()
        assert events.SummaryMetadata(tag).summary_description.isascii()
    text = events.SummaryMetadata(f"advxai_figures/{attack}/grad_cam/1").summary_description
    assert text.startswith(f"Image 1. {attack} at epsilon 16/255, heatmaps of grad_cam over both images.")


def test_pictures_are_the_figures(report, log_dir):
    examples = report.select(attack="fgsm", epsilon=max(EPSILONS))
    expected = as_pixels(figures.explanation(examples[0], class_names=["cat", "dog"]))
    _, found = read(log_dir, STRONGEST["fgsm"])
    np.testing.assert_array_equal(found["advxai_figures/fgsm/grad_cam/0"][3], expected)
    expected = as_pixels(figures.scores(examples, PAIR, index=1, class_names=["cat", "dog"]))
    np.testing.assert_array_equal(found["advxai_scores/fgsm/1"][3], expected)


def test_no_others_and_none_of_the_smaller_epsilon(log_dir):
    _, found = read(log_dir, "fgsm_eps0.0314")
    assert not found
    assert not Gcf.get_all_fig_managers()


def test_none_unless_asked(report, tmp_path):
    log(tmp_path, report)
    _, found = read(tmp_path, STRONGEST["fgsm"])
    assert found
    assert all(tag.startswith("advxai_images/") for tag in found)


def test_with_images_both_are_there(report, tmp_path):
    log(tmp_path, report, figures=True)
    _, found = read(tmp_path, STRONGEST["fgsm"])
    assert {tag.split("/")[0] for tag in found} == {"advxai_images", "advxai_figures", "advxai_scores"}


def test_without_pairs_there_is_no_figure_of_the_softmax(tmp_path):
    log(tmp_path, make_report(), figures=True, images=False)
    _, found = read(tmp_path, STRONGEST["fgsm"])
    assert {tag.split("/")[0] for tag in found} == {"advxai_figures"}


@pytest.mark.slow
def test_class_names_are_in_the_figures(report, log_dir, tmp_path):
    log(tmp_path, report, images=False, figures=True)
    tag = "advxai_figures/fgsm/grad_cam/0"
    pictures = [read(path, STRONGEST["fgsm"])[1][tag][3] for path in (tmp_path, log_dir)]
    assert len({hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures}) == 2


def test_numbers_that_are_not_finite_are_not_drawn(report, tmp_path):
    def broken(example):
        wrong = example.index == 0 and example.explainer == EXPLAINERS[1]
        return dataclasses.replace(example, heatmap=np.full((5, 6), NAN)) if wrong else example

    spoilt = dataclasses.replace(report, examples=tuple(map(broken, report.examples)))
    found = {tag for tag, _, _ in figures_of(spoilt, "fgsm", None)}
    assert found == {
        *("advxai_figures/fgsm/grad_cam/0", "advxai_figures/fgsm/grad_cam/1"),
        *("advxai_figures/fgsm/integrated_gradients/1", "advxai_scores/fgsm/1"),
    }
    nothing = [dataclasses.replace(e, adversarial=np.full_like(e.adversarial, NAN)) for e in report.examples]
    log(tmp_path, dataclasses.replace(report, examples=tuple(nothing)), figures=True)
    assert not read(tmp_path, STRONGEST["fgsm"])[1]


@pytest.mark.parametrize("what", ["no examples", "no explainers"])
def test_without_anything_to_draw(report, tmp_path, what):
    lacking = without_explainers(report) if what == "no explainers" else dataclasses.replace(report, examples=())
    log(tmp_path, lacking, figures=True)
    assert not read(tmp_path, STRONGEST["fgsm"])[1]


def test_names_that_are_no_tags(tmp_path):
    report = make_report(attacks=("../up/and away",), score_pairs=PAIR)
    for tag, description, _ in figures_of(report, "../up/and away", None):
        assert tag.count("/") == (3 if tag.startswith("advxai_figures/") else 2)
        assert description.isascii()


def test_figures_become_pixels_of_their_own_resolution():
    pixels = as_pixels(figures.explanation(make_example()))
    assert pixels.dtype == "uint8"
    assert pixels.shape[1:] == (680, 3)
    assert as_pixels(Figure(figsize=(1, 2), dpi=50, facecolor="white")).shape == (100, 50, 3)
    assert max(as_pixels(Figure(figsize=(10, 40), dpi=100)).shape) == 2000
